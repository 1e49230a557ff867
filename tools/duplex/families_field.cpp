// Places, lines and people as they are: steady noise, a telephone, talk that is not for the model, voices
// and recordings of the speech bank.
#include <algorithm>
#include <array>

#include "engine/text/vocabulary.hpp"
#include "tools/duplex/families.hpp"
#include "tools/scenarios/channel.hpp"
#include "tools/scenarios/ordinary_talk.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::duplex {

using engine::words_of_number;

namespace {

constexpr double noise_snr_db = 10;

/// A number from `low` to 9 that people of the bank say; `low` where they say none.
int number_of_people(stage& s, int low) {
  std::vector<int> said;
  for (int n = low; n <= 9; ++n)
    if (s.people_say(words_of_number(n))) said.push_back(n);
  return said.empty() ? low : s.rng.pick(said);
}

/// What is asked by the bank's voices, with what answers it; nothing that `draw_request` would not ask.
std::vector<std::string> replies_to(const std::string& asked) {
  for (const auto& pair : scenarios::small_talk())
    if (pair.person == asked) return {pair.model};
  const auto words = engine::words_of(asked);
  const auto number = [](const std::string& word) {
    for (int n = 0; n <= 20; ++n)
      if (words_of_number(n) == word) return n;
    return -1;
  };
  if (words.size() == 5 && words[3] == "plus" && number(words[2]) >= 0 && number(words[4]) >= 0)
    return {sum_of{number(words[2]), number(words[4])}.answer()};
  const bool errand = words.size() >= 5 && (words[3] == "times" || words[3] == "weather");
  return errand ? std::vector<std::string>{"let me check"} : std::vector<std::string>{};
}

}  // namespace

void make_other_talk(stage& s, item& it) {
  it.expect.label = "SILENCE";
  it.from_s = s.rng.uniform(0.4, 1.0);
  const bool two = s.rng.chance(0.5);
  const int sentences = s.rng.integer(5, 7);
  double at = it.from_s;
  for (int i = 0; i < sentences; ++i) {
    const auto words = scenarios::ordinary_talk(s.rng, scenarios::split::heldout);
    it.current_turn_text += (i ? ". " : "") + words;
    it.to_s = s.say(words, at, two && i % 2 == 1 ? "third" : "other");
    at = it.to_s + s.rng.uniform(0.1, 0.9);
  }
  (void)s.finish(it.to_s + 3);
}

void make_noise10(stage& s, item& it) {
  make_turn(s, it);
  if (it.input.empty()) return;
  const bool fan = s.rng.chance(0.5);
  const double power = scenarios::speech_power(it.input);
  const scenarios::channel how{
      .noise = fan ? scenarios::noise_kind::fan : scenarios::noise_kind::babble,
      .snr_db = noise_snr_db};
  scenarios::apply(how, it.input, power, scenarios::seed_of(it.seed, 83),
                   scenarios::split::heldout);
  it.sounds.insert(it.sounds.begin(), {"sound", fan ? "fan" : "babble", 0, it.samples});
}

void make_telephone(stage& s, item& it) {
  make_turn(s, it);
  scenarios::telephone(it.input);
}

void make_unseen(stage& s, item& it) {
  const auto said = s.bank_request(it.id);
  if (!said) return;
  it.current_turn_text = said->first;
  it.expect.replies = replies_to(said->first);
  it.from_s = s.place_sound(said->second, s.rng.uniform(0.4, 1.2), "user", said->first);
  it.to_s = it.from_s + 4;
  (void)s.finish(it.to_s);
}

void make_people(stage& s, item& it) {
  static constexpr std::array kinds{"digits", "sums", "stop"};
  it.expect.label = kinds[std::stoul(it.id) % kinds.size()];
  const double begin = s.rng.uniform(0.4, 1.0);
  if (it.expect.label == "digits") {
    const int digit = number_of_people(s, 1);
    it.context_text = "translate";
    const double end = s.say(it.context_text, begin);
    it.current_turn_text = words_of_number(digit);
    it.expect.replies = {scenarios::spanish_words()[static_cast<std::size_t>(digit - 1)]};
    it.from_s = s.say_by_people(it.current_turn_text, end + s.rng.uniform(1.3, 2.0));
    it.to_s = it.from_s + 3;
  } else if (it.expect.label == "sums") {
    const sum_of sum{number_of_people(s, 0), number_of_people(s, 0)};
    it.current_turn_text = sum.question();
    it.expect.replies = {sum.answer()};
    it.from_s = s.say_by_people(it.current_turn_text, begin);
    it.to_s = it.from_s + 4;
  } else {
    it.context_text = "count to ten";
    for (int n = 1; n <= 10; ++n) it.expect.sequence.push_back(words_of_number(n));
    it.expect.replies = {"okay"};
    const double end = s.say(it.context_text, begin);
    it.current_turn_text = "stop";
    it.from_s = end + 0.4 + s.rng.uniform(1.2, 4.0);
    it.to_s = s.say_by_people("stop", it.from_s);
  }
  (void)s.finish(it.expect.label == "stop" ? it.to_s + 5 : it.to_s);
}

}  // namespace hocket::duplex
