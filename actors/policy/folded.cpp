#include "actors/policy/folded.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

namespace hocket::policy {
namespace {

/// Letters of other scripts that look like a Latin one; both sides of a comparison are folded, so that
/// Russian words still meet Russian rules.
constexpr std::pair<char32_t, char> lookalikes[] = {
    {U'а', 'a'}, {U'в', 'b'}, {U'е', 'e'}, {U'к', 'k'}, {U'м', 'm'}, {U'н', 'h'},
    {U'о', 'o'}, {U'р', 'p'}, {U'с', 'c'}, {U'т', 't'}, {U'у', 'y'}, {U'х', 'x'},
    {U'і', 'i'}, {U'ј', 'j'}, {U'ѕ', 's'}, {U'α', 'a'}, {U'β', 'b'}, {U'ε', 'e'},
    {U'ι', 'i'}, {U'κ', 'k'}, {U'ν', 'v'}, {U'ο', 'o'}, {U'ρ', 'p'}, {U'τ', 't'},
    {U'υ', 'u'}, {U'χ', 'x'}, {U'ı', 'i'}, {U'ł', 'l'}, {U'ø', 'o'}, {U'đ', 'd'}};

/// What stands for a letter among letters.
constexpr std::pair<char32_t, char> stand_ins[] = {
    {U'0', 'o'}, {U'1', 'i'}, {U'3', 'e'}, {U'4', 'a'}, {U'5', 's'},
    {U'7', 't'}, {U'8', 'b'}, {U'@', 'a'}, {U'$', 's'}, {U'!', 'i'}};

template <std::size_t N>
char among(const std::pair<char32_t, char> (&list)[N], char32_t c) {
  for (const auto& [from, to] : list)
    if (from == c) return to;
  return 0;
}

/// Compatibility forms taken apart, case folded, marks and invisible characters gone. What is no UTF-8
/// becomes a blank first.
std::u32string normal_form(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size();) {
    utf8proc_int32_t c = -1;
    const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + i,
                                    static_cast<utf8proc_ssize_t>(text.size() - i), &c);
    if (n <= 0 || c == 0)
      clean += ' ';
    else
      clean.append(text.substr(i, static_cast<std::size_t>(n)));
    i += n <= 0 ? 1 : static_cast<std::size_t>(n);
  }
  std::vector<utf8proc_int32_t> points(clean.size() * 4 + 16);
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD |
                                     UTF8PROC_STRIPMARK | UTF8PROC_IGNORE);
  const auto decompose = [&] {
    return utf8proc_decompose(reinterpret_cast<const utf8proc_uint8_t*>(clean.data()),
                              static_cast<utf8proc_ssize_t>(clean.size()), points.data(),
                              static_cast<utf8proc_ssize_t>(points.size()), options);
  };
  auto n = decompose();
  if (n > static_cast<utf8proc_ssize_t>(points.size())) {  // one character may become eighteen
    points.resize(static_cast<std::size_t>(n));
    n = decompose();
  }
  std::u32string out;
  for (utf8proc_ssize_t i = 0; i < n; ++i)
    out += static_cast<char32_t>(points[static_cast<std::size_t>(i)]);
  return out;
}

bool is_letter(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool is_digit(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
}
bool is_blank(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_CC;
}

void append(std::string& to, char32_t c) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes.data());
  to.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(n));
}

std::string once(const std::string& word) {
  std::string out;
  for (const char c : word)
    if (out.empty() || out.back() != c) out += c;
  return out;
}

bool has_run_of_three(const std::string& word) {
  for (std::size_t i = 2; i < word.size(); ++i)
    if (word[i] == word[i - 1] && word[i] == word[i - 2]) return true;
  return false;
}

std::string folded(const std::u32string& word) {
  const bool has_letters = std::ranges::any_of(word, is_letter);
  std::string out;
  for (const char32_t c : word) {
    if (const char letter = among(lookalikes, c))
      out += letter;
    else if (const char stands = has_letters ? among(stand_ins, c) : char{0})
      out += stands;
    else
      append(out, c);
  }
  return out;
}

/// Whether letters that stand alone between marks begin here: "b.o.m.b", "b-o-m-b".
bool begins_dotted(const std::u32string& points, std::size_t at) {
  const auto letter = [&](std::size_t i) { return i < points.size() && is_letter(points[i]); };
  const auto mark = [&](std::size_t i) {
    return i < points.size() && !is_letter(points[i]) && !is_digit(points[i]) &&
           !is_blank(points[i]);
  };
  return letter(at) && mark(at + 1) && letter(at + 2) &&
         (mark(at + 3) || at + 3 >= points.size()) && points[at + 1] != U'\'';
}

template <class Take>
void each_word(std::string_view text, const Take& take) {
  const auto points = normal_form(text);
  std::u32string word;
  bool is_dotted = false;
  const auto end = [&](bool is_prefix) {
    // A mark at the end ("bomb!") is none of its letters.
    while (!word.empty() && !is_letter(word.back()) && !is_digit(word.back())) word.pop_back();
    if (!word.empty()) take(folded(word), is_prefix);
    word.clear();
    is_dotted = false;
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const char32_t c = points[i];
    const bool inside = !word.empty();
    const bool opens = i + 1 < points.size() && is_letter(points[i + 1]);
    if (!inside) is_dotted = begins_dotted(points, i);
    if (is_letter(c) || is_digit(c) || (c == U'!' && inside) ||
        ((c == U'@' || c == U'$') && (inside || opens)))
      word += c;
    else if (c == U'*' || is_blank(c) || (!is_dotted && c != U'\'' && c != U'’'))
      end(c == U'*');
  }
  end(false);
}

}  // namespace

std::vector<folded_word> folded_words(std::string_view text) {
  std::vector<folded_word> out;
  each_word(text, [&](std::string word, bool) {
    folded_word w{std::move(word), "", false};
    if (has_run_of_three(w.text)) w.loose = once(w.text);
    w.is_letter = w.text.size() == 1 && w.text[0] >= 'a' && w.text[0] <= 'z';
    out.push_back(std::move(w));
  });
  return out;
}

std::vector<pattern_word> pattern_words(std::string_view text) {
  std::vector<pattern_word> out;
  each_word(text, [&](std::string word, bool is_prefix) {
    auto single = once(word);
    out.push_back({std::move(word), std::move(single), is_prefix});
  });
  return out;
}

std::vector<pattern_word> without_fillers(std::vector<pattern_word> all) {
  const auto says_something = [](const pattern_word& w) { return !is_filler(w.text); };
  if (std::ranges::count_if(all, says_something) < 2) return all;
  std::erase_if(all, [&](const pattern_word& w) { return !says_something(w); });
  return all;
}

bool pattern_word::is_by(const folded_word& said) const {
  const auto is = [&](const std::string& word, const std::string& wanted) {
    return is_prefix ? word.starts_with(wanted) : word == wanted;
  };
  return is(said.text, text) || (!said.loose.empty() && is(said.loose, once));
}

bool is_filler(const std::string& word) {
  static constexpr std::string_view words[] = {
      "a",     "an",    "the",  "to",    "of",     "and", "or",   "in",   "on",   "at",
      "for",   "with",  "is",   "are",   "am",     "be",  "do",   "does", "did",  "can",
      "could", "would", "will", "i",     "you",    "he",  "she",  "it",   "we",   "they",
      "me",    "my",    "your", "us",    "please", "how", "what", "who",  "when", "where",
      "why",   "that",  "this", "these", "those",  "one", "them", "some", "uh",   "um",
      "hey",   "so",    "just", "tell",  "say",    "now"};
  return std::ranges::find(words, word) != std::end(words);
}

}  // namespace hocket::policy
