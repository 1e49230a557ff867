#include <algorithm>

#include <nlohmann/json.hpp>

#include "engine/language/calls/answer_reader.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a format's number, then what a model says. Cut in pieces it is read as the same parts.
namespace hocket::fuzz {
namespace {

using language::answer_part;

std::vector<answer_part> read(const language::call_format& format, std::string_view text,
                              std::size_t piece) {
  language::answer_reader reader(format);
  std::vector<answer_part> all;
  const auto add = [&](std::vector<answer_part> parts) {
    for (auto& p : parts) {
      const bool text_again = !all.empty() && all.back().what == p.what &&
                              p.what != answer_part::kind::call &&
                              p.what != answer_part::kind::broken;
      if (text_again)
        all.back().text += p.text;
      else
        all.push_back(std::move(p));
    }
  };
  for (std::size_t at = 0; at < text.size(); at += piece) add(reader.push(text.substr(at, piece)));
  add(reader.finish());
  return all;
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty() || bytes.size() > language::answer_reader::max_call_bytes) return;
  const auto& formats = language::call_formats();
  const auto& format = formats[bytes[0] % formats.size()];
  const std::string text(bytes.begin() + 1, bytes.end());
  const auto whole = read(format, text, std::max<std::size_t>(text.size(), 1));
  for (const auto& p : whole) {
    HOCKET_ASSERT(p.text.size() <= 8 * text.size() + 2);
    if (p.what != answer_part::kind::call) continue;
    HOCKET_ASSERT(!p.name.empty() || std::string_view(format.name) != "kimi");
    HOCKET_ASSERT(nlohmann::json::parse(p.text, nullptr, false).is_object());
  }
  const auto cut = read(format, text, 3);
  HOCKET_ASSERT(cut.size() == whole.size());
  for (std::size_t i = 0; i < cut.size(); ++i)
    HOCKET_ASSERT(cut[i].what == whole[i].what && cut[i].name == whole[i].name &&
                  cut[i].text == whole[i].text);
}

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  const auto& formats = language::call_formats();
  for (std::size_t i = 0; i < formats.size(); ++i) {
    const auto& f = formats[i];
    const std::string call =
        std::string(f.open) + "now" + f.after_name + "{\"a\": [1, \"b\"]}" + f.close;
    out.push_back(static_cast<char>(i) + std::string("Well <think>no</think>") + f.begin + call +
                  (f.between != nullptr ? f.between + call : "") + f.end + " done");
    out.push_back(static_cast<char>(i) + std::string(f.begin) + call + f.end);
  }
  return out;
}

}  // namespace

extern const target answer;
const target answer = {"answer", run, seeds};

}  // namespace hocket::fuzz
