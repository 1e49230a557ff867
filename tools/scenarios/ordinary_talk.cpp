#include "tools/scenarios/ordinary_talk.hpp"

#include <vector>

#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

using strings = std::vector<std::string>;

/// Who does what, in clauses that go together in any way; `*` stands for a word of the world.
struct clauses {
  strings openers, subjects, predicates, with_words, replies;
};

const clauses& train_clauses() {
  static const clauses all{
      {"", "", "", "well", "you know", "i think", "yesterday", "so", "apparently", "and then",
       "to be honest", "listen", "anyway", "in the morning", "for example", "maybe"},
      {"my sister", "the neighbour", "our teacher", "his brother", "the driver", "somebody",
       "the old man", "my boss", "the woman next door", "everybody", "the committee", "her doctor",
       "the company", "i", "we", "they"},
      {"bought some milk and bread",
       "left the keys in the kitchen",
       "came home late again",
       "wanted to paint the fence",
       "forgot about the meeting",
       "could not find a parking space",
       "talked about the election",
       "lost the umbrella on the train",
       "made soup for dinner",
       "will call the office later",
       "found an old photograph",
       "waited for almost an hour",
       "sold the boat last summer",
       "never liked that music",
       "should read the letter first",
       "fixed the bicycle in the garage",
       "ran for the bus",
       "planned a trip to the mountains",
       "broke the window by accident",
       "lent me an umbrella",
       "opened a small shop",
       "watched the game with friends",
       "moved the sofa upstairs",
       "paid the bill with a card",
       "heard the news on the radio",
       "asked for a glass of water",
       "cleaned the whole flat",
       "missed the beginning of the film",
       "signed the contract on friday",
       "laughed about it"},
      {"saw * * birds on the roof", "had * children and a * cat", "drove a * car to *",
       "needs * more chairs for the party", "lives in a * house near *", "worked * hours that day",
       "said it was * in * last week", "counted * people in the room", "has a * table and * lamps",
       "took the train to * at *", "paid * hundred for the * dress", "met * and * in *",
       "spelled the name of the street", "told a long story about *", "checked the time again",
       "moved to * in the end of may", "stopped at the * light"},
      {"yes of course", "no not really", "i see", "that sounds good", "are you sure about that",
       "why not", "what a pity", "see you later then", "really", "oh no", "never again",
       "could you pass me the salt", "where did you put the scissors",
       "who was that on the phone"}};
  return all;
}

const clauses& heldout_clauses() {
  static const clauses all{
      {"", "", "actually", "last night", "honestly", "by the way", "of course", "on sunday"},
      {"my cousin", "the plumber", "our landlord", "the lady from the bank", "her husband",
       "the pilot", "nobody", "the students", "you", "he"},
      {"cooked rice with vegetables", "slept on the couch", "repaired the washing machine",
       "wrote an angry letter", "burned the toast this morning", "carried the boxes downstairs",
       "complained about the noise", "forgot to lock the door", "walked along the river",
       "cancelled the appointment", "won the lottery twice", "planted tomatoes in the garden"},
      {"ordered * pizzas for everybody", "painted the kitchen *", "flew from * to *",
       "waited * minutes for the bus", "keeps a * dog and * fish", "read * pages before midnight",
       "thought that * was * this time", "parked the * car behind the house"},
      {"that is fine with me", "i have no idea", "how was your weekend", "let us go home now",
       "do you want some tea", "it does not matter"}};
  return all;
}

std::string word_of_the_world(random_stream& rng) {
  switch (rng.integer(0, 5)) {
    case 0: return rng.pick(color_words());
    case 1: return rng.pick(city_words());
    case 2: return rng.pick(name_words());
    case 3: return rng.pick(weather_words());
    default: return engine::words_of_number(rng.integer(2, 12));
  }
}

std::string filled(random_stream& rng, const std::string& pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '*')
      out += word_of_the_world(rng);
    else
      out += c;
  }
  return out;
}

/// What the model says, by another voice.
std::string own_words(random_stream& rng) {
  switch (rng.integer(0, 5)) {
    case 0: return "that is " + engine::words_of_number(rng.integer(0, 20));
    case 1: return "it is " + rng.pick(weather_words());
    case 2: return "let me check";
    case 3: return rng.pick(city_words()) + " is " + rng.pick(weather_words());
    case 4: return rng.pick(sentences_about()).model;
    default: return "i am fine";
  }
}

}  // namespace

std::string ordinary_talk(random_stream& rng, split which) {
  const clauses& from = which == split::train ? train_clauses() : heldout_clauses();
  const double kind = rng.unit();
  if (kind < 0.1) return own_words(rng);
  if (kind < 0.2) return rng.pick(from.replies);
  std::string out = rng.pick(from.openers);
  if (!out.empty()) out += ' ';
  out += rng.pick(from.subjects) + ' ';
  return out + (kind < 0.65 ? filled(rng, rng.pick(from.with_words)) : rng.pick(from.predicates));
}

}  // namespace hocket::scenarios
