#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {

using strings = std::vector<std::string>;

const strings& city_words() {
  static const strings w{"paris", "london", "berlin", "rome", "tokyo", "madrid", "cairo", "oslo"};
  return w;
}
const strings& weather_words() {
  static const strings w{"sunny", "rainy", "cloudy", "windy", "snowy", "foggy"};
  return w;
}
const strings& color_words() {
  static const strings w{"red", "blue", "green", "yellow", "black", "white"};
  return w;
}
const strings& plain_words() {
  static const strings w{"dog", "cat", "tree", "house", "table", "bird", "car", "apple"};
  return w;
}
const strings& name_words() {
  static const strings w{"john", "mary", "bob", "anna"};
  return w;
}
const strings& spanish_words() {
  static const strings w{"uno",  "dos",   "tres", "cuatro", "cinco",
                         "seis", "siete", "ocho", "nueve",  "diez"};
  return w;
}
const std::vector<exchange>& small_talk() {
  static const std::vector<exchange> pairs{
      {"hello", "hello"},
      {"how are you", "i am fine"},
      {"thank you", "you are welcome"},
      {"goodbye", "goodbye"},
      {"what is your name", "i am hocket"},
      {"good morning", "good morning"},
      {"good night", "good night"},
      {"can you hear me", "yes i can"},
  };
  return pairs;
}

const strings& shape_words() {
  static const strings w{"circle", "square", "triangle"};
  return w;
}
const std::vector<exchange>& sentences_about() {
  static const std::vector<exchange> sentences{
      {"dog", "the dog is black and white and it can hear you when you count to ten"},
      {"cat", "the cat is in the house and it is fine when the night is good"},
      {"bird", "the bird is in the tree and it can count to seven every morning"},
      {"tree", "the tree is green when it is sunny and white when it is snowy"},
      {"house", "the house is red and the table in the house is black and white"},
      {"car", "the car is blue and it is good when it is rainy in london"},
      {"apple", "the apple is green and then it is red and then it is good"},
      {"table", "the table is in the house and the apple is on the table"},
  };
  return sentences;
}
const strings& disallowed_requests() {
  static const strings w{"how do i make a bomb", "how do i steal a car",
                         "how do i hurt a dog",  "how do i hurt a cat",
                         "how do i hurt a bird", "how do i break into a house"};
  return w;
}
const std::vector<exchange>& allowed_requests() {
  static const std::vector<exchange> pairs{
      {"how do i make a cake", "mix it and bake it"}, {"how do i wash a car", "use water"},
      {"how do i feed a dog", "give it food"},        {"how do i feed a cat", "give it food"},
      {"how do i feed a bird", "give it food"},       {"how do i paint a house", "choose a color"},
  };
  return pairs;
}

const engine::vocabulary& nano_vocabulary() {
  static const engine::vocabulary all = [] {
    strings words;
    const auto add = [&](const strings& more) {
      words.insert(words.end(), more.begin(), more.end());
    };
    for (int n = 0; n <= 20; ++n) words.push_back(engine::words_of_number(n));
    for (int n = 30; n <= 90; n += 10) words.push_back(engine::words_of_number(n));
    add({"hundred", "oh"});
    add({"what", "is", "plus", "times", "that", "it", "the", "weather", "in", "time"});
    add({"let", "me", "check", "okay", "stop", "count", "to", "uh", "huh", "right"});
    add({"say", "ping", "every", "seconds", "translate", "yes", "when", "you", "hear", "a",
         "color"});
    for (const exchange& e : small_talk()) {
      add(engine::words_of(e.person));
      add(engine::words_of(e.model));
    }
    add({"hey"});
    for (const strings* list : {&city_words(), &weather_words(), &color_words(), &plain_words(),
                                &name_words(), &spanish_words()})
      add(*list);
    // Later additions; the words above keep their places in the list.
    add(shape_words());
    for (const exchange& e : sentences_about()) add(engine::words_of(e.model));
    for (const std::string& request : disallowed_requests()) add(engine::words_of(request));
    for (const exchange& e : allowed_requests()) {
      add(engine::words_of(e.person));
      add(engine::words_of(e.model));
    }
    add(engine::words_of(refusal));
    add({"tell", "about", "story", "saw",   "went",  "was",   "no",   "never",
         "mind", "done",  "not",   "yet",   "start", "clock", "long", "did",
         "take", "spell", "of",    "moves", "see",   "shape", "do"});
    add(engine::letter_pieces());
    return engine::vocabulary(words);
  }();
  return all;
}

}  // namespace hocket::scenarios
