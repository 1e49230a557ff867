#include "tools/scenarios/voice_texts.hpp"

#include <algorithm>

#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/kinds.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

using strings = std::vector<std::string>;

std::string joined(const strings& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : " ") + w;
  return out;
}

/// A sentence with every second open word undecided, those of even number or those of odd number: each run
/// of its words stands in one of the two before a place that is open.
std::string half_decided(const std::string& text, bool even) {
  strings words = engine::words_of(text);
  std::size_t open = 0;
  for (std::size_t i = 1; i < words.size(); ++i)
    if (kind_of(words[i]) && (open++ % 2 == 0) == even) words[i] = undecided_word;
  return joined(words);
}

strings numbers() {
  strings out;
  for (int n = 0; n <= 20; ++n) out.push_back(engine::words_of_number(n));
  for (int n = 30; n <= 90; n += 10) out.push_back(engine::words_of_number(n));
  return out;
}

void add_numbers(strings& out) {
  const std::string open = std::string(" ") + undecided_word;
  out.insert(out.end(), {"that is" + open, "it is" + open, "it is one hundred"});
  for (const std::string& n : numbers()) {
    out.push_back(n);
    out.push_back("it is " + n);
    out.push_back("it is " + n + open);
  }
  for (int n = 0; n <= 20; ++n) out.push_back("that is " + engine::words_of_number(n));
  for (int n = 1; n <= 9; ++n) {
    // Every unit after a ten, and every minute after "oh".
    const int tens = n == 1 ? 90 : n * 10;
    out.push_back("it is " + engine::words_of_number(tens + n));
    out.push_back("it is " + engine::words_of_number(n) + " oh " + engine::words_of_number(10 - n));
  }
  for (int n = 10; n <= 19; ++n)
    out.push_back("it is " + engine::words_of_number(n - 7) + " " + engine::words_of_number(n));
  for (int n = 1; n <= 12; ++n) out.push_back("it is " + engine::words_of_number(n) + " oh" + open);
  for (int n = 1; n <= 20; ++n) out.push_back(engine::words_of_number(n) + " seconds");
}

void add_things(strings& out) {
  const std::string open = std::string(" ") + undecided_word;
  for (const std::string& w : weather_words()) out.push_back("it is " + w);
  for (const std::string& c : color_words()) {
    out.push_back("it is " + c);
    out.push_back(c + open);
    for (const std::string& s : shape_words()) out.push_back(c + " " + s);
  }
  out.push_back("it is a" + open);
  for (const std::string& s : shape_words()) out.push_back("it is a " + s);
  for (const std::string& c : city_words()) out.push_back(c + " is" + open);
  for (const std::string& c : city_words()) out.push_back("it is good in " + c);
  for (const std::string& t : plain_words()) out.push_back("it is in the " + t);
}

}  // namespace

std::vector<std::string> voice_texts() {
  strings out{"okay",       "uh huh", "let me check", "not yet",
              "good story", "it is",  "yes",          "ping",
              "start",      "stop",   refusal,        std::string("good ") + undecided_word};
  for (const exchange& e : small_talk()) out.push_back(e.model);
  for (const exchange& e : allowed_requests()) out.push_back(e.model);
  add_numbers(out);
  add_things(out);
  for (const exchange& e : sentences_about())
    for (const bool even : {true, false}) out.push_back(half_decided(e.model, even));
  for (const strings* list : {&spanish_words(), &engine::letter_pieces()})
    for (const std::string& w : *list)
      if (w.size() > 2 || w.front() != '#') out.push_back(w);
  strings once;
  for (std::string& text : out)
    if (std::find(once.begin(), once.end(), text) == once.end()) once.push_back(std::move(text));
  return once;
}

}  // namespace hocket::scenarios
