#include "engine/language/constraint/pattern_terms.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "engine/language/files/text_checks.hpp"
#include "engine/language/tokenizer/utf8.hpp"

namespace hocket::language {
namespace {

using ranges = std::vector<char_set::range>;

constexpr int most_repeats = 10000;

class parser {
 public:
  explicit parser(std::u32string text) : text_(std::move(text)) {}

  result<term_ptr> parse() {
    auto t = choice();
    if (failed_) return tl::unexpected<error>(*failed_);
    if (at_ < text_.size()) {
      bad("`)` without `(`");
      return tl::unexpected<error>(*failed_);
    }
    return t;
  }

 private:
  using kind = term::kind;

  bool more() const { return at_ < text_.size() && !failed_; }
  bool next_is(std::u32string_view s) const { return text_.compare(at_, s.size(), s) == 0; }
  bool take(char32_t c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string place() const { return " at character " + std::to_string(at_ + 1); }
  void bad(const std::string& what) {
    if (!failed_) failed_ = error{"constraint.bad_pattern", "pattern: " + what + place()};
  }
  void unsupported(const std::string& what) {
    if (!failed_)
      failed_ = error{"constraint.unsupported", "pattern: " + what + " is not supported" + place()};
  }
  static term_ptr make(kind what, std::vector<term_ptr> parts = {}) {
    auto t = std::make_shared<term>();
    t->what = what;
    t->parts = std::move(parts);
    return t;
  }
  static term_ptr one_of(char_set set) {
    auto t = std::make_shared<term>();
    t->what = kind::set;
    t->set = std::move(set);
    return t;
  }

  term_ptr choice() {
    if (++depth_ > 100) bad("nested too deeply");
    std::vector<term_ptr> parts{sequence()};
    while (take(U'|')) parts.push_back(sequence());
    --depth_;
    return parts.size() == 1 ? parts[0] : make(kind::choice, std::move(parts));
  }

  term_ptr sequence() {
    std::vector<term_ptr> parts;
    while (more() && text_[at_] != U'|' && text_[at_] != U')') parts.push_back(repeated());
    return make(kind::sequence, std::move(parts));
  }

  term_ptr repeated() {
    auto t = atom();
    while (more()) {
      int least, most;
      if (take(U'*'))
        least = 0, most = -1;
      else if (take(U'+'))
        least = 1, most = -1;
      else if (take(U'?'))
        least = 0, most = 1;
      else if (text_[at_] != U'{' || !counts(least, most))
        break;
      take(U'?');  // lazy or not: the same texts
      if (t->what == kind::repeat) bad("nothing to repeat");
      if (t->what == kind::begin || t->what == kind::end) bad("an anchor cannot be repeated");
      auto r = std::make_shared<term>();
      r->what = kind::repeat;
      r->parts = {t};
      r->least = least;
      r->most = most;
      t = r;
    }
    return t;
  }

  /// `{2}`, `{2,}`, `{2,5}`; false where it is no such thing, and a brace stands for itself.
  bool counts(int& least, int& most) {
    auto i = at_ + 1;
    const auto number = [&](int& into) {
      const auto begin = i;
      for (into = 0; i < text_.size() && text_[i] >= U'0' && text_[i] <= U'9'; ++i)
        into = std::min(into * 10 + static_cast<int>(text_[i] - U'0'), most_repeats + 1);
      return i > begin;
    };
    if (!number(least)) return false;
    most = least;
    if (i < text_.size() && text_[i] == U',') {
      ++i;
      if (!number(most)) most = -1;
    }
    if (i >= text_.size() || text_[i] != U'}') return false;
    at_ = i + 1;
    if (most >= 0 && most < least) bad("a repeat's bounds are in the wrong order");
    if (std::max(least, most) > most_repeats) {
      if (!failed_) failed_ = error{"constraint.too_large", "pattern: a repeat over 10000"};
    }
    return true;
  }

  term_ptr atom() {
    const char32_t c = text_[at_++];
    if (c == U'(') return group();
    if (c == U'[') return one_of(bracket());
    if (c == U'.')
      return one_of(char_set::all().without(
          char_set::of({{U'\n', U'\n'}, {U'\r', U'\r'}, {0x2028, 0x2029}})));
    if (c == U'^') return make(kind::begin);
    if (c == U'$') return make(kind::end);
    if (c == U'\\') return one_of(escape(false, false));
    if (c == U'*' || c == U'+' || c == U'?') bad("nothing to repeat");
    return one_of(char_set::of({{c, c}}));
  }

  term_ptr group() {
    if (take(U'?')) {
      if (next_is(U"=") || next_is(U"!") || next_is(U"<=") || next_is(U"<!"))
        unsupported("look-around");
      else if (take(U'<')) {
        while (more() && text_[at_] != U'>') ++at_;
        if (!take(U'>')) bad("a group's name has no end");
      } else if (!take(U':'))
        unsupported("a group with flags");
    }
    auto t = choice();
    if (!take(U')')) bad("`)` is missing");
    return t;
  }

  // Where dialects differ in what a class holds (ECMA's \d is ASCII, Python's all of Unicode's), a
  // class allows what all agree on, and a negated one forbids what any of them has.
  static char_set digits(bool wide) {
    static const auto all = of_category({"Nd"});
    return wide ? all : char_set::of({{U'0', U'9'}});
  }
  static char_set word(bool wide) {
    static const auto all = of_category({"L", "N", "M", "Pc"});
    return wide ? all : char_set::of({{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}});
  }
  static char_set space(bool wide) {
    const auto both = char_set::of({{U'\t', U'\r'},
                                    {U' ', U' '},
                                    {0xa0, 0xa0},
                                    {0x1680, 0x1680},
                                    {0x2000, 0x200a},
                                    {0x2028, 0x2029},
                                    {0x202f, 0x202f},
                                    {0x205f, 0x205f},
                                    {0x3000, 0x3000}});
    return wide ? joined(both, char_set::of({{0x1c, 0x1f}, {0x85, 0x85}, {0xfeff, 0xfeff}})) : both;
  }
  static char_set joined(const char_set& a, const char_set& b) {
    auto all = a.ranges();
    all.insert(all.end(), b.ranges().begin(), b.ranges().end());
    return char_set::of(std::move(all));
  }
  static char_set negated(const char_set& s) { return char_set::all().without(s); }

  char_set property(bool negative) {
    std::string name;
    if (!take(U'{')) {
      bad("`{` is missing");
      return {};
    }
    while (more() && text_[at_] != U'}') append_utf8(name, text_[at_++]);
    if (!take(U'}')) bad("`}` is missing");
    static const std::map<std::string, std::string> longer{{"Letter", "L"},
                                                           {"Number", "N"},
                                                           {"Punctuation", "P"},
                                                           {"Symbol", "S"},
                                                           {"Separator", "Z"},
                                                           {"Mark", "M"},
                                                           {"Uppercase_Letter", "Lu"},
                                                           {"Lowercase_Letter", "Ll"},
                                                           {"Decimal_Number", "Nd"}};
    if (const auto found = longer.find(name); found != longer.end()) name = found->second;
    auto set = of_category({name});
    if (name.empty() || set.empty())
      unsupported("the property `" + (is_plain_text(name) ? name : "?") + "`");
    return negative ? negated(set) : set;
  }

  /// Characters whose general category begins with one of these.
  static char_set of_category(const std::vector<std::string>& names) {
    ranges all;
    for (utf8proc_int32_t c = 0; c <= 0x10ffff; ++c) {
      const std::string_view is = utf8proc_category_string(c);
      if (std::none_of(names.begin(), names.end(),
                       [&](const std::string& name) { return is.starts_with(name); }))
        continue;
      const auto p = static_cast<char32_t>(c);
      if (!all.empty() && all.back().last + 1 == p)
        all.back().last = p;
      else
        all.push_back({p, p});
    }
    return char_set::of(std::move(all));
  }

  char32_t hexadecimal(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char32_t c = more() ? text_[at_++] : U'?';
      const int d = c >= U'0' && c <= U'9'   ? static_cast<int>(c - U'0')
                    : c >= U'a' && c <= U'f' ? static_cast<int>(c - U'a') + 10
                    : c >= U'A' && c <= U'F' ? static_cast<int>(c - U'A') + 10
                                             : -1;
      if (d < 0) bad("a hexadecimal digit is missing");
      value = value * 16 + static_cast<char32_t>(std::max(d, 0));
    }
    return value;
  }

  char32_t unicode() {
    if (take(U'{')) {
      std::size_t n = 0;
      while (at_ + n < text_.size() && text_[at_ + n] != U'}') ++n;
      const auto c = hexadecimal(std::min<std::size_t>(n, 6));
      if (!take(U'}')) bad("`}` is missing");
      return c;
    }
    const auto high = hexadecimal(4);
    if (high < 0xd800 || high > 0xdbff || !next_is(U"\\u")) return high;
    at_ += 2;
    const auto low = hexadecimal(4);
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  }

  /// `wide`: what comes is negated as a whole.
  char_set escape(bool in_bracket, bool wide) {
    if (!more()) {
      bad("a backslash at the end");
      return {};
    }
    const char32_t c = text_[at_++];
    const auto single = [](char32_t x) { return char_set::of({{x, x}}); };
    switch (c) {
      case U'd': return digits(wide);
      case U'D': return negated(digits(!wide));
      case U'w': return word(wide);
      case U'W': return negated(word(!wide));
      case U's': return space(wide);
      case U'S': return negated(space(!wide));
      case U'n': return single(U'\n');
      case U'r': return single(U'\r');
      case U't': return single(U'\t');
      case U'f': return single(U'\f');
      case U'v': return single(U'\v');
      case U'0': return single(U'\0');
      case U'x': return single(hexadecimal(2));
      case U'u': return single(unicode());
      case U'p': return property(false);
      case U'P': return property(true);
      case U'b':
        if (in_bracket) return single(U'\b');
        unsupported("`\\b`");
        return {};
      case U'B': unsupported("`\\B`"); return {};
      case U'k': unsupported("a back reference"); return {};
      default: break;
    }
    if (c >= U'1' && c <= U'9') unsupported("a back reference");
    if ((c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z')) bad("an unknown escape");
    return single(c);
  }

  char_set bracket() {
    const bool negative = take(U'^');
    ranges all;
    while (true) {
      if (!more()) {
        bad("`]` is missing");
        return {};
      }
      if (take(U']')) break;
      const auto first = bracket_part(negative);
      const bool to = at_ + 1 < text_.size() && text_[at_] == U'-' && text_[at_ + 1] != U']';
      if (to && first.ranges().size() == 1 && first.ranges()[0].first == first.ranges()[0].last) {
        ++at_;
        const auto last = bracket_part(negative);
        if (last.ranges().size() != 1 || last.ranges()[0].last < first.ranges()[0].first) {
          bad("a range in the wrong order");
          return {};
        }
        all.push_back({first.ranges()[0].first, last.ranges()[0].last});
      } else {
        all.insert(all.end(), first.ranges().begin(), first.ranges().end());
      }
    }
    auto set = char_set::of(std::move(all));
    return negative ? negated(set) : set;
  }
  char_set bracket_part(bool negative) {
    const char32_t c = text_[at_++];
    return c == U'\\' ? escape(true, negative) : char_set::of({{c, c}});
  }

  std::u32string text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::optional<error> failed_;
};

}  // namespace

result<term_ptr> parse_pattern(std::u32string_view pattern) {
  return parser(std::u32string(pattern)).parse();
}

}  // namespace hocket::language
