// What happens to an item's sound on its way: noise, a room, the own echo, a bad line.
#pragma once

#include <string>
#include <vector>

#include "tools/duplex/item.hpp"

namespace hocket::duplex {

struct condition {
  const char* name;
  const char* what;  ///< one sentence for people
};

/// noise20 noise10 noise0 room echo loss jitter loss_jitter late
const std::vector<condition>& all_conditions();

/// Changes the item's input, or how it travels, and its `condition`; a pure function of item and
/// condition.
void apply_condition(const condition& how, item& it);

}  // namespace hocket::duplex
