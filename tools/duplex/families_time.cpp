// When to speak: by the clock, by a cue, between the clauses of a story.
#include "engine/text/vocabulary.hpp"
#include "tools/duplex/families.hpp"
#include "tools/duplex/phrases.hpp"

namespace hocket::duplex {

using engine::words_of_number;

namespace {

// Nobody meets the due time itself; an answer to a question may come from its end on.
due_word due_at(std::vector<std::string> words, double at_s, double late_s = 1.0) {
  return {std::move(words), at_s, at_s - 0.3, at_s + late_s};
}

void make_pings(stage& s, item& it) {
  const int seconds = s.rng.integer(2, 3), pings = s.rng.integer(2, 4);
  it.current_turn_text = "say ping every " + words_of_number(seconds) + " seconds";
  const double end = s.say(it.current_turn_text, s.rng.uniform(0.4, 1.0));
  for (int i = 1; i <= pings; ++i) it.expect.due.push_back(due_at({"ping"}, end + i * seconds));
  // Said between two pings, so that nothing is due while it sounds.
  const double stop = s.say("stop", end + pings * seconds + 1.05);
  it.from_s = end;
  it.to_s = stop + 0.4 + seconds;
  (void)s.finish(it.to_s + 0.6);
}

void make_how_long(stage& s, item& it) {
  const int seconds = s.rng.integer(2, 8);
  const double begun = s.say("start the clock", s.rng.uniform(0.4, 1.0));
  it.context_text = "start the clock";
  it.current_turn_text = "how long did that take";
  it.from_s = s.say(it.current_turn_text, begun + seconds + s.rng.uniform(-0.15, 0.15));
  it.to_s = it.from_s + 3;
  it.expect.replies = {words_of_number(seconds) + " seconds"};
  it.expect.due.push_back(due_at({words_of_number(seconds)}, it.from_s, 2.0));
  (void)s.finish(it.to_s);
}

}  // namespace

void make_time_once(stage& s, item& it) {
  const int seconds = s.rng.integer(2, 6);
  it.current_turn_text = "say ping in " + words_of_number(seconds) + " seconds";
  it.from_s = s.say(it.current_turn_text, s.rng.uniform(0.4, 1.0));
  it.expect.due.push_back(due_at({"ping"}, it.from_s + seconds));
  // Long enough for a model that takes it for `every`: its second ping is a false alarm.
  it.to_s = it.from_s + 2 * seconds + 1;
  (void)s.finish(it.to_s);
}

void make_time_speak(stage& s, item& it) {
  if (s.rng.chance(0.5))
    make_pings(s, it);
  else
    make_how_long(s, it);
}

void make_cue_speak(stage& s, item& it) {
  it.context_text = "say yes when you hear a color";
  double at = s.say(it.context_text, s.rng.uniform(0.4, 1.0)) + s.rng.uniform(1.3, 1.7);
  it.from_s = at;
  const int count = s.rng.integer(6, 9), first = s.rng.integer(1, 2);
  const int second = first + s.rng.integer(2, 4);
  for (int i = 0; i < count; ++i) {
    // Never two colours in a row, never one at the end: the answer comes over the next word.
    const bool color = (i == first || i == second) && i + 1 < count;
    const auto& word =
        color ? s.rng.pick(scenarios::color_words()) : s.rng.pick(scenarios::plain_words());
    const double end = s.say(word, at);
    auto& list = color ? it.expect.due : it.expect.silent;
    list.push_back({{"yes"}, end, end, end + 1.5});
    it.current_turn_text += (it.current_turn_text.empty() ? "" : " ") + word;
    at = end + s.rng.uniform(0.15, 0.35);
  }
  it.to_s = at + 1.5;
  (void)s.finish(it.to_s + 0.5);
}

void make_story(stage& s, item& it) {
  it.context_text = "let me tell you a story";
  double at = s.say(it.context_text, s.rng.uniform(0.4, 0.8)) + s.rng.uniform(1.2, 1.6);
  it.from_s = at;
  const double wanted_s = s.rng.uniform(20, 32);
  while (at - it.from_s < wanted_s) {
    const auto clause = draw_clause(s.rng);
    at = s.say(clause, at);
    it.expect.clause_ends_s.push_back(at);
    it.current_turn_text += (it.current_turn_text.empty() ? "" : ", ") + clause;
    at += s.rng.uniform(0.9, 1.6);
  }
  it.to_s = at;
  s.say("that is it", at);
  (void)s.finish(at + 3);
}

}  // namespace hocket::duplex
