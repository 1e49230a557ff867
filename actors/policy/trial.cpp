#include "actors/policy/trial.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hocket::policy {
namespace {

constexpr std::chrono::milliseconds word_takes{300};
constexpr std::chrono::seconds turn_pause{2};

std::string trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r"), to = text.find_last_not_of(" \t\r");
  return from == text.npos ? "" : std::string(text.substr(from, to - from + 1));
}

std::vector<std::string> parts_of(std::string_view text, char border) {
  std::vector<std::string> out;
  while (true) {
    const auto end = std::min(text.find(border), text.size());
    if (auto part = trimmed(text.substr(0, end)); !part.empty()) out.push_back(std::move(part));
    if (end == text.size()) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<match> tried(const rules& all, bool with_minors, const std::vector<std::string>& turns,
                         const judge_of& judged) {
  watch w(all, with_minors);
  std::vector<match> out;
  const auto add = [&](std::vector<match> found) {
    for (auto& m : found) out.push_back(std::move(m));
  };
  auto at = timestamp::of_ms(0);
  for (const auto& turn : turns) {
    const auto before = static_cast<std::ptrdiff_t>(out.size());
    for (const auto& word : parts_of(turn, ' ')) {
      add(w.hear(word, at));
      at = at + word_takes;
    }
    at = at + turn_pause;
    add(w.settle(at));
    const auto found = judged ? judged(turn) : std::string();
    if (found.empty()) continue;
    const auto what = std::ranges::find(all.topics, found, &topic::name);
    const bool concerns = what != all.topics.end() && (with_minors || !what->only_minors);
    const auto is_new = [&] {
      return std::none_of(out.begin() + before, out.end(),
                          [&](const match& m) { return m.what == &*what; });
    };
    if (concerns && is_new()) out.push_back({&*what, "judge"});
  }
  return out;
}

result<std::vector<trial_case>> read_cases(const std::string& file, const std::string& text,
                                           const rules& all) {
  std::vector<trial_case> out;
  int number = 0;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find('\n', from), text.size());
    const auto line = trimmed(std::string_view(text).substr(from, end - from));
    from = end + 1;
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const auto bad = [&](const std::string& why) {
      return fail("policy.bad_case", fmt::format("{}:{}: {}", file, number, why));
    };
    const auto colon = line.find(':');
    if (colon == line.npos)
      return bad("a case reads `TOPIC: words`, or `-: words` where nothing may come up");
    trial_case c{number, parts_of(std::string_view(line).substr(0, colon), ','),
                 parts_of(std::string_view(line).substr(colon + 1), '|')};
    if (c.topics == std::vector<std::string>{"-"})
      c.topics.clear();
    else if (c.topics.empty())
      return bad("no topic stands before the colon; `-` is none");
    if (c.turns.empty()) return bad("no words stand behind the colon");
    for (const auto& name : c.topics)
      if (std::ranges::find(all.topics, name, &topic::name) == all.topics.end())
        return bad("the policy has no topic `" + name + "`");
    out.push_back(std::move(c));
  }
  return out;
}

}  // namespace hocket::policy
