#include "tools/plan/cost.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::planning {
namespace {

/// What one pass reads and multiplies.
struct pass_work {
  double weight_bytes = 0, kv_bytes = 0, operations = 0, layers = 0;
};

/// Positions of a session that a layer sees.
double seen(const model_shape& s, std::int64_t layer, double positions) {
  return s.is_global(layer) ? positions : std::min(positions, static_cast<double>(s.window));
}

/// `positions` of each of `sessions` through all layers; the head is read at `head_rows` in all.
pass_work through_layers(const model_shape& s, double sessions, double positions, double history,
                         double head_rows) {
  pass_work w;
  const double rows = sessions * positions, bytes = s.weight_bits / 8;
  for (std::int64_t i = 0; i < s.layers; ++i) {
    const auto passes = static_cast<double>(s.passes_of(i));
    double stored = s.attention_parameters(), used = stored;
    if (s.is_dense(i)) {
      stored += s.dense_parameters();
      used += s.dense_parameters();
    } else {
      const auto experts = static_cast<double>(s.experts), chosen = static_cast<double>(s.chosen);
      // Expected number of different experts that `rows` positions choose, each at random.
      const double touched = experts * (1 - std::pow(1 - chosen / experts, rows));
      const double router = experts * static_cast<double>(s.width);
      stored += router + s.expert_parameters() * (touched + static_cast<double>(s.shared_experts));
      used += router + s.expert_parameters() * (chosen + static_cast<double>(s.shared_experts));
    }
    const double kv_numbers = 2 * static_cast<double>(s.kv_heads * s.head_dim);
    w.weight_bytes += passes * stored * bytes;
    w.kv_bytes += passes * sessions * seen(s, i, history) * kv_numbers * s.kv_bits / 8;
    w.operations += passes * 2 * rows * used;
    w.operations += passes * 4 * rows * seen(s, i, history) *
                    static_cast<double>(s.heads * s.head_dim);  // scores and values
    w.layers += passes;
  }
  if (head_rows > 0) {
    w.weight_bytes += s.head_parameters() * bytes;
    w.operations += 2 * head_rows * s.head_parameters();
  }
  return w;
}

/// Frames are drawn one after the other, and so are the steps of each.
pass_work through_flow(const model_shape& s, double speaking_sessions) {
  pass_work w;
  if (s.flow_width == 0 || speaking_sessions <= 0) return w;
  w.weight_bytes = s.flow_parameters() * s.weight_bits / 8;
  w.operations = 2 * speaking_sessions * s.flow_parameters();
  w.layers = static_cast<double>(s.flow_blocks);
  return w;
}

}  // namespace

std::string_view to_string(bound b) {
  constexpr std::string_view names[] = {"memory", "bandwidth", "compute", "overhead", "link"};
  return names[static_cast<int>(b)];
}

double weight_bytes(const model_shape& s) { return s.parameters() * s.weight_bits / 8; }

micro_turn_cost cost_of(const model_shape& s, const machine& m, std::int64_t devices,
                        double sessions, double session_positions) {
  micro_turn_cost out;
  const auto d = static_cast<double>(devices);
  const double bytes_per_s = m.memory_gb_per_s * 1e9 * m.memory_share * d;
  const double flops = m.flops(s.arithmetic) * m.compute_share * d;
  const auto add = [&](const pass_work& w, double rows, double times) {
    const double read = (w.weight_bytes + w.kv_bytes) / bytes_per_s * 1e3;
    const double computed = w.operations / flops * 1e3;
    const double begun = (m.pass_us + m.layer_us * w.layers) / 1e3;
    double linked = 0;
    if (devices > 1) {
      // Two sums over all devices in each layer: each sends and receives about twice its share.
      const double moved = 2 * w.layers * rows * static_cast<double>(s.width) * 2 * 2 * (d - 1) / d;
      linked = moved / (m.link_gb_per_s * 1e9) * 1e3 + 2 * w.layers * m.link_us / 1e3;
      out.link_bytes += times * moved;
    }
    out.weight_bytes += times * w.weight_bytes, out.kv_bytes += times * w.kv_bytes;
    out.operations += times * w.operations;
    out.bandwidth_ms += times * read, out.compute_ms += times * computed;
    out.overhead_ms += times * begun, out.link_ms += times * linked;
    out.total_ms += times * (std::max(read, computed) + begun + linked);
  };
  const auto inputs = static_cast<double>(s.inputs), outputs = static_cast<double>(s.outputs);
  const double head_rows = sessions * static_cast<double>(s.head_rows);
  add(through_layers(s, sessions, inputs, session_positions, head_rows), sessions * inputs, 1);
  if (outputs > 0) add(through_layers(s, sessions, 1, session_positions, 0), sessions, outputs);
  const double speaking = std::max(sessions * s.speaking, std::min(sessions, 1.0));
  if (s.flow_width > 0)
    add(through_flow(s, speaking), speaking, static_cast<double>(s.speech_frames * s.flow_steps));
  const double parts[] = {out.bandwidth_ms, out.compute_ms, out.overhead_ms, out.link_ms};
  out.binding =
      static_cast<bound>(1 + (std::max_element(std::begin(parts), std::end(parts)) - parts));
  return out;
}

}  // namespace hocket::planning
