// Slips of the tongue: what the model said is not always what it should have said.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "tools/scenarios/random.hpp"

namespace hocket::scenarios {

struct slip {
  std::string text;      ///< the phrase with one word exchanged
  std::size_t word = 0;  ///< which one
};

/// Exchanges a word of `text` for another of its kind (number, city, weather, color, ...); none where
/// nothing can be exchanged.
std::optional<slip> slip_of(random_stream& rng, const std::string& text);

}  // namespace hocket::scenarios
