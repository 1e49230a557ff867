#include "tools/scenarios/kinds.hpp"

#include <algorithm>

#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

using strings = std::vector<std::string>;

const std::vector<strings>& kinds() {
  static const std::vector<strings> all = [] {
    strings small, tens;
    for (int n = 0; n <= 20; ++n) small.push_back(engine::words_of_number(n));
    for (int n = 20; n <= 90; n += 10) tens.push_back(engine::words_of_number(n));
    return std::vector<strings>{small,
                                tens,
                                city_words(),
                                weather_words(),
                                color_words(),
                                shape_words(),
                                plain_words(),
                                spanish_words(),
                                engine::letter_pieces(),
                                {"morning", "night"},
                                {"hello", "goodbye"}};
  }();
  return all;
}

}  // namespace

const std::vector<std::string>* kind_of(const std::string& word) {
  for (const strings& kind : kinds())
    if (std::find(kind.begin(), kind.end(), word) != kind.end()) return &kind;
  return nullptr;
}

}  // namespace hocket::scenarios
