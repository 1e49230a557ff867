#pragma once

#include <string>

#include "actors/gateway/tinker/engine/served_model.hpp"
#include "actors/gateway/tinker/engine/work_messages.hpp"

namespace hocket::tinker {

/// What a worker tells of itself: reads all of the model's files, and computes the scores of a fixed prompt.
/// *Errors*: those of served_model::sha256 and of language_sequence.
result<worker_identity> identity_of(const served_model& model, const std::string& precision);

}  // namespace hocket::tinker
