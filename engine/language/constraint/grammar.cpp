#include "engine/language/constraint/grammar.hpp"

#include <algorithm>
#include <queue>

#include <fmt/format.h>

#include "engine/language/tokenizer/utf8.hpp"

namespace hocket::language {
namespace {

using byte_ranges = std::vector<std::pair<std::uint8_t, std::uint8_t>>;

/// The UTF-8 of first to last as sequences of byte ranges.
void utf8_sequences(char32_t first, char32_t last, std::vector<byte_ranges>& out) {
  constexpr char32_t ends[] = {0x7f, 0x7ff, 0xffff, 0x10ffff};
  for (const char32_t end : ends)
    if (first <= end && end < last) {
      utf8_sequences(first, end, out);
      utf8_sequences(end + 1, last, out);
      return;
    }
  if (last < 0x80) {
    out.push_back({{static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(last)}});
    return;
  }
  // Where the ends differ in more than the last bytes, the bytes after the first difference must be
  // all there are.
  for (int bits = 6; bits <= 18; bits += 6) {
    const char32_t mask = (char32_t{1} << bits) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      utf8_sequences(first, first | mask, out);
      utf8_sequences((first | mask) + 1, last, out);
      return;
    }
    if ((last & mask) != mask) {
      utf8_sequences(first, (last & ~mask) - 1, out);
      utf8_sequences(last & ~mask, last, out);
      return;
    }
  }
  std::string a, b;
  append_utf8(a, first);
  append_utf8(b, last);
  byte_ranges sequence;
  for (std::size_t i = 0; i < a.size(); ++i)
    sequence.emplace_back(static_cast<std::uint8_t>(a[i]), static_cast<std::uint8_t>(b[i]));
  out.push_back(std::move(sequence));
}

}  // namespace

int grammar_builder::add(grammar::node n) {
  if (g_.nodes.size() >= grammar::max_nodes) too_large_ = true;
  if (too_large_) return 0;
  g_.nodes.push_back(n);
  return static_cast<int>(g_.nodes.size()) - 1;
}

int grammar_builder::finish() { return add({grammar::kind::finish, -1, -1, -1}); }

int grammar_builder::byte(const std::bitset<256>& set, int next) {
  const auto [found, fresh] = sets_.emplace(set.to_string(), static_cast<int>(g_.sets.size()));
  if (fresh) g_.sets.push_back(set);
  return add({grammar::kind::bytes, next, -1, found->second});
}

int grammar_builder::literal(std::string_view text, int next) {
  for (auto c = text.rbegin(); c != text.rend(); ++c)
    next = byte(std::bitset<256>().set(static_cast<unsigned char>(*c)), next);
  return next;
}

int grammar_builder::token(int id, int next) { return add({grammar::kind::token, next, -1, id}); }

int grammar_builder::choice(const std::vector<int>& starts) {
  int at = starts.empty() ? add({grammar::kind::bytes, -1, -1, -1}) : starts.back();
  for (std::size_t i = starts.size(); i-- > 1;)
    at = add({grammar::kind::split, starts[i - 1], at, -1});
  return at;
}

int grammar_builder::star(const part& body, int next) {
  const int loop = add({grammar::kind::split, next, -1, -1});
  const int inside = body(loop);
  if (!too_large_) g_.nodes[static_cast<std::size_t>(loop)].other = inside;
  return loop;
}

int grammar_builder::call(int rule, int next) { return add({grammar::kind::call, next, rule, -1}); }

int grammar_builder::reserve() { return add({grammar::kind::split, -1, -1, -1}); }

void grammar_builder::fill(int place, int with) {
  if (!too_large_) g_.nodes[static_cast<std::size_t>(place)].next = with;
}

int grammar_builder::rule(const part& body) { return body(finish()); }

int grammar_builder::sequence(const byte_ranges& bytes, int next) {
  for (auto r = bytes.rbegin(); r != bytes.rend(); ++r) {
    std::bitset<256> set;
    for (int b = r->first; b <= r->second; ++b) set.set(static_cast<std::size_t>(b));
    next = byte(set, next);
  }
  return next;
}

int grammar_builder::character(const char_set& set, int next) {
  const auto found = characters_.find(set.ranges());
  if (found != characters_.end()) return call(found->second, next);
  const int end = finish();
  std::bitset<256> ascii;
  std::vector<int> starts;
  for (const auto& r : set.ranges()) {
    std::vector<byte_ranges> all;
    utf8_sequences(r.first, r.last, all);
    for (const auto& s : all) {
      if (s.size() == 1)
        for (int b = s[0].first; b <= s[0].second; ++b) ascii.set(static_cast<std::size_t>(b));
      else
        starts.push_back(sequence(s, end));
    }
  }
  if (ascii.any()) starts.push_back(byte(ascii, end));
  const int rule = choice(starts);
  characters_[set.ranges()] = rule;
  return call(rule, next);
}

int grammar_builder::json_character(const char_set& set, int next) {
  const auto found = json_characters_.find(set.ranges());
  if (found != json_characters_.end()) return call(found->second, next);
  const int end = finish();
  std::vector<int> starts;
  const auto escaped = char_set::of({{0, 0x1f}, {U'"', U'"'}, {U'\\', U'\\'}});
  const auto plain = set.without(escaped);
  if (!plain.empty()) starts.push_back(character(plain, end));
  for (char32_t c = 0; c <= U'\\'; ++c) {
    if (!escaped.has(c) || !set.has(c)) continue;
    constexpr std::string_view named = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
    const auto at = named.find(static_cast<char>(c));
    starts.push_back(literal(at != named.npos ? std::string("\\") + names[at]
                                              : fmt::format("\\u{:04x}", static_cast<unsigned>(c)),
                             end));
  }
  if (set == char_set::all()) {
    // Any character may be written by its number, too; halves of a pair are none.
    std::bitset<256> hex, low_hex, without_d, d;
    for (const char c : std::string_view("0123456789abcdefABCDEF")) {
      const auto b = static_cast<std::size_t>(static_cast<unsigned char>(c));
      hex.set(b);
      if (c != 'd' && c != 'D') without_d.set(b);
    }
    d.set('d').set('D');
    for (const char c : std::string_view("01234567")) low_hex.set(static_cast<std::size_t>(c));
    const int two = byte(hex, byte(hex, end));
    starts.push_back(
        literal("\\u", choice({byte(without_d, byte(hex, two)), byte(d, byte(low_hex, two))})));
    starts.push_back(literal("\\/", end));
  }
  const int rule = choice(starts);
  json_characters_[set.ranges()] = rule;
  return call(rule, next);
}

int grammar_builder::text(const text_set& set, bool in_json, int next) {
  std::vector<int> places;
  for (std::size_t i = 0; i < set.states.size(); ++i) places.push_back(reserve());
  for (std::size_t i = 0; i < set.states.size() && !too_large_; ++i) {
    std::vector<int> ways;
    for (const auto& e : set.states[i].edges) {
      const int to = places[static_cast<std::size_t>(e.to)];
      ways.push_back(in_json ? json_character(e.on, to) : character(e.on, to));
    }
    if (set.states[i].accepts) ways.push_back(next);
    fill(places[i], choice(ways));
  }
  return places[0];
}

result<std::shared_ptr<const grammar>> grammar_builder::build(int start) {
  if (too_large_)
    return fail("constraint.too_large",
                "the constraint needs more than " + std::to_string(grammar::max_nodes) + " nodes");
  const auto n = g_.nodes.size();
  g_.start = start;
  g_.distance.assign(n, grammar::never);
  std::vector<std::vector<int>> users(n);
  for (std::size_t i = 0; i < n; ++i)
    for (const int to : {g_.nodes[i].next, g_.nodes[i].other})
      if (to >= 0) users[static_cast<std::size_t>(to)].push_back(static_cast<int>(i));
  const auto d = [&](int i) {
    return i < 0 ? grammar::never : g_.distance[static_cast<std::size_t>(i)];
  };
  // Shortest ways, the nearest first (Knuth): a call costs its rule and what follows.
  using entry = std::pair<std::int32_t, int>;
  std::priority_queue<entry, std::vector<entry>, std::greater<>> open;
  for (std::size_t i = 0; i < n; ++i)
    if (g_.nodes[i].what == grammar::kind::finish) g_.distance[i] = 0, open.push({0, int(i)});
  while (!open.empty()) {
    const auto [at, node] = open.top();
    open.pop();
    if (at > d(node)) continue;
    for (const int u : users[static_cast<std::size_t>(node)]) {
      const auto& x = g_.nodes[static_cast<std::size_t>(u)];
      std::int32_t now = grammar::never;
      if (x.what == grammar::kind::split) now = std::min(d(x.next), d(x.other));
      if (x.what == grammar::kind::call) now = std::min(grammar::never, d(x.next) + d(x.other));
      if (x.what == grammar::kind::bytes || x.what == grammar::kind::token) now = d(x.next) + 1;
      if (now < d(u)) g_.distance[static_cast<std::size_t>(u)] = now, open.push({now, u});
    }
  }
  if (d(start) >= grammar::never)
    return fail("constraint.empty", "nothing satisfies the constraint");
  return std::make_shared<const grammar>(std::move(g_));
}

}  // namespace hocket::language
