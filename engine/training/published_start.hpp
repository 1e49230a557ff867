// Beginning with the layers of a published language model: an interaction model's own slots, heads and flow
// around them are fresh. Internal header of engine/.
#pragma once

#include <string>

#include "engine/interaction/network.hpp"
#include "engine/language/network/model.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

/// `sizes` with the layers of a published Inkling model: width, attention, backbone. What a checkpoint does
/// not say (slots, audio, flow, context) stays. *Errors* (`train.from`): not one of these models, or a part
/// that `model_config` has no word for; each difference is named. Allocates nothing.
result<model_config> on_layers_of(const language::network_config& published, model_config sizes);

/// Copies those layers into a network with that config. *Errors*: as above.
result<void> take_layers(network& net, const language::language_model& published);

}  // namespace hocket::engine
