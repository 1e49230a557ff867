// The linear layers of an interaction model as an adapter names them. Internal header of engine/.
#pragma once

#include <vector>

#include "engine/interaction/network.hpp"
#include "engine/lora/modules.hpp"

namespace hocket::lora {

/// All that can be adapted: the trunk, the heads and the flow's condition.
std::vector<module> modules_of(const engine::network& net);

}  // namespace hocket::lora
