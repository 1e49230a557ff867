// Beginning with the weights of a model that is already trained. Internal header of engine/.
#pragma once

#include "engine/interaction/model.hpp"
#include "engine/interaction/network.hpp"
#include "engine/text/vocabulary.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

/// Copies what a trained model has learnt into a fresh network that may have other words and other
/// slots: tensors of the same name and shape as they are, rows of the token table and of the word
/// heads by word, rows of the slot table by the slot's role. New words and slots keep their fresh
/// weights; a new video slot begins as an empty text slot, so that seeing nothing changes little at
/// first. *Errors* (`train.from`): a tensor that both have differs in shape (another width, number
/// of heads, flow head, ...); each is named.
result<void> warm_start(network& net, const vocabulary& words, const interaction_model& trained);

}  // namespace hocket::engine
