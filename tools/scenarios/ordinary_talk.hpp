// What people say when they do not talk to the model.
#pragma once

#include <string>

#include "tools/scenarios/person_voice.hpp"
#include "tools/scenarios/random.hpp"

namespace hocket::scenarios {

/// A sentence of up to 14 words, lower case: everyday talk, nearly half of it with words of the model's world
/// ("three red cars"), one in ten the model's own answers as somebody else may say them. Never a request
/// of the model's. The clauses of the splits are disjoint.
std::string ordinary_talk(random_stream& rng, split which);

}  // namespace hocket::scenarios
