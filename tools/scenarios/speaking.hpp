// How a person says the next sentence.
#pragma once

#include "tools/scenarios/conversation.hpp"
#include "tools/scenarios/random.hpp"

namespace hocket::scenarios {

/// Nobody speaks twice alike: pace, pitch and level of one sentence. Every sentence of a conversation
/// is drawn here; rich training keeps off the rates of the tests (`heldout_rate`).
person as_spoken(random_stream& rng, person who, split which, variety sound);

}  // namespace hocket::scenarios
