// What a micro-turn of some sessions at once costs on some devices.
#pragma once

#include <cstdint>
#include <string_view>

#include "tools/plan/machine.hpp"
#include "tools/plan/shape.hpp"

namespace hocket::planning {

/// The resource that a plan runs out of first.
enum class bound : std::uint8_t { memory, bandwidth, compute, overhead, link };
std::string_view to_string(bound b);

/// One micro-turn of a batch of sessions, on `devices` devices that share the model (tensor and expert
/// parallel). Bytes and operations are of all devices together.
struct micro_turn_cost {
  double weight_bytes = 0;  ///< read, over all passes
  double kv_bytes = 0;      ///< read, over all passes
  double operations = 0;    ///< multiplications and additions
  double link_bytes = 0;    ///< through each device's links
  double bandwidth_ms = 0, compute_ms = 0, overhead_ms = 0, link_ms = 0;
  double total_ms = 0;  ///< each pass takes the longer of reading and computing, then the rest
  bound binding = bound::bandwidth;
};

/// The roofline of a micro-turn: one pass appends `inputs` positions of each session, `outputs` passes
/// follow with one position each, then the flow head for those that speak. Each pass reads the weights
/// that its positions need (of experts: the expected number of different ones) and the keys and values
/// that its layers see of `session_positions`.
micro_turn_cost cost_of(const model_shape& shape, const machine& on, std::int64_t devices,
                        double sessions, double session_positions);

/// Bytes of weights, without their copies.
double weight_bytes(const model_shape& shape);

}  // namespace hocket::planning
