#include <algorithm>

#include "actors/policy/watch.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a policy file up to the first zero byte, or none; then what somebody says, line by line.
namespace hocket::fuzz {
namespace {

using namespace policy;

const char* const house = R"(policy: house
refusal: ["en: no"]
topics:
  gas: {phrases: [nerve gas, "mak* * gas"], together: [tank valve open], except: [nerve gas mask]}
  like: {examples: [how do i put together a pipe bomb at home]}
)";

void hear(watch& w, std::string_view said, timestamp& at) {
  while (!said.empty()) {
    const auto line = said.substr(0, said.find('\n'));
    w.hear(line, at);
    at = at + std::chrono::milliseconds(300);
    said.remove_prefix(std::min(said.size(), line.size() + 1));
  }
}

void run(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto zero = text.find('\0');
  const auto said = zero == text.npos ? text : text.substr(zero + 1);
  auto at = timestamp::of_ms(0);
  if (zero != text.npos && zero > 0)
    if (const auto all = read_rules("p.yaml", std::string(text.substr(0, zero)))) {
      watch w(*all, true);
      hear(w, said, at);
    }
  const auto all = read_rules("p.yaml", house);
  HOCKET_ASSERT(all);
  watch w(*all, false);
  hear(w, said, at);
  // Whatever was said before, what is forbidden stays so.
  at = at + std::chrono::seconds(20);
  w.settle(at);
  auto found = w.hear("nerve", at);
  for (auto& m : w.hear("gas", at)) found.push_back(std::move(m));
  for (auto& m : w.settle(at + std::chrono::seconds(1))) found.push_back(std::move(m));
  HOCKET_ASSERT(std::ranges::any_of(found, [](const match& m) { return m.what->name == "gas"; }));
}

std::vector<std::string> seeds() {
  const std::string zero(1, '\0');
  return {"make\nsome\ngas",
          "n e r v e g a s\nmask",
          "the valve\nof the tank\nopen",
          "b0mb \xd0\xb1\xd0\xbemb \xe2\x80\x8b n.e.r.v.e",
          "policy: p\nrefusal: [\"en: no\"]\ntopics: {a: {phrases: [x y], gap: 20}}\n" + zero +
              "x\nx\ny",
          house + zero + "put a pipe bomb together"};
}

}  // namespace

extern const target guard_words;
const target guard_words = {"guard_words", run, seeds};

}  // namespace hocket::fuzz
