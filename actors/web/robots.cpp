#include "actors/web/robots.hpp"

#include <algorithm>
#include <vector>

namespace hocket::web {
namespace {

constexpr std::size_t most_bytes = 500 << 10;
constexpr std::size_t most_rules = 5000;

struct rule {
  std::string pattern;
  bool allow = false;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

/// `*` stands for anything, `$` at the end for the end; else a prefix. Linear in both.
bool matches(std::string_view path, std::string_view pattern) {
  const bool whole = pattern.ends_with('$');
  if (whole) pattern.remove_suffix(1);
  std::size_t p = 0, t = 0, star = pattern.npos, mark = 0;
  while (t < path.size()) {
    if (p == pattern.size() && !whole) return true;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == path[t]) {
      ++p, ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool robots_allow(std::string_view robots, std::string_view agent, std::string_view path) {
  robots = robots.substr(0, most_bytes);
  if (robots.starts_with("\xEF\xBB\xBF")) robots.remove_prefix(3);
  const auto me = lower(agent);
  std::vector<rule> mine, everybody;
  bool for_me = false, for_all = false, in_rules = true, has_mine = false;
  while (!robots.empty()) {
    const auto end = std::min(robots.find('\n'), robots.size());
    auto line = robots.substr(0, end);
    robots.remove_prefix(std::min(robots.size(), end + 1));
    line = trimmed(line.substr(0, line.find('#')));
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto key = lower(trimmed(line.substr(0, colon)));
    const auto value = trimmed(line.substr(colon + 1));
    if (key == "user-agent") {
      if (in_rules) for_me = for_all = in_rules = false;  // a new group
      for_all = for_all || value == "*";
      for_me = for_me || lower(value) == me;
      has_mine = has_mine || for_me;
    } else if (key == "allow" || key == "disallow") {
      in_rules = true;
      if (value.empty()) continue;
      if (for_me && mine.size() < most_rules) mine.push_back({std::string(value), key == "allow"});
      if (for_all && everybody.size() < most_rules)
        everybody.push_back({std::string(value), key == "allow"});
    }
  }
  std::size_t longest = 0;
  bool allowed = true;
  for (const auto& r : has_mine ? mine : everybody) {
    if (!matches(path, r.pattern)) continue;
    if (r.pattern.size() > longest || (r.pattern.size() == longest && r.allow)) {
      longest = r.pattern.size();
      allowed = r.allow;
    }
  }
  return allowed;
}

}  // namespace hocket::web
