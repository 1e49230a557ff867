#include "tools/scenarios/families.hpp"

#include <algorithm>

#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

using engine::words_of_number;

// Says a request, in two parts when `pause_s` is not 0. Returns the end of its sound.
std::int64_t ask(builder& b, const std::string& text, double pause_s, int pause_after) {
  if (pause_s <= 0) return b.say_at(text, b.cursor);
  const std::vector<std::string> words = engine::words_of(text);
  std::string parts[2];
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string& part = parts[i < static_cast<std::size_t>(pause_after) ? 0 : 1];
    part += (part.empty() ? "" : " ") + words[i];
  }
  const std::int64_t first_end = b.say_at(parts[0], b.cursor);
  return b.say_at(parts[1], first_end + samples_of(pause_s));
}

void draw_sum(builder& b) {
  sum_plan plan{b.rng.integer(0, 10), b.rng.integer(0, 10), 0, 3};
  if (b.rng.chance(1.0 / 3)) {
    plan.pause_s = b.rng.uniform(0.5, b.rich() ? 2.6 : 1.8);
    plan.pause_after = b.rng.integer(2, 4);
  }
  play_sum(b, plan);
}

std::string time_words(random_stream& rng) {
  const int minute = rng.integer(0, 59);
  std::string text = words_of_number(rng.integer(1, 12));
  if (minute == 0) return text;
  return text + (minute < 10 ? " oh " : " ") + words_of_number(minute);
}

void draw_delegate(builder& b) { play_delegate(b, draw_errand(b)); }

void draw_count(builder& b) {
  const double kind = b.rng.unit();
  const count_event event = kind < 0.45   ? count_event::stop
                            : kind < 0.65 ? count_event::backchannel
                            : kind < 0.75 ? count_event::faint_stop
                                          : count_event::none;
  play_count(b, b.rng.integer(5, 10), event, b.rng.unit());
}

void draw_timer(builder& b) {
  const int seconds = b.rng.chance(0.7) ? 2 : 3;
  play_timer(b, seconds, b.rng.integer(1, 3), b.rng.unit(), b.rng.chance(0.2));
}

void draw_small_talk(builder& b) {
  play_small_talk(b, static_cast<std::size_t>(b.rng.next() % small_talk().size()));
}

void draw_bystander(builder& b) {
  random_stream& rng = b.rng;
  const std::vector<std::string> requests{"what is " + words_of_number(rng.integer(0, 10)) +
                                              " plus " + words_of_number(rng.integer(0, 10)),
                                          "what is " + words_of_number(rng.integer(2, 10)) +
                                              " times " + words_of_number(rng.integer(2, 10)),
                                          "what is the weather in " + rng.pick(city_words()),
                                          "what time is it",
                                          "count to " + words_of_number(rng.integer(5, 10)),
                                          "say ping every two seconds",
                                          "translate",
                                          rng.pick(small_talk()).person,
                                          rng.pick(small_talk()).person};
  const bool faint = rng.chance(0.5);
  const std::string request = rng.pick(requests);
  play_bystander(b, faint ? request : "hey " + rng.pick(name_words()) + " " + request, faint);
}

void draw_translate(builder& b) {
  b.begin_episode("translate", b.cursor);
  std::int64_t at = acknowledged(b, "translate"), end = at, free = 0;
  const int count = b.rng.integer(3, 6);
  for (int i = 0; i < count; ++i) {
    const int digit = b.rng.integer(1, 10);
    end = b.say_at(words_of_number(digit), at);
    free = b.model_says(std::max(answer_turn(end), free),
                        spanish_words()[static_cast<std::size_t>(digit - 1)]);
    at = end + samples_of(b.rng.uniform(0.3, 0.9));
  }
  end = b.say_at("stop", at);
  b.break_off(answer_turn(end));
  quiet_from(b, "digits into Spanish", end, b.model_says(answer_turn(end), "okay"));
}

void draw_cue(builder& b) {
  b.begin_episode("cue", b.cursor);
  std::int64_t at = acknowledged(b, "say yes when you hear a color"), end = at, free = 0;
  const int count = b.rng.integer(4, 7);
  const int colors = b.rng.integer(1, 3);
  std::vector<bool> is_color(static_cast<std::size_t>(count), false);
  for (int c = 0; c < colors; ++c)
    is_color[static_cast<std::size_t>(b.rng.integer(0, count - 1))] = true;
  for (const bool color : is_color) {
    end = b.say_at(color ? b.rng.pick(color_words()) : b.rng.pick(plain_words()), at);
    if (color) free = b.model_says(std::max(answer_turn(end), free), "yes");
    at = end + samples_of(b.rng.uniform(0.15, 0.5));
  }
  quiet_from(b, "yes at every color", end, free);
}

}  // namespace

delegate_plan draw_errand(builder& b) {
  delegate_plan plan;
  const double kind = b.rng.unit();
  if (kind < 0.45) {
    const int x = b.rng.integer(2, 10), y = b.rng.integer(2, 10);
    plan.task = words_of_number(x) + " times " + words_of_number(y);
    plan.request = "what is " + plan.task;
    plan.result = words_of_number(x * y);
    if (b.rng.chance(0.2)) plan.pause_s = b.rng.uniform(0.5, b.rich() ? 2.6 : 1.5);
    if (b.rich() && plan.pause_s > 0) plan.pause_after = b.rng.integer(3, 4);
  } else if (kind < 0.8) {
    const std::string city = b.rng.pick(city_words());
    plan.request = "what is the weather in " + city;
    plan.task = "weather " + city;
    plan.result = b.rng.pick(weather_words());
    if (b.rich() && b.rng.chance(0.2))
      plan.pause_s = b.rng.uniform(0.5, 2.6), plan.pause_after = b.rng.integer(4, 5);
  } else {
    plan.request = "what time is it";
    plan.task = "time";
    plan.result = time_words(b.rng);
  }
  const double u = b.rng.unit();
  plan.delay_turns = 3 + static_cast<std::int64_t>(18.0 * u * u);
  if (b.rng.chance(0.25)) plan.meanwhile = b.rng.pick(small_talk()).person;
  return plan;
}

void quiet_from(builder& b, const std::string& what, std::int64_t person_end, std::int64_t k_end) {
  const std::int64_t quiet = std::max(person_end, k_end > 0 ? heard_at(k_end) : 0);
  b.end_episode(what, quiet + samples_of(b.rng.uniform(0.1, 0.7)));
}

// Turns the mode on; returns the sample from which the person goes on.
std::int64_t acknowledged(builder& b, const std::string& command) {
  const std::int64_t end = b.say_at(command, b.cursor);
  const std::int64_t done = b.model_says(answer_turn(end), "okay");
  return heard_at(done) + samples_of(b.rng.uniform(0.1, 0.6));
}

void play_sum(builder& b, const sum_plan& plan) {
  b.begin_episode(plan.typed ? "typed" : "sum", b.cursor);
  const std::string text =
      "what is " + words_of_number(plan.a) + " plus " + words_of_number(plan.b);
  const std::int64_t end =
      plan.typed ? b.type_at(text, b.cursor) : ask(b, text, plan.pause_s, plan.pause_after);
  const std::int64_t done =
      b.model_says(answer_turn(end), "that is " + words_of_number(plan.a + plan.b));
  quiet_from(b, text + (plan.pause_s > 0 ? ", with a pause" : ""), end, done);
}

void play_delegate(builder& b, const delegate_plan& plan) {
  b.begin_episode(plan.typed ? "typed" : "delegate", b.cursor);
  std::int64_t person_end = plan.typed ? b.type_at(plan.request, b.cursor)
                                       : ask(b, plan.request, plan.pause_s, plan.pause_after);
  const std::int64_t k = answer_turn(person_end);
  std::vector<std::string> tokens = engine::words_of(plan.task);
  tokens.insert(tokens.begin(), "<delegate>");
  tokens.push_back("<end>");
  b.model_emits(k, tokens);
  std::int64_t free = b.model_says(k, "let me check");
  std::int64_t answered = k + plan.delay_turns;
  const std::string answer = "it is " + plan.result;

  // The person may say something meanwhile; that is answered first, and a result which arrives from
  // then on waits. A result that can still be said before is pushed behind, so that they never
  // meet.
  if (!plan.meanwhile.empty()) {
    const std::int64_t at = heard_at(free) + samples_of(b.rng.uniform(0.1, 0.8));
    person_end = b.say_at(plan.meanwhile, at);
    const std::int64_t begun = at / turn_samples;
    answered = std::max(answered, begun + b.rng.integer(1, 4));
    for (const exchange& e : small_talk())
      if (e.person == plan.meanwhile) free = b.model_says(answer_turn(person_end), e.model);
  }
  b.delegates(k, plan.task, plan.result, answered);
  const std::int64_t done = b.model_says(std::max(answered + 1, free), answer);
  quiet_from(b, plan.request + (plan.meanwhile.empty() ? "" : ", " + plan.meanwhile), person_end,
             done);
}

void play_count(builder& b, int to, count_event event, double where) {
  constexpr std::int64_t step = 3;  // 0.6 s
  b.begin_episode("count", b.cursor);
  std::string what = "count to " + words_of_number(to);
  std::int64_t end = b.say_at(what, b.cursor);
  const std::int64_t k = answer_turn(end);
  std::int64_t done = k;
  for (int n = 1; n <= to; ++n) done = b.model_says(k + (n - 1) * step, words_of_number(n));
  if (event != count_event::none) {
    // The other's sound ends somewhere between the second and the last number as they are heard.
    person other = b.somebody_else();
    other.gain_db = std::min(b.speaker().gain_db - b.rng.uniform(16, 22), -21.0);
    const bool faint = event == count_event::faint_stop;
    const std::string words =
        event == count_event::backchannel ? (b.rng.chance(0.5) ? "uh huh" : "right") : "stop";
    const builder::speech said = b.speak(words, faint ? &other : nullptr);
    const std::int64_t low = std::max(heard_at(k + 2), end + said.length + turn_samples);
    const std::int64_t high = std::max(heard_at(done - 2), low);
    end = b.place(said, low + static_cast<std::int64_t>(where * double(high - low)) - said.length,
                  !faint);
    if (event == count_event::stop) {
      b.break_off(answer_turn(end));
      done = b.model_says(answer_turn(end), "okay");
    }
    what += ", " + words + (faint ? " from somebody far" : "");
  }
  quiet_from(b, what, end, done);
}

void play_timer(builder& b, int seconds, int pings, double past_last, bool backchannel) {
  b.begin_episode("timer", b.cursor);
  const std::string what = "say ping every " + words_of_number(seconds) + " seconds";
  std::int64_t end = b.say_at(what, b.cursor);
  const std::int64_t k = answer_turn(end), period = seconds * 5;
  std::int64_t free = b.model_says(k, "okay");
  if (backchannel)
    b.say_at(b.rng.chance(0.5) ? "uh huh" : "right",
             heard_at(free) + samples_of(b.rng.uniform(0.05, 0.3) * seconds));
  for (int i = 1; i <= pings + 1; ++i) b.model_says(k + i * period, "ping");
  const std::int64_t last = heard_at(k + pings * period);
  const builder::speech stop = b.speak("stop");
  const std::int64_t stop_end =
      last + turn_samples +
      static_cast<std::int64_t>(past_last * double((period - 2) * turn_samples));
  end = b.place(stop, stop_end - stop.length);
  b.break_off(answer_turn(end));
  quiet_from(b, what, end, b.model_says(answer_turn(end), "okay"));
}

void play_small_talk(builder& b, std::size_t pair, bool typed) {
  const exchange& e = small_talk()[pair];
  b.begin_episode(typed ? "typed" : "smalltalk", b.cursor);
  const std::int64_t end = typed ? b.type_at(e.person, b.cursor) : b.say_at(e.person, b.cursor);
  quiet_from(b, e.person, end, b.model_says(answer_turn(end), e.model));
}

void play_bystander(builder& b, const std::string& words, bool faint) {
  b.begin_episode("bystander", b.cursor);
  std::int64_t end = 0;
  if (faint) {
    person other = b.somebody_else();
    other.gain_db = std::min(b.speaker().gain_db - b.rng.uniform(16, 22), -21.0);
    end = b.place(b.speak(words, &other), b.cursor, false);
  } else {
    end = b.say_at(words, b.cursor);
  }
  // Long enough that what follows is a new beginning.
  b.end_episode(words + (faint ? ", from far" : ""), end + samples_of(b.rng.uniform(0.7, 1.4)));
}

const std::vector<family>& all_families() {
  static const std::vector<family> all{{"sum", 1.6, draw_sum},
                                       {"delegate", 1.6, draw_delegate},
                                       {"count", 0.8, draw_count},
                                       {"timer", 0.6, draw_timer},
                                       {"smalltalk", 1.0, draw_small_talk},
                                       {"bystander", 1.0, draw_bystander},
                                       {"translate", 1.0, draw_translate},
                                       {"cue", 1.0, draw_cue},
                                       {"interrupt", 1.4, draw_interrupt},
                                       {"story", 0.7, draw_story},
                                       {"correct", 1.2, draw_correct},
                                       {"cancel", 0.7, draw_cancel},
                                       {"followup", 0.8, draw_followup},
                                       {"multi", 1.0, draw_multi},
                                       {"refuse", 1.0, draw_refuse},
                                       {"howlong", 0.8, draw_how_long},
                                       {"spell", 0.8, draw_spell},
                                       {"lookup", 0.9, draw_lookup},
                                       {"repcount", 1.2, draw_rep_count, true},
                                       {"flash", 1.0, draw_flash, true},
                                       {"motion", 1.0, draw_motion, true},
                                       {"watch", 1.2, draw_watch, true},
                                       {"describe", 1.0, draw_describe, true},
                                       {"once", 0.8, draw_once}};
  return all;
}

const family* find_family(const std::string& name) {
  static const family of_the_field[] = {{"other_talk", 1.0, draw_other_talk},
                                        {"typed", 1.0, draw_typed}};
  for (const family& f : of_the_field)
    if (name == f.name) return &f;
  for (const family& f : all_families())
    if (name == f.name) return &f;
  return nullptr;
}

}  // namespace hocket::scenarios
