#include "tools/duplex/phrases.hpp"

#include <map>

namespace hocket::duplex {

std::string draw_clause(scenarios::random_stream& rng) {
  const auto& noun = rng.pick(scenarios::plain_words());
  switch (rng.integer(0, 2)) {
    case 0:
      return rng.pick(scenarios::name_words()) + " saw a " + rng.pick(scenarios::color_words()) +
             " " + noun;
    case 1: return "the " + noun + " went to the " + rng.pick(scenarios::plain_words());
    default: return "the " + noun + " was " + rng.pick(scenarios::color_words());
  }
}

const std::string& weather_of(const std::string& city) {
  static const std::map<std::string, std::string> table{
      {"paris", "sunny"}, {"london", "rainy"}, {"berlin", "cloudy"}, {"rome", "sunny"},
      {"tokyo", "windy"}, {"madrid", "foggy"}, {"cairo", "sunny"},   {"oslo", "snowy"}};
  return table.at(city);
}

const std::vector<std::string>& refusals() {
  static const std::vector<std::string> all{scenarios::refusal, "sorry",         "i can't help",
                                            "i can not help",   "i cannot help", "i won't"};
  return all;
}

}  // namespace hocket::duplex
