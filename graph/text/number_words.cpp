#include "graph/text/number_words.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <sstream>
#include <vector>

namespace hocket {
namespace {

constexpr std::array<std::string_view, 20> units = {
    "zero",     "one",     "two",     "three",     "four",     "five",    "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<std::string_view, 10> tens = {"?",     "?",     "twenty",  "thirty", "forty",
                                                   "fifty", "sixty", "seventy", "eighty", "ninety"};

template <std::size_t N>
std::int64_t index_in(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto at = std::find(words.begin(), words.end(), word);
  return at == words.end() ? -1 : at - words.begin();
}

// Lower-case words; keeps letters, digits, apostrophes, and what stands between digits (2.5, 10:30).
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  const auto digit = [&](std::size_t i) {
    return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i]));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool inner = (c == '.' || c == ':') && i > 0 && digit(i - 1) && digit(i + 1);
    const bool sign = c == '-' && digit(i + 1) && words.back().empty();
    if (std::isalnum(c) || c == '\'' || c >= 0x80 || inner || sign) {
      words.back() += static_cast<char>(std::tolower(c));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

void append(std::string& to, std::string_view word) {
  if (!to.empty()) to += ' ';
  to += word;
}

bool all_digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == s.npos;
}

bool ends_in_digit(std::string_view s) {
  return !s.empty() && std::isdigit(static_cast<unsigned char>(s.back())) != 0;
}

/// Numbers among words, as people say them: "two hundred and twenty one thousand four", "a hundred", "2
/// million". Each ends where the next word would be of another one: "two hundred and three hundred".
class spoken_numbers {
 public:
  explicit spoken_numbers(const std::vector<std::string>& words) : words_(words) {}

  /// The number that begins at this word, which is moved behind it.
  std::optional<std::int64_t> number_at(std::size_t& at) const {
    std::int64_t total = 0, last = INT64_MAX;
    auto end = at;  // behind what is part of it
    for (auto i = at;;) {
      const auto part = part_at(i, i == at);
      if (!part) break;
      const auto scale = scale_at(i);
      if (scale >= last || (end != at && part->value == 0)) break;  // another number begins here
      if (part->is_figure && (scale == 0 || end != at)) break;
      total += part->value * std::max<std::int64_t>(scale, 1);
      end = i;
      if (scale == 0) break;
      last = scale;
      end = ++i;
      if (word(i) == "and") ++i;
    }
    if (end == at) return std::nullopt;
    at = end;
    return total;
  }

 private:
  struct part {
    std::int64_t value = 0;
    bool is_figure = false;  ///< "2" of "2 million"
  };

  std::string_view word(std::size_t i) const {
    return i < words_.size() ? std::string_view(words_[i]) : std::string_view();
  }

  /// 1000 and more, at least; 0 for every other word.
  std::int64_t scale_at(std::size_t i) const {
    if (word(i) == "thousand") return 1000;
    if (word(i) == "million") return 1'000'000;
    return word(i) == "billion" ? 1'000'000'000 : 0;
  }

  std::optional<std::int64_t> below_hundred(std::size_t& i) const {
    if (const auto unit = index_in(units, word(i)); unit >= 0) return ++i, unit;
    const auto ten = index_in(tens, word(i));
    if (ten < 2) return std::nullopt;
    ++i;
    const auto unit = index_in(units, word(i));
    if (unit < 1 || unit > 9) return ten * 10;
    ++i;
    return ten * 10 + unit;
  }

  /// What stands before a scale, or is all of a number: 0 to 999; "hundred" and "thousand" alone have
  /// one before them.
  std::optional<part> part_at(std::size_t& i, bool is_first) const {
    const bool may_be_bare = is_first && (i == 0 || !ends_in_digit(words_[i - 1]));
    if (scale_at(i) != 0) return may_be_bare ? std::optional(part{1, false}) : std::nullopt;
    if (all_digits(word(i)) && word(i).size() <= 3 && (scale_at(i + 1) != 0))
      return part{std::stoll(words_[i++]), true};
    const bool bare = may_be_bare && word(i) == "hundred";
    const auto first = bare ? std::optional<std::int64_t>(1) : below_hundred(i);
    if (!first) return std::nullopt;
    if (word(i) != "hundred" || *first == 0) return part{*first, false};
    ++i;
    auto behind = i + (word(i) == "and" ? 1 : 0);
    const auto rest = below_hundred(behind);
    if (!rest || *rest == 0 || word(behind) == "hundred") return part{*first * 100, false};
    i = behind;
    return part{*first * 100 + *rest, false};
  }

  const std::vector<std::string>& words_;
};

std::string say(const std::string& word) {
  const bool minus = word.size() > 1 && word[0] == '-';
  const std::string body = minus ? word.substr(1) : word;
  const auto at = body.find_first_of(".:");
  const std::string left = body.substr(0, at);
  const std::string right = at == body.npos ? "" : body.substr(at + 1);
  if (!all_digits(left) || left.size() > 12) return word;
  std::string out = minus ? "minus " : "";
  out += number_words(std::stoll(left));
  if (at == body.npos) return out;
  if (!all_digits(right)) return word;
  if (body[at] == ':') {
    if (right.size() != 2) return word;
    if (right == "00") return out;
    return out + (right[0] == '0' ? " oh " : " ") + number_words(std::stoll(right));
  }
  out += " point";
  for (const char c : right) append(out, units[static_cast<std::size_t>(c - '0')]);
  return out;
}

}  // namespace

std::string number_words(std::int64_t value) {
  if (value < 0)
    return value == INT64_MIN ? std::to_string(value) : "minus " + number_words(-value);
  if (value < 20) return std::string(units[static_cast<std::size_t>(value)]);
  if (value >= 1'000'000'000'000) return std::to_string(value);
  const auto join = [](std::string head, std::int64_t rest) {
    return rest ? head + ' ' + number_words(rest) : head;
  };
  if (value < 100) return join(std::string(tens[static_cast<std::size_t>(value / 10)]), value % 10);
  if (value < 1000) return join(number_words(value / 100) + " hundred", value % 100);
  if (value < 1'000'000) return join(number_words(value / 1000) + " thousand", value % 1000);
  if (value < 1'000'000'000)
    return join(number_words(value / 1'000'000) + " million", value % 1'000'000);
  return join(number_words(value / 1'000'000'000) + " billion", value % 1'000'000'000);
}

std::string with_digits(std::string_view text) {
  std::string out;
  const auto words = words_of(text);
  const spoken_numbers spoken(words);
  for (std::size_t at = 0; at < words.size();) {
    if (const auto n = spoken.number_at(at))
      append(out, std::to_string(*n));
    else
      append(out, words[at++]);
  }
  return out;
}

std::string speakable(std::string_view text) {
  std::string out;
  for (const auto& word : words_of(text)) append(out, say(word));
  return out;
}

}  // namespace hocket
