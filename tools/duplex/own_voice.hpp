// How the model's own voice is made: steps of level at the borders of its micro-turns, clicks, pauses, each
// beside the teacher's rendering of the same words.
#pragma once

#include <span>

#include "tools/duplex/item.hpp"
#include "tools/duplex/timeline.hpp"

namespace hocket::duplex {

/// Fills `into.own` from what was said from `from_s` on, in words that the teacher knows; nothing where
/// nothing was said. `sound` [samples] 16 kHz; `first_border`: a sample of it at which a micro-turn of the
/// model's begins.
void hear_own_voice(std::span<const float> sound, std::size_t first_border, double from_s,
                    timeline& into);

/// Seconds of speech with pauses: the last segment's end minus the first one's begin.
double whole_length_s(const std::vector<segment>& speech, double from_s);

}  // namespace hocket::duplex
