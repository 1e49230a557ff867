#include <algorithm>
#include <array>
#include <cstdlib>

#include "engine/language/chat/jinja_syntax.hpp"

namespace hocket::language::jinja {
namespace {

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

class lexer {
 public:
  explicit lexer(std::string_view source) : in_(source) {
    if (in_.ends_with('\n')) in_.remove_suffix(1);  // keep_trailing_newline is off
  }

  std::vector<token> run() {
    while (at_ < in_.size()) {
      const auto open = next_tag();
      text(open);
      if (at_ >= in_.size()) break;
      tag();
    }
    push(token_type::finish, "");
    return std::move(out_);
  }

 private:
  void push(token_type type, std::string text, value constant = {}) {
    out_.push_back({type, std::move(text), line_, std::move(constant)});
  }
  [[noreturn]] void bad(const std::string& what) { fail_with("syntax", what, line_); }
  bool here(std::string_view what) const { return in_.substr(at_, what.size()) == what; }
  void skip(std::size_t n) {
    line_ += static_cast<int>(std::count(in_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         in_.begin() + static_cast<std::ptrdiff_t>(at_ + n), '\n'));
    at_ += n;
  }

  std::size_t next_tag() const {
    for (auto i = at_; i + 1 < in_.size(); ++i)
      if (in_[i] == '{' && (in_[i + 1] == '{' || in_[i + 1] == '%' || in_[i + 1] == '#')) return i;
    return in_.size();
  }

  /// What lies before the next tag, its blanks cut as the tags around it say.
  void text(std::size_t open) {
    auto from = at_, to = open;
    if (strip_next_) {
      while (from < to && is_blank(in_[from])) ++from;
    } else if (trim_next_ && from < to && in_[from] == '\n') {
      ++from;
    }
    if (open < in_.size()) {
      const char sign = open + 2 < in_.size() ? in_[open + 2] : ' ';
      if (sign == '-') {
        while (to > from && is_blank(in_[to - 1])) --to;
      } else if (sign != '+' && in_[open + 1] != '{') {  // lstrip_blocks
        auto k = to;
        while (k > from && (in_[k - 1] == ' ' || in_[k - 1] == '\t')) --k;
        // Only where the tag is the first on its line; what was cut before counts as its end.
        if (k == from ? (from == 0 || in_[from - 1] == '\n') : in_[k - 1] == '\n') to = k;
      }
    }
    strip_next_ = trim_next_ = false;
    if (to > from) push(token_type::text, std::string(in_.substr(from, to - from)));
    skip(open - at_);
  }

  void tag() {
    const char type = in_[at_ + 1];
    if (type == '#') {
      const auto end = in_.find("#}", at_ + 2);
      if (end == std::string_view::npos) bad("a comment without end");
      strip_next_ = end > at_ + 2 && in_[end - 1] == '-';
      trim_next_ = true;
      skip(end + 2 - at_);
      return;
    }
    push(type == '{' ? token_type::open : token_type::begin, "");
    const auto first = out_.size();
    skip(2);
    if (here("-") || here("+")) skip(1);
    const std::string_view close = type == '{' ? "}}" : "%}";
    while (true) {
      while (at_ < in_.size() && is_blank(in_[at_])) skip(1);
      if (at_ >= in_.size()) bad("a tag without end");
      if (nesting_ == 0 &&
          (here(close) || ((here("-") || here("+")) && in_.substr(at_ + 1, 2) == close))) {
        strip_next_ = here("-");
        trim_next_ = type == '%' && !here("+");
        skip(strip_next_ || here("+") ? 3 : 2);
        break;
      }
      one();
    }
    push(type == '{' ? token_type::close : token_type::end, "");
    if (type == '%' && out_.size() == first + 2 && out_[first].text == "raw") raw();
  }

  void raw() {
    out_.resize(out_.size() - 3);
    auto end = at_;
    while (true) {
      end = in_.find("{%", end);
      if (end == std::string_view::npos) bad("raw without endraw");
      auto k = end + 2;
      while (k < in_.size() && (is_blank(in_[k]) || in_[k] == '-' || in_[k] == '+')) ++k;
      if (in_.substr(k, 6) == "endraw") break;
      ++end;
    }
    text(end);
    const auto close = in_.find("%}", end);
    if (close == std::string_view::npos) bad("endraw without end");
    strip_next_ = in_[close - 1] == '-';
    trim_next_ = true;
    skip(close + 2 - at_);
  }

  void one() {
    const char c = in_[at_];
    if (is_letter(c)) {
      auto end = at_;
      while (end < in_.size() && (is_letter(in_[end]) || is_digit(in_[end]))) ++end;
      push(token_type::name, std::string(in_.substr(at_, end - at_)));
      return skip(end - at_);
    }
    if (is_digit(c)) return number();
    if (c == '\'' || c == '"') return string(c);
    constexpr std::array<std::string_view, 7> pairs = {"==", "!=", "<=", ">=", "//", "**", "||"};
    for (const auto p : pairs)
      if (here(p) && p != "||") {
        push(token_type::symbol, std::string(p));
        return skip(2);
      }
    if (std::string_view("+-*/%~|.,:()[]{}<>=").find(c) == std::string_view::npos)
      bad(std::string("unexpected `") + c + "`");
    if (c == '(' || c == '[' || c == '{') ++nesting_;
    if (c == ')' || c == ']' || c == '}') nesting_ = std::max(0, nesting_ - 1);
    push(token_type::symbol, std::string(1, c));
    skip(1);
  }

  void number() {
    auto end = at_;
    bool real = false;
    while (end < in_.size() && (is_digit(in_[end]) || in_[end] == '_')) ++end;
    if (end + 1 < in_.size() && in_[end] == '.' && is_digit(in_[end + 1])) {
      real = true;
      ++end;
      while (end < in_.size() && is_digit(in_[end])) ++end;
    }
    if (end < in_.size() && (in_[end] == 'e' || in_[end] == 'E')) {
      auto k = end + 1;
      if (k < in_.size() && (in_[k] == '+' || in_[k] == '-')) ++k;
      if (k < in_.size() && is_digit(in_[k])) {
        real = true;
        while (k < in_.size() && is_digit(in_[k])) ++k;
        end = k;
      }
    }
    auto text = std::string(in_.substr(at_, end - at_));
    std::erase(text, '_');
    if (text.size() > 18) bad("a number is too long");
    push(token_type::number, text,
         real ? value(std::strtod(text.c_str(), nullptr))
              : value(static_cast<std::int64_t>(std::stoll(text))));
    skip(end - at_);
  }

  void string(char quote) {
    std::string s;
    auto i = at_ + 1;
    for (; i < in_.size() && in_[i] != quote; ++i) {
      if (in_[i] != '\\' || i + 1 >= in_.size()) {
        s += in_[i];
        continue;
      }
      const char e = in_[++i];
      switch (e) {
        case 'n': s += '\n'; break;
        case 't': s += '\t'; break;
        case 'r': s += '\r'; break;
        case '\n': break;
        case 'u': {
          if (i + 4 >= in_.size()) bad("a string without end");
          const auto hex = std::string(in_.substr(i + 1, 4));
          if (hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
            bad("no hexadecimal digits after \\u");
          const auto j = nlohmann::json::parse("\"\\u" + hex + "\"", nullptr, false);
          if (j.is_discarded()) bad("half a surrogate pair");
          s += j.get<std::string>();
          i += 4;
          break;
        }
        case '\\':
        case '\'':
        case '"': s += e; break;
        default: s += std::string{'\\', e};
      }
    }
    if (i >= in_.size()) bad("a string without end");
    push(token_type::string, s, value(s));
    skip(i + 1 - at_);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  int line_ = 1, nesting_ = 0;
  bool strip_next_ = false, trim_next_ = false;
  std::vector<token> out_;
};

}  // namespace

std::vector<token> tokens_of(std::string_view source) { return lexer(source).run(); }

}  // namespace hocket::language::jinja
