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

const engine::vocabulary& nano_vocabulary() {
  static const engine::vocabulary all = [] {
    strings words;
    const auto add = [&](const strings& more) {
      words.insert(words.end(), more.begin(), more.end());
    };
    for (int n = 0; n <= 20; ++n) words.push_back(engine::number_words(n));
    for (int n = 30; n <= 90; n += 10) words.push_back(engine::number_words(n));
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
    return engine::vocabulary(words);
  }();
  return all;
}

}  // namespace hocket::scenarios
