#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

/// Packets for people who look at a run, and from them.
namespace hocket::observe {

/// A payload as a person may read it: words as they are (`with_words` false: their length alone), of
/// sound, pictures and tensors the figures. Texts are cut at `longest` bytes; the key `cut` says so.
nlohmann::ordered_json figures_of(const payload& what, bool with_words, std::size_t longest = 4096);

/// A payload that somebody typed. Text is taken as it stands, or as JSON with the fields of `text`;
/// tool calls, tool results and delegations are JSON with their fields. Words are cleaned.
/// Errors: send.bad_payload (what is wrong, and which keys there are), send.cannot_type (sound,
/// pictures, tensors, control).
result<payload> payload_of(payload_kind kind, const std::string& typed);

}  // namespace hocket::observe
