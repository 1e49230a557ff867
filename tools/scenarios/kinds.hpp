// Kinds of words: what may stand in the place of what.
#pragma once

#include <string>
#include <vector>

namespace hocket::scenarios {

/// The words that can stand where `word` stands (numbers, cities, weathers, colors, ...), itself among
/// them; null where the place leaves no choice. Static storage; any thread.
const std::vector<std::string>* kind_of(const std::string& word);

}  // namespace hocket::scenarios
