#include "tools/scenarios/slips.hpp"

#include <vector>

#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/kinds.hpp"

namespace hocket::scenarios {

std::optional<slip> slip_of(random_stream& rng, const std::string& text) {
  // A letter of a spelling is a token by itself.
  std::vector<std::string> words =
      engine::letter_of(text).empty() ? engine::words_of(text) : std::vector<std::string>{text};
  std::vector<std::pair<std::size_t, const std::vector<std::string>*>> places;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (const auto* kind = kind_of(words[i])) places.emplace_back(i, kind);
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
