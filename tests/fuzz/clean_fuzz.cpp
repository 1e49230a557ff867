#include "graph/core/assert.hpp"
#include "graph/text/clean.hpp"
#include "tests/fuzz/targets.hpp"

// Input: what a tool, a script or a server says.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto once = clean_text(text);
  HOCKET_ASSERT(clean_text(once) == once);
  for (const char c : once)
    HOCKET_ASSERT((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) || c == '\n' || c == '\t');
  const std::size_t limit = bytes.empty() ? 0 : bytes[0];
  const auto cut = cut_text(once, limit);
  HOCKET_ASSERT(cut == once || (once.size() > limit && clean_text(cut) == cut));
}

std::vector<std::string> seeds() {
  return {"plain",
          "two\nlines",
          "\x1b[31mred\x1b[0m",
          "\x1b]0;title\x07 x",
          "\xc2\x9b"
          "1m",
          "\xf0\x9f\x98\x80 \xe4\xb8\x96",
          "\xff\xfe\x80"};
}

}  // namespace

extern const target clean;
const target clean = {"clean", run, seeds};

}  // namespace hocket::fuzz
