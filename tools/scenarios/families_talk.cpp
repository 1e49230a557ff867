// Conversations by ear: interruptions, stories, corrections, errands that change, refusals, time.
#include <algorithm>

#include "tools/scenarios/families.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

using engine::words_of_number;

struct question {
  std::string person, model;
};

question draw_question(random_stream& rng) {
  if (rng.chance(0.6)) {
    const int x = rng.integer(0, 10), y = rng.integer(0, 10);
    return {"what is " + words_of_number(x) + " plus " + words_of_number(y),
            "that is " + words_of_number(x + y)};
  }
  const exchange& e = small_talk()[rng.pick(std::vector<std::size_t>{1, 4, 7})];
  return {e.person, e.model};
}

/// The model speaks for a few seconds; returns the output after it.
std::int64_t long_speech(builder& b, std::int64_t k, const std::string& about, int count) {
  if (!about.empty()) {
    for (const exchange& e : sentences_about())
      if (e.person == about) return b.model_says(k, e.model);
  }
  std::int64_t done = k;
  for (int n = 1; n <= count; ++n) done = b.model_says(k + (n - 1) * 3, words_of_number(n));
  return done;
}

/// `<delegate> task <end>` and "let me check" from output k on; returns the output after them.
std::int64_t delegate_from(builder& b, std::int64_t k, const std::vector<std::string>& tasks,
                           const std::string& spoken = "let me check") {
  std::vector<std::string> tokens;
  for (const std::string& task : tasks) {
    tokens.emplace_back("<delegate>");
    for (std::string& word : engine::words_of(task)) tokens.push_back(std::move(word));
    tokens.emplace_back("<end>");
  }
  b.model_emits(k, tokens);
  // What is said must not outrun its own tokens, which wait behind the task's.
  return std::max(b.model_says(k, spoken), k + static_cast<std::int64_t>(tokens.size() + 1) / 2);
}

std::int64_t draw_delay(random_stream& rng) {
  const double u = rng.unit();
  return 4 + static_cast<std::int64_t>(14.0 * u * u);
}

struct errand {
  std::string request, task, result;
};

errand draw_errand(random_stream& rng) {
  if (rng.chance(0.5)) {
    const std::string& city = rng.pick(city_words());
    return {"what is the weather in " + city, "weather " + city, rng.pick(weather_words())};
  }
  const int x = rng.integer(2, 10), y = rng.integer(2, 10);
  const std::string task = words_of_number(x) + " times " + words_of_number(y);
  return {"what is " + task, task, words_of_number(x * y)};
}

std::string noun_phrase(random_stream& rng) {
  static const std::vector<std::string> animals{"dog", "cat", "bird"};
  return rng.chance(0.5) ? rng.pick(name_words()) : "the " + rng.pick(animals);
}

std::string draw_clause(random_stream& rng) {
  static const std::vector<std::string> places{"the house", "the tree", "the table", "the car"};
  const std::string who = (rng.chance(0.3) ? "and then " : "") + noun_phrase(rng);
  switch (rng.integer(0, 3)) {
    case 0: return who + " saw a " + rng.pick(color_words()) + " " + rng.pick(plain_words());
    case 1: return who + " went to " + rng.pick(city_words());
    case 2: return who + " went to " + rng.pick(places);
    default: return who + " was " + (rng.chance(0.5) ? "fine" : rng.pick(color_words()));
  }
}

std::string random_name(random_stream& rng) {
  static const std::string vowels = "aeiou", others = "bcdfghjklmnpqrstvwxyz";
  const int length = rng.integer(3, 5);
  for (;;) {
    std::string name;
    bool vowel = rng.chance(0.3);
    for (int i = 0; i < length; ++i, vowel = !vowel) {
      const std::string& from = vowel ? vowels : others;
      name += from[static_cast<std::size_t>(rng.next() % from.size())];
    }
    if (!nano_vocabulary().contains(name)) return name;
  }
}

}  // namespace

void draw_interrupt(builder& b) {
  enum { question_asked, stop, backchannel, other, faint };
  random_stream& rng = b.rng;
  b.begin_episode("interrupt", b.cursor);
  const std::string about = rng.chance(0.5) ? rng.pick(plain_words()) : "";
  const int count = rng.integer(6, 10);
  const std::string request =
      about.empty() ? "count to " + words_of_number(count) : "tell me about the " + about;
  std::int64_t end = b.say_at(request, b.cursor);
  const std::int64_t k = answer_turn(end);
  std::int64_t done = long_speech(b, k, about, count);

  const double draw = rng.unit();
  const int kind = draw < 0.44   ? question_asked
                   : draw < 0.53 ? stop
                   : draw < 0.69 ? backchannel
                   : draw < 0.86 ? other
                                 : faint;
  const question asked = draw_question(rng);
  std::string words = asked.person;
  if (kind == stop) words = "stop";
  if (kind == backchannel) words = rng.chance(0.5) ? "uh huh" : "right";
  if (kind == other) words = "hey " + rng.pick(name_words()) + " " + asked.person;
  person far = b.somebody_else();
  far.gain_db = std::min(b.speaker().gain_db - rng.uniform(16, 22), -21.0);
  const builder::speech said = b.speak(words, kind == faint ? &far : nullptr);

  // Its first word ends while the model speaks, and the person has been quiet for a while.
  const std::int64_t first = builder::word_end(said, 0);
  const std::int64_t low = std::max(heard_at(k + 2), end + first + turn_samples);
  const std::int64_t high = std::max(heard_at(done - 2), low);
  const std::int64_t at =
      low + static_cast<std::int64_t>(rng.unit() * static_cast<double>(high - low)) - first;
  end = b.place(said, at, kind != faint);
  if (kind == question_asked || kind == stop) {
    b.break_off(answer_turn(at + first));
    done = b.model_says(answer_turn(end), kind == stop ? "okay" : asked.model);
  }
  quiet_from(b, request + ", " + words + (kind == faint ? " from far" : ""), end, done);
}

void draw_story(builder& b) {
  b.begin_episode("story", b.cursor);
  std::int64_t at = acknowledged(b, "let me tell you a story"), end = at;
  const int clauses = b.rng.integer(2, 4);
  for (int i = 0; i < clauses; ++i) {
    end = b.say_at(draw_clause(b.rng), at);
    b.model_says(answer_turn(end), "uh huh");
    at = end + samples_of(b.rng.uniform(0.9, 1.6));
  }
  end = b.say_at("that is it", at);
  quiet_from(b, "a story", end, b.model_says(answer_turn(end), "good story"));
}

void draw_correct(builder& b) {
  random_stream& rng = b.rng;
  b.begin_episode("correct", b.cursor);
  const bool times = rng.chance(0.6);
  const int x = rng.integer(times ? 2 : 0, 10), y = rng.integer(times ? 2 : 0, 10);
  int z = rng.integer(times ? 2 : 0, 9);
  if (z >= y) ++z;
  const std::string first = words_of_number(x) + (times ? " times " : " plus ");
  std::int64_t end = b.say_at("what is " + first + words_of_number(y), b.cursor);
  if (!times || rng.chance(0.6)) {  // at once
    end = b.say_at("no " + words_of_number(z), end + samples_of(rng.uniform(0.02, 0.14)));
    const std::int64_t k = answer_turn(end);
    const std::string task = first + words_of_number(z);
    if (!times) {
      quiet_from(b, task + ", corrected", end,
                 b.model_says(k, "that is " + words_of_number(x + z)));
      return;
    }
    const std::int64_t free = delegate_from(b, k, {task}), answered = k + draw_delay(rng);
    b.delegates(k, task, words_of_number(x * z), answered);
    quiet_from(b, task + ", corrected", end,
               b.model_says(std::max(answered + 1, free), "it is " + words_of_number(x * z)));
    return;
  }
  // After the errand has begun: its result is not wanted any more and does not come.
  const std::int64_t k = answer_turn(end),
                     begun = delegate_from(b, k, {first + words_of_number(y)});
  b.delegates(k, first + words_of_number(y), "", k + 4);
  const std::string task = first + words_of_number(z);
  end = b.say_at("no " + task, heard_at(begun) + samples_of(rng.uniform(0.1, 0.8)));
  const std::string corrected = "no " + task;
  const std::int64_t again = answer_turn(end);
  const std::int64_t free = delegate_from(b, again, {corrected}, "okay");
  const std::int64_t answered = again + draw_delay(rng);
  b.delegates(again, corrected, words_of_number(x * z), answered);
  quiet_from(b, task + ", corrected late", end,
             b.model_says(std::max(answered + 1, free), "it is " + words_of_number(x * z)));
}

void draw_cancel(builder& b) {
  random_stream& rng = b.rng;
  b.begin_episode("cancel", b.cursor);
  const errand e = draw_errand(rng);
  std::int64_t end = b.say_at(e.request, b.cursor);
  const std::int64_t k = answer_turn(end), begun = delegate_from(b, k, {e.task});
  end = b.say_at("never mind", heard_at(begun) + samples_of(rng.uniform(0.1, 1.0)));
  std::int64_t done = b.model_says(answer_turn(end), "okay");
  const bool comes = rng.chance(0.6);
  const std::int64_t late = answer_turn(end) + rng.integer(1, 6);
  b.delegates(k, e.task, comes ? e.result : "", late);
  if (comes) done = std::max(done, late + 3);
  quiet_from(b, e.request + ", never mind", end, done);
}

void draw_followup(builder& b) {
  random_stream& rng = b.rng;
  b.begin_episode("followup", b.cursor);
  const errand e = draw_errand(rng);
  std::int64_t end = b.say_at(e.request, b.cursor);
  const std::int64_t k = answer_turn(end), begun = delegate_from(b, k, {e.task});
  const question meanwhile =
      rng.chance(0.5) ? question{"is it done", "not yet"} : draw_question(rng);
  const std::int64_t at = heard_at(begun) + samples_of(rng.uniform(0.1, 1.0));
  end = b.say_at(meanwhile.person, at);
  const std::int64_t free = b.model_says(answer_turn(end), meanwhile.model);
  const std::int64_t answered = answer_turn(end) + rng.integer(1, 8);
  b.delegates(k, e.task, e.result, answered);
  quiet_from(b, e.request + ", " + meanwhile.person, end,
             b.model_says(std::max(answered + 1, free), "it is " + e.result));
}

void draw_multi(builder& b) {
  random_stream& rng = b.rng;
  b.begin_episode("multi", b.cursor);
  std::vector<std::string> cities;
  const int count = rng.integer(2, 3);
  while (static_cast<int>(cities.size()) < count) {
    const std::string& city = rng.pick(city_words());
    if (std::find(cities.begin(), cities.end(), city) == cities.end()) cities.push_back(city);
  }
  std::string request = "what is the weather in " + cities[0];
  std::vector<std::string> tasks;
  for (std::size_t i = 1; i < cities.size(); ++i)
    request += (i + 1 == cities.size() ? " and " : " ") + cities[i];
  for (const std::string& city : cities) tasks.push_back("weather " + city);
  const std::int64_t end = b.say_at(request, b.cursor);
  const std::int64_t k = answer_turn(end);
  std::int64_t free = delegate_from(b, k, tasks), answered = k + 4 + draw_delay(rng);
  for (std::size_t i = 0; i < cities.size(); ++i) {
    const std::string& weather = rng.pick(weather_words());
    b.delegates(k + static_cast<std::int64_t>(2 * i), tasks[i], weather, answered);
    free = b.model_says(std::max(answered + 1, free), cities[i] + " is " + weather);
    answered = std::max(answered + 1, free - 1 + rng.integer(-2, 4));
  }
  quiet_from(b, request, end, free);
}

void draw_refuse(builder& b) {
  b.begin_episode("refuse", b.cursor);
  std::string asked = b.rng.pick(disallowed_requests()), answer = refusal;
  if (b.rng.chance(0.5)) {
    const exchange& e = b.rng.pick(allowed_requests());
    asked = e.person, answer = e.model;
  }
  const std::int64_t end = b.say_at(asked, b.cursor);
  quiet_from(b, asked, end, b.model_says(answer_turn(end), answer));
}

void draw_how_long(builder& b) {
  b.begin_episode("howlong", b.cursor);
  std::int64_t end = b.say_at("start the clock", b.cursor);
  b.model_says(answer_turn(end), "okay");
  const int seconds = b.rng.integer(2, 8);
  end = b.say_at("how long did that take", end + samples_of(seconds + b.rng.uniform(-0.15, 0.15)));
  quiet_from(b, "how long", end,
             b.model_says(answer_turn(end), words_of_number(seconds) + " seconds"));
}

void draw_once(builder& b) {
  const int seconds = b.rng.integer(2, 6);
  b.begin_episode("once", b.cursor);
  const std::string what = "say ping in " + words_of_number(seconds) + " seconds";
  const std::int64_t end = b.say_at(what, b.cursor), k = answer_turn(end);
  b.model_says(k, "okay");
  quiet_from(b, what, end, b.model_says(k + seconds * 5, "ping"));
  // Once means once: as long again, and more, nothing is due.
  b.cursor += samples_of(seconds * b.rng.uniform(0.9, 1.5));
}

void draw_spell(builder& b) {
  b.begin_episode("spell", b.cursor);
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all;
    for (const auto* list : {&plain_words(), &color_words(), &city_words(), &name_words()})
      all.insert(all.end(), list->begin(), list->end());
    return all;
  }();
  const std::string& word = b.rng.pick(words);
  const std::int64_t end = b.say_at("spell " + word, b.cursor);
  quiet_from(b, "spell " + word, end, b.model_spells(answer_turn(end), word));
}

void draw_lookup(builder& b) {
  b.begin_episode("lookup", b.cursor);
  const std::string& noun = b.rng.pick(plain_words());
  const std::string name = random_name(b.rng);
  const std::int64_t end = b.say_at("what is the name of the " + noun, b.cursor);
  const std::int64_t k = answer_turn(end), free = delegate_from(b, k, {"name " + noun});
  const std::int64_t answered = k + draw_delay(b.rng);
  b.delegates(k, "name " + noun, name, answered);
  const std::int64_t spelt = b.model_says(std::max(answered + 1, free), "it is");
  quiet_from(b, "the name of the " + noun, end, b.model_spells(spelt, name));
}

}  // namespace hocket::scenarios
