#include "graph/text/number_words.hpp"

#include <algorithm>
#include <array>
#include <cctype>
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

// A number while its words come: "two hundred and twenty one thousand four".
struct spoken_number {
  std::int64_t total = 0;
  std::int64_t part = 0;
  bool any = false;

  bool take(std::string_view word) {
    if (const auto i = index_in(units, word); i >= 0) {
      const bool fits = !any || (part == 0 && total > 0) || (part % 100 == 0 && part > 0) ||
                        (i > 0 && i < 10 && part % 10 == 0 && part % 100 >= 20);
      if (!fits) return false;
      part += i;
    } else if (const auto t = index_in(tens, word); t >= 2) {
      if (any && part % 100 != 0) return false;
      part += t * 10;
    } else if (word == "hundred" && any && part > 0 && part < 100) {
      part *= 100;
    } else if (word == "thousand" && any && part > 0 && part < 1000) {
      total += part * 1000;
      part = 0;
    } else {
      return false;
    }
    return any = true;
  }
  std::string value() const { return std::to_string(total + part); }
};

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
  spoken_number number;
  bool joining = false;  // an "and" that may stand inside a number
  const auto finish = [&] {
    if (number.any) append(out, number.value());
    if (joining) append(out, "and");
    number = {};
    joining = false;
  };
  for (const auto& word : words_of(text)) {
    if (number.any && !joining && word == "and" && number.part % 100 == 0) {
      joining = true;
      continue;
    }
    spoken_number next = number;
    if (next.take(word)) {
      number = next;
      joining = false;
      continue;
    }
    finish();
    if (!number.take(word)) append(out, word);
  }
  finish();
  return out;
}

std::string speakable(std::string_view text) {
  std::string out;
  for (const auto& word : words_of(text)) append(out, say(word));
  return out;
}

}  // namespace hocket
