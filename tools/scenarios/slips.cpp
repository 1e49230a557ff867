#include "tools/scenarios/slips.hpp"

#include <algorithm>
#include <vector>

#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

using strings = std::vector<std::string>;

const std::vector<strings>& kinds() {
  static const std::vector<strings> all = [] {
    strings small, tens;
    for (int n = 0; n <= 20; ++n) small.push_back(engine::number_words(n));
    for (int n = 20; n <= 90; n += 10) tens.push_back(engine::number_words(n));
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

std::optional<slip> slip_of(random_stream& rng, const std::string& text) {
  // A letter of a spelling is a token by itself.
  strings words = engine::letter_of(text).empty() ? engine::words_of(text) : strings{text};
  std::vector<std::pair<std::size_t, const strings*>> places;
  for (std::size_t i = 0; i < words.size(); ++i)
    for (const strings& kind : kinds())
      if (std::find(kind.begin(), kind.end(), words[i]) != kind.end()) {
        places.emplace_back(i, &kind);
        break;
      }
  if (places.empty()) return std::nullopt;
  const auto [at, kind] = rng.pick(places);
  std::string other = words[at];
  while (other == words[at] ||
         (*kind == engine::letter_pieces() && engine::letter_of(other).empty()))
    other = rng.pick(*kind);
  words[at] = other;
  slip out{"", at};
  for (const std::string& word : words) out.text += (out.text.empty() ? "" : " ") + word;
  return out;
}

}  // namespace hocket::scenarios
