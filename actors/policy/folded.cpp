#include "actors/policy/folded.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

namespace hocket::policy {
namespace {

/// Letters of other scripts that look like a Latin one; both sides of a comparison are folded, so that
/// Russian words still meet Russian rules. Capitals come first: small ones look like other letters.
constexpr std::pair<char32_t, char> lookalike_capitals[] = {
    {U'Α', 'a'}, {U'Β', 'b'}, {U'Ε', 'e'}, {U'Ζ', 'z'}, {U'Η', 'h'}, {U'Ι', 'i'}, {U'Κ', 'k'},
    {U'Μ', 'm'}, {U'Ν', 'n'}, {U'Ο', 'o'}, {U'Ρ', 'p'}, {U'Τ', 't'}, {U'Υ', 'y'}, {U'Χ', 'x'}};
constexpr std::pair<char32_t, char> lookalikes[] = {
    {U'а', 'a'}, {U'в', 'b'}, {U'е', 'e'}, {U'к', 'k'}, {U'м', 'm'}, {U'н', 'h'}, {U'о', 'o'},
    {U'р', 'p'}, {U'с', 'c'}, {U'т', 't'}, {U'у', 'y'}, {U'х', 'x'}, {U'і', 'i'}, {U'ј', 'j'},
    {U'ѕ', 's'}, {U'ԁ', 'd'}, {U'һ', 'h'}, {U'ӏ', 'l'}, {U'ԛ', 'q'}, {U'ԝ', 'w'}, {U'ɡ', 'g'},
    {U'ɑ', 'a'}, {U'α', 'a'}, {U'β', 'b'}, {U'ε', 'e'}, {U'ι', 'i'}, {U'κ', 'k'}, {U'ν', 'v'},
    {U'ο', 'o'}, {U'ρ', 'p'}, {U'τ', 't'}, {U'υ', 'u'}, {U'χ', 'x'}, {U'ı', 'i'}, {U'ł', 'l'},
    {U'ø', 'o'}, {U'đ', 'd'}, {U'ᴀ', 'a'}, {U'ʙ', 'b'}, {U'ᴄ', 'c'}, {U'ᴅ', 'd'}, {U'ᴇ', 'e'},
    {U'ɢ', 'g'}, {U'ʜ', 'h'}, {U'ɪ', 'i'}, {U'ᴊ', 'j'}, {U'ᴋ', 'k'}, {U'ʟ', 'l'}, {U'ᴍ', 'm'},
    {U'ɴ', 'n'}, {U'ᴏ', 'o'}, {U'ᴘ', 'p'}, {U'ʀ', 'r'}, {U'ꜱ', 's'}, {U'ᴛ', 't'}, {U'ᴜ', 'u'},
    {U'ᴠ', 'v'}, {U'ᴡ', 'w'}, {U'ʏ', 'y'}, {U'ᴢ', 'z'}};

/// What stands for a letter among letters.
constexpr std::pair<char32_t, char> stand_ins[] = {
    {U'0', 'o'}, {U'1', 'i'}, {U'3', 'e'}, {U'4', 'a'}, {U'5', 's'}, {U'7', 't'}, {U'8', 'b'}};
constexpr std::pair<char32_t, char> mark_stand_ins[] = {
    {U'@', 'a'}, {U'$', 's'}, {U'!', 'i'}, {U'|', 'l'}};

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
    const auto point = static_cast<char32_t>(c);
    if (n <= 0 || c == 0)
      clean += ' ';
    else if (const char letter = among(lookalike_capitals, point))
      clean += letter;
    else if (point >= 0x1F170 && point <= 0x1F189)  // white letters in black squares
      clean += static_cast<char>('a' + (point - 0x1F170));
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

/// Of a script that parts no words by blanks: each character is a word of its own.
bool is_unspaced(char32_t c) {
  constexpr std::pair<char32_t, char32_t> ranges[] = {
      {0x0E00, 0x0EFF},    // Thai, Lao
      {0x1000, 0x109F},    // Myanmar
      {0x1780, 0x17FF},    // Khmer
      {0x2E80, 0x2FFF},    // Han radicals
      {0x3005, 0x3007},    // Han iteration and zero
      {0x3040, 0x30FF},    // Hiragana, Katakana
      {0x3400, 0x9FFF},    // Han
      {0xF900, 0xFAFF},    // Han, compatibility
      {0x20000, 0x3FFFF},  // Han, rare
  };
  return std::ranges::any_of(ranges, [&](const auto& r) { return c >= r.first && c <= r.second; });
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

/// Letters as rules know them; `one` is what a 1 among letters stands for.
std::string folded(const std::u32string& word, char one = 'i') {
  const bool has_letters = std::ranges::any_of(word, is_letter);
  std::string out;
  for (const char32_t c : word) {
    if (const char letter = among(lookalikes, c))
      out += letter;
    else if (const char stands = has_letters ? among(stand_ins, c) : char{0})
      out += c == U'1' ? one : stands;
    else
      append(out, c);
  }
  return out;
}

/// What stands between two blanks: its pieces between marks, and all of it without the marks, or with them
/// as the letters that they stand for.
struct chunk {
  std::vector<std::u32string> pieces;
  std::vector<bool> before_star;
  std::vector<bool> joined;  ///< with the piece before it, by no mark
  std::u32string bare, with_marks;
  bool has_marks = false;
  bool is_star = false;  ///< `*` alone
};

/// What follows a request and belongs to none: "forget that please".
bool is_polite(const std::string& folded) {
  static constexpr std::string_view words[] = {"please", "now",   "ok",    "okay",
                                               "thanks", "thank", "bitte", "jetzt",
                                               "danke",  "s",     "merci", "maintenant"};
  return std::ranges::find(words, folded) != std::end(words);
}

chunk chunk_of(const std::u32string& points, std::size_t from, std::size_t to) {
  chunk out;
  out.is_star = to == from + 1 && points[from] == U'*';
  bool inside = false;
  for (auto i = from; i < to; ++i) {
    const char32_t c = points[i];
    if (is_letter(c) || is_digit(c)) {
      const bool alone = is_unspaced(c) || (inside && is_unspaced(out.pieces.back().back()));
      if (!inside || alone) {
        out.pieces.emplace_back(), out.before_star.push_back(false);
        out.joined.push_back(inside);
      }
      inside = true;
      out.pieces.back() += c, out.bare += c, out.with_marks += c;
      continue;
    }
    if (std::exchange(inside, false)) out.before_star.back() = c == U'*';
    out.has_marks = out.has_marks || c != U'*';
    if (const char stands = among(mark_stand_ins, c))
      out.with_marks += static_cast<char32_t>(stands);
  }
  return out;
}

template <class Take>
void each_chunk(std::string_view text, const Take& take) {
  const auto points = normal_form(text);
  for (std::size_t from = 0; from < points.size();) {
    auto to = from;
    while (to < points.size() && !is_blank(points[to])) ++to;
    if (to > from) take(chunk_of(points, from, to));
    from = to + 1;
  }
}

folded_word word_of(const std::u32string& points) {
  folded_word w{folded(points), {}, "", false};
  if (points.find(U'1') != points.npos)
    if (auto other = folded(points, 'l'); other != w.text) w.also.push_back(std::move(other));
  if (has_run_of_three(w.text)) w.loose = once(w.text);
  w.is_letter = w.text.size() == 1 && w.text[0] >= 'a' && w.text[0] <= 'z';
  return w;
}

}  // namespace

std::vector<folded_word> folded_words(std::string_view text) {
  std::vector<folded_word> out;
  each_chunk(text, [&](const chunk& c) {
    const bool is_spelled =
        c.pieces.size() >= 3 && std::ranges::all_of(c.pieces, [](const auto& p) {
          return p.size() == 1 && is_letter(p[0]) && !is_unspaced(p[0]);
        });
    if (is_spelled) return out.push_back(word_of(c.bare));  // "b.o.m.b"
    for (const auto& piece : c.pieces) out.push_back(word_of(piece));
    if (!c.has_marks || c.pieces.empty()) return;
    auto& last = out.back();  // "b.omb", "c0c@ine"
    for (const auto* all : {&c.bare, &c.with_marks})
      for (const char one : {'i', 'l'})
        if (auto joined = folded(*all, one);
            joined != last.text && std::ranges::find(last.also, joined) == last.also.end())
          last.also.push_back(std::move(joined));
  });
  return out;
}

std::vector<pattern_word> pattern_words(std::string_view text) {
  std::vector<pattern_word> out;
  each_chunk(text, [&](const chunk& c) {
    if (c.is_star) out.emplace_back().is_any = true;
    for (std::size_t i = 0; i < c.pieces.size(); ++i) {
      auto word = folded(c.pieces[i]);
      auto single = once(word);
      out.push_back({std::move(word), std::move(single), c.before_star[i], c.joined[i]});
    }
  });
  return out;
}

static constexpr std::string_view articles[] = {"a",    "an",   "the",   "some",  "one",
                                                "this", "that", "these", "those", "any"};
static constexpr std::size_t longest_ending = 3;

std::vector<pattern_word> without_articles(std::vector<pattern_word> all) {
  const auto says_something = [](const pattern_word& w) {
    return std::ranges::find(articles, w.text) == std::end(articles);
  };
  if (std::ranges::count_if(all, says_something) < 2) return all;
  std::erase_if(all, [&](const pattern_word& w) { return !says_something(w); });
  return all;
}

bool pattern_word::is_by(const folded_word& said) const {
  if (is_any) return !is_polite(said.text);
  const auto is = [&](const std::string& word, const std::string& wanted) {
    return is_prefix ? word.starts_with(wanted) : word == wanted;
  };
  return is(said.text, text) || (!said.loose.empty() && is(said.loose, once)) ||
         std::ranges::any_of(said.also, [&](const std::string& word) { return is(word, text); });
}

// Asked of each word with each word of a rule: every way ends at the first letter that is another.
bool pattern_word::is_hidden_in(std::string_view said, std::string_view before) const {
  constexpr std::size_t shortest = 4;
  const auto size = text.size();
  const auto ends_well = [&](std::size_t letters) {
    return is_prefix ? letters >= size && letters <= size + longest_ending : letters == size;
  };
  if (size < shortest) return false;
  // Letter by letter of a word that is read in some way.
  const auto reads = [&](const auto& letter) {
    for (std::size_t k = 0; k < size; ++k)
      if (letter(k) != text[k]) return false;
    return true;
  };
  // The blank stands within it: "kill a" is no "killa".
  if (!before.empty() && before.size() < size && ends_well(before.size() + said.size()) &&
      reads([&](std::size_t k) { return k < before.size() ? before[k] : said[k - before.size()]; }))
    return true;
  if (!ends_well(said.size())) return false;
  if (reads([&](std::size_t k) { return said[said.size() - 1 - k]; })) return true;
  if (reads([&](std::size_t k) {
        const char c = said[k];
        return c >= 'a' && c <= 'z' ? static_cast<char>('a' + (c - 'a' + 13) % 26) : c;
      }))
    return true;
  std::size_t at = 0;
  while (at < size && said[at] == text[at]) ++at;
  // The last letter of a beginning may have changed places with the first of its ending.
  if (is_prefix && at + 1 == size && said.size() > size && said[size] == text[at]) return true;
  return at + 1 < size && said[at] == text[at + 1] && said[at + 1] == text[at] &&
         said.substr(at + 2, size - at - 2) == std::string_view(text).substr(at + 2);
}

/// What is left of letters behind a word, wherever blanks part it; nothing where they begin otherwise.
static std::optional<std::string_view> behind(std::string_view letters, std::string_view word) {
  for (const char c : word) {
    while (letters.starts_with(' ')) letters.remove_prefix(1);
    if (!letters.starts_with(c)) return {};
    letters.remove_prefix(1);
  }
  return letters;
}

bool is_run_of(std::span<const pattern_word> words, std::string_view letters) {
  if (words.empty()) return letters.empty();
  const auto& first = words.front();
  const auto goes_on = [&](std::string_view from) {
    auto rest = first.text.empty() ? std::nullopt : behind(from, first.text);
    for (std::size_t ending = 0; rest; ++ending) {
      if (is_run_of(words.subspan(1), *rest)) return true;
      if (!first.is_prefix || ending == longest_ending || rest->empty() || rest->front() == ' ')
        return false;
      rest->remove_prefix(1);
    }
    return false;
  };
  return goes_on(letters) || std::ranges::any_of(articles, [&](std::string_view article) {
           const auto rest = behind(letters, article);
           return rest && goes_on(*rest);
         });
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
