#include "plugins/dialogue_rules/understanding.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "graph/text/number_words.hpp"

namespace hocket::dialogue_rules {
namespace {

using tokens = std::vector<std::string>;
using token_view = std::pair<tokens::const_iterator, tokens::const_iterator>;

constexpr std::array<std::string_view, 2> own_names{"hocket", "computer"};
constexpr std::array<std::string_view, 4> other_names{"john", "mary", "bob", "anna"};
constexpr std::array<std::string_view, 8> cities{"paris", "london", "berlin", "rome",
                                                 "tokyo", "madrid", "cairo",  "oslo"};
constexpr std::array<std::string_view, 6> colors{"red",    "blue",  "green",
                                                 "yellow", "black", "white"};
constexpr std::array<std::string_view, 8> things{"dog",   "cat",  "tree", "house",
                                                 "table", "bird", "car",  "apple"};
constexpr std::array<std::string_view, 11> spanish_words{
    "", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"};
constexpr std::array<std::string_view, 5> backchannels{"uh huh", "right", "mm hm", "okay", "i see"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<std::int64_t> number_of(const std::string& token) {
  std::int64_t value = 0;
  const auto* end = token.data() + token.size();
  const auto [at, problem] = std::from_chars(token.data(), end, value);
  if (problem != std::errc() || at != end) return {};
  return value;
}

tokens split(std::string_view words) {
  std::istringstream stream{std::string(words)};
  tokens out;
  for (std::string word; stream >> word;) out.push_back(std::move(word));
  return out;
}

std::string join(const tokens& words, std::size_t from = 0) {
  std::string out;
  for (std::size_t i = from; i < words.size(); ++i) out += (i == from ? "" : " ") + words[i];
  return out;
}

// One line per kind of request: `#` is a number, `$city` a city, `$word` any word.
struct pattern {
  const char* words;
  request::kind what;
  char sign = '+';
  const char* task =
      nullptr;  ///< delegate: its words, with the numbers (#) or the word ($) filled in
};
constexpr std::array patterns{
    pattern{"what is # plus #", request::kind::sum, '+'},
    pattern{"# plus #", request::kind::sum, '+'},
    pattern{"what is # minus #", request::kind::sum, '-'},
    pattern{"# minus #", request::kind::sum, '-'},
    pattern{"what is # times #", request::kind::delegate, '*', "# times #"},
    pattern{"# times #", request::kind::delegate, '*', "# times #"},
    pattern{"what is the weather in $city", request::kind::delegate, '+', "weather $"},
    pattern{"the weather in $city", request::kind::delegate, '+', "weather $"},
    pattern{"weather in $city", request::kind::delegate, '+', "weather $"},
    pattern{"what time is it", request::kind::delegate, '+', "time"},
    pattern{"what is the time", request::kind::delegate, '+', "time"},
    pattern{"what is the name of the $word", request::kind::delegate, '+', "name $"},
    pattern{"count to #", request::kind::count},
    pattern{"say ping every # seconds", request::kind::timer},
    pattern{"say ping in # seconds", request::kind::ping_once},
    pattern{"translate", request::kind::translate},
    pattern{"say yes when you hear a color", request::kind::cue},
    pattern{"let me tell you a story", request::kind::story_begin},
    pattern{"that is it", request::kind::story_end},
    pattern{"start the clock", request::kind::start_clock},
    pattern{"how long did that take", request::kind::how_long},
    pattern{"is it done", request::kind::is_it_done},
    pattern{"never mind", request::kind::never_mind},
    pattern{"spell $word", request::kind::spell},
    pattern{"stop", request::kind::stop},
};

enum class fit { no, beginning, whole };

fit compare(token_view said, const tokens& wanted, request& into) {
  auto at = said.first;
  for (const auto& want : wanted) {
    if (at == said.second) return fit::beginning;
    if (want == "#") {
      const auto n = number_of(*at);
      if (!n) return fit::no;
      into.numbers.push_back(*n);
    } else if (want == "$city" || want == "$word") {
      if (number_of(*at) || (want == "$city" && !among(cities, *at))) return fit::no;
      into.words = *at;
    } else if (want != *at) {
      return fit::no;
    }
    ++at;
  }
  return at == said.second ? fit::whole : fit::no;
}

// The task in words, as the background is asked.
void write_task(const pattern& p, request& r) {
  r.about = r.words;
  std::string task;
  std::size_t n = 0;
  for (const char* c = p.task; *c; ++c) {
    if (*c == '#')
      task += number_words(r.numbers[n++]);
    else if (*c == '$')
      task += r.about;
    else
      task += *c;
  }
  r.words = task;
}

fit read_one(token_view said, const reply_table& replies, request& into) {
  if (said.first == said.second) return fit::beginning;
  fit best = fit::no;
  for (const auto& p : patterns) {
    request found{.what = p.what, .sign = p.sign};
    const auto how = compare(said, split(p.words), found);
    if (how == fit::whole) {
      if (p.task) write_task(p, found);
      into = std::move(found);
      return how;
    }
    best = std::max(best, how);
  }
  for (const auto& [phrase, reply] : replies) {
    request found;
    const auto how = compare(said, split(with_digits(phrase)), found);
    if (how == fit::whole) {
      into = {.what = request::kind::reply, .words = reply};
      return how;
    }
    best = std::max(best, how);
  }
  return best;
}

// One request after the other, with or without "and"; a city alone is about the weather that was
// asked for before it ("... in paris rome and oslo").
fit read_all(const tokens& said, const reply_table& replies, std::vector<request>& into) {
  bool and_what = true;
  for (auto from = said.begin(); from != said.end();) {
    if (*from == "and" && !into.empty()) {
      and_what = true;
      ++from;
      continue;
    }
    request one;
    auto how = fit::no;
    auto end = std::find(from, said.end(), "and");
    for (; end != from; --end) {
      how = read_one({from, end}, replies, one);
      if (how == fit::whole) break;
      if (how == fit::beginning && end == said.end()) return how;
    }
    if (how == fit::whole) {
      into.push_back(std::move(one));
      from = end;
    } else if (!into.empty() && into.back().words.starts_with("weather ") && among(cities, *from)) {
      into.push_back(
          {.what = request::kind::delegate, .words = "weather " + *from, .about = *from});
      ++from;
    } else {
      return fit::no;
    }
    and_what = false;
  }
  return and_what ? fit::beginning : fit::whole;
}

bool is_marker(const tokens& said, std::size_t i, std::size_t& length) {
  length = said[i] == "i" && i + 1 < said.size() && said[i + 1] == "mean" ? 2 : 1;
  return length == 2 || said[i] == "no" || said[i] == "sorry";
}

// "seven times eight no nine": what is behind the marker is a request of its own, or takes the
// place of as many words before it.
tokens corrected(const tokens& said, const reply_table& replies, const tokens& before,
                 bool& corrects) {
  for (std::size_t i = said.size(), length = 0; i-- > 0;) {
    if (!is_marker(said, i, length)) continue;
    const tokens after(said.begin() + static_cast<std::ptrdiff_t>(i + length), said.end());
    tokens head(said.begin(), said.begin() + static_cast<std::ptrdiff_t>(i));
    while (!head.empty() && is_marker(head, head.size() - 1, length)) head.pop_back();
    const bool earlier = head.empty();
    if (earlier) head = before;
    if (after.empty() || head.empty()) continue;
    std::vector<request> ignored;
    tokens whole = after;
    if (read_all(whole, replies, ignored) != fit::whole) {
      if (after.size() > head.size()) continue;
      whole = head;
      std::ranges::copy(after, whole.end() - static_cast<std::ptrdiff_t>(after.size()));
      ignored.clear();
      if (read_all(whole, replies, ignored) != fit::whole) continue;
    }
    corrects = earlier;
    return whole;
  }
  return said;
}

// Without "uh" before a request, and without "hey hocket".
tokens without_address(tokens said) {
  if (said.size() > 1 && said[0] == "hey" && among(own_names, said[1]))
    said.erase(said.begin(), said.begin() + 2);
  if (join(said) != "uh huh") std::erase_if(said, [](const auto& w) { return w == "uh"; });
  return said;
}

}  // namespace

result<reply_table> read_replies(std::string_view text) {
  reply_table out;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto words = split(line.substr(0, line.find('#')));
    if (words.empty()) continue;
    const auto sign = std::ranges::find(words, "=");
    const tokens phrase(words.begin(), sign);
    if (sign == words.end() || phrase.empty() || sign + 1 == words.end())
      return fail("dialogue.bad_replies",
                  "line " + std::to_string(number) + " is not `phrase = reply`");
    out[join(phrase)] = join(tokens(sign + 1, words.end()));
  }
  return out;
}

understanding understand(std::string_view words, const reply_table& replies,
                         const std::vector<std::string>& before) {
  using kind = understanding::kind;
  understanding out;
  out.tokens = split(with_digits(words));
  if (out.tokens.empty()) return out;
  if (out.tokens[0] == "hey" && out.tokens.size() > 1 && among(other_names, out.tokens[1])) {
    out.what = kind::bystander;
    return out;
  }
  if (among(backchannels, join(out.tokens))) {
    out.what = kind::backchannel;
    return out;
  }
  const bool only_hey = out.tokens.size() == 1 && out.tokens[0] == "hey";
  out.tokens = without_address(std::move(out.tokens));
  if (only_hey || out.tokens.empty()) {
    out.what = kind::incomplete;
    return out;
  }
  const auto said = corrected(out.tokens, replies, before, out.corrects);
  const auto how = read_all(said, replies, out.requests);
  if (how == fit::whole) {
    out.tokens = said;
    out.what = kind::requests;
    return out;
  }
  out.requests.clear();
  std::size_t marker = 0;
  if (how == fit::beginning || is_marker(said, said.size() - 1, marker))
    out.what = kind::incomplete;
  const auto is_item = [](const auto& w) {
    return number_of(w) || among(colors, w) || among(things, w);
  };
  if (std::ranges::all_of(said, is_item)) out.what = kind::items;
  if (said.back() == "stop" && std::all_of(said.begin(), said.end() - 1, is_item)) {
    out.what = kind::requests;
    out.requests = {{.what = request::kind::stop}};
  }
  return out;
}

bool is_color(std::string_view word) { return among(colors, word); }

std::string_view spanish(std::int64_t number) {
  return number > 0 && number < static_cast<std::int64_t>(spanish_words.size())
             ? spanish_words[static_cast<std::size_t>(number)]
             : std::string_view();
}

}  // namespace hocket::dialogue_rules
