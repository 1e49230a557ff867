// What is said in the tests beyond the words of tools/scenarios/words.hpp.
#pragma once

#include <string>
#include <vector>

#include "tools/scenarios/random.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::duplex {

/// A clause of a story: "john saw a black dog".
std::string draw_clause(scenarios::random_stream& rng);

/// What the tool `weather_demo` says of a city: its table is fixed, so the answer can be checked.
const std::string& weather_of(const std::string& city);

/// How a refusal may sound.
const std::vector<std::string>& refusals();

}  // namespace hocket::duplex
