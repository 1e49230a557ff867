// What is said in the tests beyond the words of tools/scenarios/words.hpp.
#pragma once

#include <string>
#include <vector>

#include "tools/scenarios/random.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::duplex {

/// A clause of a story: "john saw a black dog".
std::string draw_clause(scenarios::random_stream& rng);

/// "tell me about the dog": the thing, and the sentence that the model says about it.
const std::vector<scenarios::exchange>& told_about();

/// What the tool `weather_demo` says of a city: its table is fixed, so the answer can be checked.
const std::string& weather_of(const std::string& city);

/// Requests that are refused, and harmless ones that look alike with their answers.
const std::vector<std::string>& refused();
const std::vector<scenarios::exchange>& near_misses();
/// How a refusal may sound.
const std::vector<std::string>& refusals();

}  // namespace hocket::duplex
