// Regular expressions as text sets: an automaton with empty steps, made deterministic.
#include <algorithm>
#include <map>

#include "engine/language/constraint/pattern_terms.hpp"
#include "engine/language/constraint/text_set.hpp"
#include "engine/language/files/text_checks.hpp"
#include "engine/language/tokenizer/utf8.hpp"

namespace hocket::language {
namespace {

using ranges = std::vector<char_set::range>;

/// An automaton with empty steps.
struct machine {
  struct node {
    enum class kind { set, split, begin, end, accept } what;
    char_set set;
    std::vector<int> to;
  };
  std::vector<node> nodes;
  bool too_large = false;

  int add(node n) {
    if (nodes.size() > 4 * text_set::max_states) too_large = true;
    if (too_large) return 0;
    nodes.push_back(std::move(n));
    return static_cast<int>(nodes.size()) - 1;
  }
  int compile(const term& t, int next) {
    using tk = term::kind;
    using nk = node::kind;
    if (too_large) return 0;
    switch (t.what) {
      case tk::set: return add({nk::set, t.set, {next}});
      case tk::begin: return add({nk::begin, {}, {next}});
      case tk::end: return add({nk::end, {}, {next}});
      case tk::sequence:
        for (auto i = t.parts.rbegin(); i != t.parts.rend(); ++i) next = compile(**i, next);
        return next;
      case tk::choice: {
        std::vector<int> starts;
        for (const auto& p : t.parts) starts.push_back(compile(*p, next));
        return add({nk::split, {}, std::move(starts)});
      }
      case tk::repeat: break;
    }
    if (t.most < 0) {
      const int loop = add({nk::split, {}, {next}});
      const int body = compile(*t.parts[0], loop);
      if (too_large) return 0;
      nodes[static_cast<std::size_t>(loop)].to.push_back(body);
      next = loop;
    } else {
      const int end = next;
      for (int i = t.least; i < t.most; ++i)
        next = add({nk::split, {}, {compile(*t.parts[0], next), end}});
    }
    for (int i = 0; i < t.least; ++i) {
      const int before = next;
      next = compile(*t.parts[0], next);
      if (next == before) break;  // of nothing, any number is the same
    }
    return next;
  }

  /// What is reached from `from` without a character.
  std::vector<int> closure(std::vector<int> from, bool at_begin, bool at_end) const {
    std::vector<bool> seen(nodes.size(), false);
    std::vector<int> out;
    while (!from.empty()) {
      const int i = from.back();
      from.pop_back();
      if (seen[static_cast<std::size_t>(i)]) continue;
      seen[static_cast<std::size_t>(i)] = true;
      const auto& n = nodes[static_cast<std::size_t>(i)];
      out.push_back(i);
      using nk = node::kind;
      if (n.what == nk::split || (n.what == nk::begin && at_begin) || (n.what == nk::end && at_end))
        from.insert(from.end(), n.to.begin(), n.to.end());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
};

/// Disjoint sets of characters, each with the nodes that they lead to.
std::vector<std::pair<char_set, std::vector<int>>> steps(const machine& m,
                                                         const std::vector<int>& from) {
  std::map<char32_t, std::vector<std::pair<int, int>>> changes;  // where a node's set begins, ends
  for (const int i : from) {
    const auto& n = m.nodes[static_cast<std::size_t>(i)];
    if (n.what != machine::node::kind::set) continue;
    for (const auto& r : n.set.ranges()) {
      changes[r.first].push_back({n.to[0], 1});
      changes[r.last + 1].push_back({n.to[0], -1});
    }
  }
  std::map<int, int> now;
  std::map<std::vector<int>, ranges> found;
  char32_t begin = 0;
  for (const auto& [at, list] : changes) {
    if (!now.empty()) {
      std::vector<int> targets;
      for (const auto& [to, count] : now) targets.push_back(to);
      found[targets].push_back({begin, at - 1});
    }
    for (const auto& [to, by] : list)
      if ((now[to] += by) == 0) now.erase(to);
    begin = at;
  }
  std::vector<std::pair<char_set, std::vector<int>>> out;
  for (auto& [targets, where] : found)
    if (auto set = char_set::of(std::move(where)); !set.empty()) out.push_back({set, targets});
  return out;
}

result<text_set> deterministic(const machine& m, int start) {
  const auto accepts = [&](const std::vector<int>& set, bool at_begin) {
    for (const int i : m.closure(set, at_begin, true))
      if (m.nodes[static_cast<std::size_t>(i)].what == machine::node::kind::accept) return true;
    return false;
  };
  text_set out;
  std::map<std::vector<int>, int> names;
  std::vector<std::vector<int>> order{m.closure({start}, true, false)};
  std::size_t size = 0;
  // The first state is its own: only there a `^` holds.
  for (std::size_t i = 0; i < order.size(); ++i) {
    text_set::state s;
    s.accepts = accepts(order[i], i == 0);
    for (auto& [on, targets] : steps(m, order[i])) {
      auto to = m.closure(targets, false, false);
      const auto [found, fresh] = names.emplace(to, static_cast<int>(order.size()));
      if (fresh) size += to.size(), order.push_back(std::move(to));
      s.edges.push_back({on, found->second});
    }
    out.states.push_back(std::move(s));
    if (order.size() > text_set::max_states || size > 500'000)
      return fail("constraint.too_large", "a pattern needs too many states");
  }
  return out;
}

}  // namespace

result<text_set> text_set::of_pattern(std::string_view pattern, bool anywhere) {
  if (!is_utf8(pattern)) return fail("constraint.bad_pattern", "pattern: not UTF-8");
  if (pattern.size() > 65536) return fail("constraint.too_large", "pattern: over 64 KiB");
  const auto t = parse_pattern(code_points(pattern));
  if (!t) return fail(t);
  machine m;
  using nk = machine::node::kind;
  const int accept = m.add({nk::accept, {}, {}});
  int end = accept;
  const auto any_around = [&](int next) {
    const int loop = m.add({nk::split, {}, {next}});
    const int step = m.add({nk::set, char_set::all(), {loop}});
    m.nodes[static_cast<std::size_t>(loop)].to.push_back(step);
    return loop;
  };
  if (anywhere) end = any_around(accept);
  int start = m.compile(**t, end);
  if (m.too_large) return fail("constraint.too_large", "a pattern needs too many states");
  if (anywhere) start = any_around(start);
  auto set = deterministic(m, start);
  if (!set) return set;
  return common(*set, text_set::all());  // without states that lead nowhere
}

}  // namespace hocket::language
