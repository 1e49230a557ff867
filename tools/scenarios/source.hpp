// Conversations as an endless supply of training examples.
#pragma once

#include <memory>

#include "engine/training/example.hpp"
#include "tools/scenarios/conversation.hpp"

namespace hocket::scenarios {

/// *Threads*: `make` may be called from several; speech of persons is synthesised one at a time,
/// all else in parallel. *Errors*: as make_conversation, found out here by making one.
result<std::unique_ptr<engine::example_source>> make_source(const source_options& options);

}  // namespace hocket::scenarios
