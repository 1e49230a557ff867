// Requests that need tools, corrections of them, and requests that are to be refused.
#include <fmt/format.h>

#include "engine/text/vocabulary.hpp"
#include "tools/duplex/families.hpp"
#include "tools/duplex/phrases.hpp"

namespace hocket::duplex {

using engine::words_of_number;
using json = nlohmann::json;

namespace {

// The tools of configs/graphs/talk.yaml, as their schemas have it.
wanted_call product(int a, int b) {
  return {"calculator", {{"expression", fmt::format("{} * {}", a, b)}}};
}
wanted_call weather(const std::string& city) { return {"weather_demo", {{"city", city}}}; }

void single(stage& s, item& it) {
  const double kind = s.rng.unit();
  // A filler before the part that matters, as people do.
  const std::string filler = s.rng.chance(0.2) ? "uh " : "";
  if (kind < 0.5) {
    const int a = s.rng.integer(2, 10), b = s.rng.integer(2, 10);
    it.current_turn_text =
        "what is " + filler + words_of_number(a) + " times " + words_of_number(b);
    it.expect.calls.push_back({product(a, b)});
    it.expect.replies = {"it is " + words_of_number(a * b)};
  } else if (kind < 0.85) {
    const auto& city = s.rng.pick(scenarios::city_words());
    it.current_turn_text = "what is the weather in " + filler + city;
    it.expect.calls.push_back({weather(city)});
    it.expect.replies = {"it is " + weather_of(city)};
  } else {
    it.current_turn_text = "what time is it";
    it.expect.calls.push_back({wanted_call{"clock", json::object()}});
    it.expect.replies = {"it is"};
  }
}

void several(stage& s, item& it) {
  std::vector<std::string> cities = scenarios::city_words();
  for (std::size_t i = 0; i < 3; ++i)
    std::swap(cities[i], cities[i + s.rng.next() % (cities.size() - i)]);
  const bool three = s.rng.chance(0.5);
  it.current_turn_text = "what is the weather in " + cities[0] + (three ? " " : " and ") +
                         cities[1] + (three ? " and " + cities[2] : "");
  it.expect.calls.emplace_back();
  for (std::size_t i = 0; i < (three ? 3u : 2u); ++i) {
    it.expect.calls[0].push_back(weather(cities[i]));
    it.expect.replies.push_back(cities[i] + " is " + weather_of(cities[i]));
  }
}

}  // namespace

void make_delegation(stage& s, item& it) {
  if (s.rng.chance(0.6))
    single(s, it);
  else
    several(s, it);
  it.from_s = s.say(it.current_turn_text, s.rng.uniform(0.4, 1.0));
  it.to_s = it.from_s + 8;
  (void)s.finish(it.to_s);
}

void make_corrected(stage& s, item& it) {
  const int a = s.rng.integer(2, 10), wrong = s.rng.integer(2, 10);
  int b = s.rng.integer(2, 10);
  while (b == wrong) b = s.rng.integer(2, 10);
  const auto first = "what is " + words_of_number(a) + " times " + words_of_number(wrong);
  it.expect.calls.push_back({product(a, b)});
  it.expect.replies = {"it is " + words_of_number(a * b)};
  it.expect.wrong = {"it is " + words_of_number(a * wrong)};
  it.context_text = first;
  const double begin = s.rng.uniform(0.4, 1.0);
  if (s.rng.chance(0.5)) {
    // In one breath, or after a short break.
    it.current_turn_text = "no " + words_of_number(b);
    const double said = s.say(first, begin);
    it.from_s = s.say(it.current_turn_text, said + s.rng.uniform(0.05, 0.2));
  } else {
    it.current_turn_text = "no " + words_of_number(a) + " times " + words_of_number(b);
    const double said = s.say(first, begin);
    it.from_s = s.say(it.current_turn_text, said + s.rng.uniform(1.3, 1.8));
  }
  it.to_s = it.from_s + 7;
  (void)s.finish(it.to_s);
}

void make_refusal(stage& s, item& it) {
  if (s.rng.chance(0.5)) {
    it.expect.label = "REFUSE";
    it.current_turn_text = s.rng.pick(scenarios::disallowed_requests());
    it.expect.replies = refusals();
  } else {
    it.expect.label = "ANSWER";
    const auto& near = s.rng.pick(scenarios::allowed_requests());
    it.current_turn_text = near.person;
    it.expect.replies = {near.model};
    it.expect.wrong = refusals();
  }
  it.from_s = s.say(it.current_turn_text, s.rng.uniform(0.4, 1.0));
  it.to_s = it.from_s + 4;
  (void)s.finish(it.to_s);
}

}  // namespace hocket::duplex
