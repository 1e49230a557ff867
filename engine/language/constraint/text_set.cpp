#include "engine/language/constraint/text_set.hpp"

#include <algorithm>
#include <map>

#include "engine/language/tokenizer/utf8.hpp"

namespace hocket::language {
namespace {

constexpr char32_t last_char = 0x10ffff;

/// The same set without states that no text passes or that lead to no end.
text_set trimmed(const text_set& a) {
  const auto n = a.states.size();
  std::vector<std::vector<int>> from(n);
  for (std::size_t i = 0; i < n; ++i)
    for (const auto& e : a.states[i].edges)
      from[static_cast<std::size_t>(e.to)].push_back(static_cast<int>(i));
  std::vector<bool> useful(n, false);
  std::vector<int> open;
  for (std::size_t i = 0; i < n; ++i)
    if (a.states[i].accepts) useful[i] = true, open.push_back(static_cast<int>(i));
  while (!open.empty()) {
    const auto at = static_cast<std::size_t>(open.back());
    open.pop_back();
    for (const int f : from[at])
      if (!useful[static_cast<std::size_t>(f)]) {
        useful[static_cast<std::size_t>(f)] = true;
        open.push_back(f);
      }
  }
  text_set out;
  std::vector<int> name(n, -1);
  std::vector<std::size_t> order{0};
  name[0] = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    text_set::state s;
    s.accepts = a.states[order[i]].accepts;
    for (const auto& e : a.states[order[i]].edges) {
      const auto to = static_cast<std::size_t>(e.to);
      if (!useful[to]) continue;
      if (name[to] < 0) name[to] = static_cast<int>(order.size()), order.push_back(to);
      s.edges.push_back({e.on, name[to]});
    }
    out.states.push_back(std::move(s));
  }
  return out;
}

}  // namespace

char_set char_set::all() { return of({{0, 0xd7ff}, {0xe000, last_char}}); }

char_set char_set::of(std::vector<range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  char_set out;
  const auto add = [&](char32_t first, char32_t last) {
    if (first > last) return;
    auto& list = out.ranges_;
    if (!list.empty() && first <= list.back().last + 1)
      list.back().last = std::max(list.back().last, last);
    else
      list.push_back({first, last});
  };
  for (const auto& r : ranges) {
    const auto last = std::min(r.last, last_char);
    if (r.first < 0xd800) add(r.first, std::min<char32_t>(last, 0xd7ff));
    if (last > 0xdfff) add(std::max<char32_t>(r.first, 0xe000), last);
  }
  return out;
}

char_set char_set::without(const char_set& other) const {
  std::vector<range> out;
  for (auto r : ranges_) {
    bool left = true;
    for (const auto& o : other.ranges_) {
      if (o.last < r.first) continue;
      if (o.first > r.last) break;
      if (o.first > r.first) out.push_back({r.first, o.first - 1});
      if (o.last >= r.last) {
        left = false;
        break;
      }
      r.first = o.last + 1;
    }
    if (left) out.push_back(r);
  }
  return of(std::move(out));
}

char_set char_set::common(const char_set& other) const {
  std::vector<range> out;
  for (std::size_t i = 0, j = 0; i < ranges_.size() && j < other.ranges_.size();) {
    const auto &a = ranges_[i], &b = other.ranges_[j];
    const auto first = std::max(a.first, b.first), last = std::min(a.last, b.last);
    if (first <= last) out.push_back({first, last});
    a.last < b.last ? ++i : ++j;
  }
  return of(std::move(out));
}

bool char_set::has(char32_t c) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                      [](char32_t x, const range& r) { return x < r.first; });
  return after != ranges_.begin() && c <= std::prev(after)->last;
}

bool text_set::has(std::string_view text) const {
  std::size_t at = 0;
  for (const char32_t c : code_points(text)) {
    const auto& edges = states[at].edges;
    const auto e =
        std::find_if(edges.begin(), edges.end(), [&](const edge& one) { return one.on.has(c); });
    if (e == edges.end()) return false;
    at = static_cast<std::size_t>(e->to);
  }
  return states[at].accepts;
}

bool text_set::empty() const {
  return std::none_of(states.begin(), states.end(), [](const state& s) { return s.accepts; });
}

text_set text_set::all() { return {{{{{char_set::all(), 0}}, true}}}; }

result<text_set> text_set::of_length(std::size_t least, std::optional<std::size_t> most) {
  const auto last = most.value_or(least);
  if (last >= max_states)
    return fail("constraint.too_large", "a length of " + std::to_string(last) + " characters");
  text_set out;
  for (std::size_t i = 0; i <= last; ++i) {
    state s;
    s.accepts = i >= least;
    if (i < last)
      s.edges.push_back({char_set::all(), static_cast<int>(i + 1)});
    else if (!most)
      s.edges.push_back({char_set::all(), static_cast<int>(i)});
    out.states.push_back(std::move(s));
  }
  return out;
}

text_set text_set::of_texts(const std::vector<std::string>& texts) {
  text_set out{{{}}};
  for (const auto& text : texts) {
    std::size_t at = 0;
    for (const char32_t c : code_points(text)) {
      const auto& edges = out.states[at].edges;
      const auto e =
          std::find_if(edges.begin(), edges.end(), [&](const edge& one) { return one.on.has(c); });
      if (e != edges.end()) {
        at = static_cast<std::size_t>(e->to);
        continue;
      }
      out.states[at].edges.push_back({char_set::of({{c, c}}), static_cast<int>(out.states.size())});
      at = out.states.size();
      out.states.emplace_back();
    }
    out.states[at].accepts = true;
  }
  return out;
}

result<text_set> common(const text_set& a, const text_set& b) {
  text_set out;
  std::map<std::pair<int, int>, int> names{{{0, 0}, 0}};
  std::vector<std::pair<int, int>> order{{0, 0}};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto [x, y] = order[i];
    const auto &sa = a.states[static_cast<std::size_t>(x)],
               &sb = b.states[static_cast<std::size_t>(y)];
    text_set::state s;
    s.accepts = sa.accepts && sb.accepts;
    for (const auto& ea : sa.edges)
      for (const auto& eb : sb.edges) {
        auto on = ea.on.common(eb.on);
        if (on.empty()) continue;
        const std::pair<int, int> to{ea.to, eb.to};
        const auto [found, fresh] = names.emplace(to, static_cast<int>(order.size()));
        if (fresh) order.push_back(to);
        s.edges.push_back({std::move(on), found->second});
      }
    if (order.size() > text_set::max_states)
      return fail("constraint.too_large", "patterns and lengths together need too many states");
    out.states.push_back(std::move(s));
  }
  return trimmed(out);
}

text_set others(const text_set& a) {
  text_set out = a;
  const auto dead = static_cast<int>(out.states.size());
  for (auto& s : out.states) {
    auto rest = char_set::all();
    for (const auto& e : s.edges) rest = rest.without(e.on);
    if (!rest.empty()) s.edges.push_back({std::move(rest), dead});
    s.accepts = !s.accepts;
  }
  out.states.push_back({{{char_set::all(), dead}}, true});
  return trimmed(out);
}

}  // namespace hocket::language
