#pragma once

#include "graph/contract/registry.hpp"

namespace hocket::faulty {

/// Ports of `faulty.pulse`, `faulty.pass` and `faulty.ledger`.
inline const media_type numbers = {
    .kind = payload_kind::tensor, .element = dtype::i64, .shape = {-1}};

/// Ports of `faulty.relay` and `faulty.witness`.
inline const media_type sound = {
    .kind = payload_kind::audio, .rate_hz = 16000, .channels = 1, .packets_per_s = 50};
inline const media_type state = {.kind = payload_kind::tensor, .element = dtype::f32, .shape = {4}};

component_type relay_type();
component_type witness_type();
component_type pulse_type();
component_type pass_type();
component_type ledger_type();

/// Emits one packet of each kind of garbage to `faulty.relay`'s outputs (0: sound, 1: state).
/// Returns how many went to each.
std::pair<std::int64_t, std::int64_t> emit_garbage(timestamp ts, emitter& out);

}  // namespace hocket::faulty
