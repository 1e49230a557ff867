// Conversations as files: sound, sample-exact labels, an index of what they contain.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "graph/core/result.hpp"
#include "tools/scenarios/conversation.hpp"

namespace hocket::scenarios {

/// All labels; times in samples at 16 kHz, micro-turns of 200 ms.
nlohmann::json metadata_of(const conversation& made);

/// Writes input.wav (the person, mono), expected.wav (person left, ideal model right) and
/// metadata.json into `folder`, which is made. *Errors*: `scenarios.file`.
result<void> write_conversation(const std::string& folder, const conversation& made);

/// Writes `count` conversations into `folder`/000000 ... and index.json with families, voices,
/// seeds and words. *Errors*: as make_conversation and write_conversation.
result<nlohmann::json> write_scenarios(const std::string& folder, const source_options& options,
                                       std::int64_t count);

}  // namespace hocket::scenarios
