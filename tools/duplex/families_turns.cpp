// Whose turn it is: pauses, questions, interruptions, and speech that is no reason to stop.
#include <algorithm>

#include "engine/text/vocabulary.hpp"
#include "tools/duplex/families.hpp"
#include "tools/duplex/phrases.hpp"

namespace hocket::duplex {

using engine::words_of_number;
using scenarios::random_stream;

std::string sum_of::question() const {
  return "what is " + words_of_number(a) + " plus " + words_of_number(b);
}
std::string sum_of::answer() const { return "that is " + words_of_number(a + b); }

sum_of draw_sum(random_stream& rng) { return {rng.integer(0, 10), rng.integer(0, 10)}; }

namespace {

struct request {
  std::string words;
  std::vector<std::string> replies;
};

request draw_request(random_stream& rng) {
  const double kind = rng.unit();
  if (kind < 0.4) {
    const auto sum = draw_sum(rng);
    return {sum.question(), {sum.answer()}};
  }
  if (kind < 0.7) {
    const auto& pair = rng.pick(scenarios::small_talk());
    return {pair.person, {pair.model}};
  }
  if (kind < 0.85)
    return {"what is " + words_of_number(rng.integer(2, 10)) + " times " +
                words_of_number(rng.integer(2, 10)),
            {"let me check"}};
  return {"what is the weather in " + rng.pick(scenarios::city_words()), {"let me check"}};
}

// A long answer: the model counts to ten, 0.6 s a number. Returns when its first word is due.
double ask_for_count(stage& s, item& it) {
  it.context_text = "count to ten";
  for (int n = 1; n <= 10; ++n) it.expect.sequence.push_back(words_of_number(n));
  return s.say(it.context_text, s.rng.uniform(0.4, 1.0)) + 0.4;
}

// Says something into the count; the window of the item is its sound.
void speak_over(stage& s, item& it, const std::string& words, double at_s, const std::string& who) {
  it.current_turn_text = words;
  it.from_s = at_s;
  it.to_s = s.say(words, at_s, who, true);
}

// Or it tells something, about 3.5 s.
double ask_for_sentence(stage& s, item& it) {
  const auto& about = s.rng.pick(scenarios::sentences_about());
  it.context_text = "tell me about the " + about.person;
  it.expect.sequence = engine::words_of(about.model);
  return s.say(it.context_text, s.rng.uniform(0.4, 1.0)) + 0.4;
}

double ask_for_long(stage& s, item& it) {
  return s.rng.chance(0.25) ? ask_for_sentence(s, it) : ask_for_count(s, it);
}

double count_end(double first_word_s) { return first_word_s + 10 * 0.6; }

}  // namespace

void make_pause(stage& s, item& it) {
  const double kind = s.rng.unit();
  std::string first, second;
  if (kind < 0.7) {
    const bool plus = kind < 0.45;
    const int a = s.rng.integer(plus ? 0 : 2, 10), b = s.rng.integer(plus ? 0 : 2, 10);
    const std::string word = plus ? " plus " : " times ";
    if (s.rng.chance(0.5)) {
      first = "what is " + words_of_number(a) + (plus ? " plus" : " times");
      second = words_of_number(b);
    } else {
      first = "what is";
      second = words_of_number(a) + word + words_of_number(b);
    }
    it.expect.replies = {plus ? "that is " + words_of_number(a + b) : "let me check"};
  } else {
    first = s.rng.chance(0.5) ? "what is the weather in" : "what is the weather";
    second = (first.ends_with("in") ? "" : "in ") + s.rng.pick(scenarios::city_words());
    it.expect.replies = {"let me check"};
  }
  it.from_s = s.say(first, s.rng.uniform(0.4, 1.0));
  it.to_s = it.from_s + s.rng.uniform(0.6, 2.5);
  const double end = s.say(second, it.to_s);
  it.current_turn_text = first + " " + second;
  (void)s.finish(end + 2.5);
}

void make_turn(stage& s, item& it) {
  const auto asked = draw_request(s.rng);
  it.current_turn_text = asked.words;
  it.expect.replies = asked.replies;
  it.from_s = s.say(asked.words, s.rng.uniform(0.4, 1.2));
  it.to_s = it.from_s + 4;
  (void)s.finish(it.to_s);
}

void make_interruption(stage& s, item& it) {
  it.expect.label = "RESPOND";
  const double first_word = ask_for_long(s, it);
  request asked;
  if (s.rng.chance(0.75)) {
    const auto sum = draw_sum(s.rng);
    asked = {sum.question(), {sum.answer()}};
  } else {
    static const std::vector<std::size_t> questions{1, 4, 7};  // of the small talk
    const auto& pair = scenarios::small_talk()[s.rng.pick(questions)];
    asked = {pair.person, {pair.model}};
  }
  it.expect.replies = asked.replies;
  speak_over(s, it, asked.words, first_word + s.rng.uniform(2.1, 2.7), "user");
  (void)s.finish(std::max(it.to_s + 4, count_end(first_word) + 1));
}

void make_barge_in(stage& s, item& it) {
  it.expect.label = "RESPOND";
  it.expect.replies = {"okay"};
  const double first_word = ask_for_count(s, it);
  speak_over(s, it, "stop", first_word + s.rng.uniform(1.2, 4.0), "user");
  (void)s.finish(std::max(it.to_s + 3, count_end(first_word) + 1));
}

void make_backchannel(stage& s, item& it) {
  it.expect.label = "RESUME";
  const double first_word = ask_for_long(s, it);
  speak_over(s, it, s.rng.chance(0.5) ? "uh huh" : "right",
             first_word + s.rng.uniform(1.0, it.expect.sequence.front() == "one" ? 3.0 : 1.6),
             "user");
  (void)s.finish(count_end(first_word) + 2.5);
}

void make_other(stage& s, item& it) {
  it.expect.label = "RESUME";
  const double first_word = ask_for_count(s, it);
  const auto asked =
      s.rng.chance(0.5) ? draw_sum(s.rng).question() : s.rng.pick(scenarios::small_talk()).person;
  speak_over(s, it, "hey " + s.rng.pick(scenarios::name_words()) + " " + asked,
             first_word + s.rng.uniform(1.0, 1.6), "other");
  (void)s.finish(count_end(first_word) + 2.5);
}

void make_background(stage& s, item& it) {
  it.expect.label = "RESUME";
  const double first_word = ask_for_count(s, it);
  const double kind = s.rng.unit();
  const auto words = kind < 0.4   ? draw_sum(s.rng).question()
                     : kind < 0.8 ? s.rng.pick(scenarios::small_talk()).person
                                  : std::string("stop");
  speak_over(s, it, words, first_word + s.rng.uniform(1.0, 2.2), "background");
  (void)s.finish(count_end(first_word) + 2.5);
}

void make_vocal_tic(stage& s, item& it) {
  const bool silent = s.rng.chance(1.0 / 3);
  it.expect.label = silent ? "SILENCE" : "RESUME";
  const double answer_s = silent ? 0 : ask_for_count(s, it);
  it.from_s = silent ? s.rng.uniform(0.6, 1.4) : answer_s + s.rng.uniform(1.0, 3.0);
  const double kind = s.rng.unit();
  it.current_turn_text = kind < 0.5 ? "cough" : kind < 0.75 ? "um" : "ah";
  it.to_s =
      kind < 0.5 ? s.cough(it.from_s, true) : s.say(it.current_turn_text, it.from_s, "user", true);
  (void)s.finish(silent ? it.to_s + 3 : count_end(answer_s) + 2.5);
}

void make_bystander(stage& s, item& it) {
  it.expect.label = "SILENCE";
  const auto asked = draw_request(s.rng).words;
  const bool far = s.rng.chance(0.5);
  it.current_turn_text = far ? asked : "hey " + s.rng.pick(scenarios::name_words()) + " " + asked;
  it.from_s = s.rng.uniform(0.4, 1.2);
  it.to_s = s.say(it.current_turn_text, it.from_s, far ? "background" : "other");
  (void)s.finish(it.to_s + 3);
}

}  // namespace hocket::duplex
