#include "engine/interaction/network.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "graph/core/assert.hpp"

namespace hocket::engine {

at::Tensor network::embed_audio(const at::Tensor& index) const {
  return ops::bag(index, audio_table_);
}
at::Tensor network::embed_text(const at::Tensor& tokens) const {
  return at::embedding(token_table_, tokens);
}
at::Tensor network::embed_speech(const at::Tensor& patches) const {
  return ops::linear(patches, speech_in_).to(patches.scalar_type());
}

at::Tensor network::place(const at::Tensor& x, const at::Tensor& slots) const {
  const auto placed = x + at::embedding(slot_table_, slots);
  return ops::rms_norm(placed, embed_gain_, config_.norm_epsilon).to(x.scalar_type());
}

at::Tensor network::text_logits(const at::Tensor& states, adapters_by_row adapters) const {
  return ops::linear(states, text_head_, adapters);
}
at::Tensor network::heard_logits(const at::Tensor& states, adapters_by_row adapters) const {
  return ops::linear(states, heard_head_, adapters);
}
at::Tensor network::gate_logits(const at::Tensor& states, adapters_by_row adapters) const {
  return ops::linear(states, gate_head_, adapters);
}

at::Tensor network::flow_condition(const at::Tensor& states, adapters_by_row adapters) const {
  return ops::linear(states, flow_state_, adapters);
}

namespace {
constexpr std::int64_t time_features = 64;

/// cos and sin of t at 32 frequencies from 1 to 1000 rad, [n, 64]; element by element, so that a row
/// does not depend on the number of rows.
at::Tensor embed_time(const at::Tensor& t, const at::TensorOptions& options) {
  const auto times = t.detach().to(at::kCPU, at::kDouble).contiguous();
  auto features = at::empty({times.numel(), time_features}, at::kDouble);
  double* out = features.data_ptr<double>();
  for (std::int64_t i = 0; i < times.numel(); ++i)
    for (std::int64_t j = 0; j < time_features; ++j) {
      const std::int64_t pair = j % (time_features / 2);
      const double angle = times.data_ptr<double>()[i] *
                           std::pow(1000.0, static_cast<double>(pair) / (time_features / 2 - 1));
      *out++ = j < time_features / 2 ? std::cos(angle) : std::sin(angle);
    }
  return features.to(options);
}

/// x normalised, then scaled and shifted: adaptive layer norm.
at::Tensor modulate(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                    double epsilon) {
  return ops::rms_norm(x, {}, epsilon) * (scale + 1) + shift;
}
}  // namespace

at::Tensor network::velocity(const at::Tensor& x, const at::Tensor& t,
                             const at::Tensor& condition) const {
  const double eps = config_.norm_epsilon;
  const auto time = ops::linear(embed_time(t, x.options().requires_grad(false)), flow_time_);
  const auto c = ops::silu(condition + time);
  auto y = ops::linear(x, flow_in_).to(x.scalar_type());
  for (const auto& block : flow_blocks_) {
    const auto m = ops::linear(c, block.modulate).chunk(3, -1);
    const auto hidden = ops::silu(ops::linear(modulate(y, m[0], m[1], eps), block.up));
    y = y + m[2] * ops::linear(hidden, block.down);
  }
  const auto m = ops::linear(c, flow_modulate_).chunk(2, -1);
  return ops::linear(modulate(y, m[0], m[1], eps), flow_out_);
}

std::vector<parameter> network::parameters() {
  using kind = parameter_kind;
  parameter_list p;
  p.tensor("embed.audio", audio_table_, kind::table);
  p.tensor("embed.token", token_table_, kind::table);
  p.tensor("embed.slot", slot_table_, kind::table);
  p.tensor("embed.gain", embed_gain_, kind::vector);
  p.linear("embed.speech", speech_in_, kind::head);
  p.tensor("embed.no_video", no_video_, kind::vector);
  for (int i = 0; i < 3; ++i) p.linear("embed.video." + std::to_string(i), video_fold_[i]);
  trunk_.list(p);
  p.linear("head.text", text_head_, kind::head);
  p.linear("head.heard", heard_head_, kind::head);
  p.linear("head.gate", gate_head_, kind::head);
  p.linear("flow.state", flow_state_);
  p.linear("flow.time", flow_time_, kind::head);
  p.linear("flow.in", flow_in_, kind::head);
  for (std::size_t i = 0; i < flow_blocks_.size(); ++i) {
    const auto name = "flow.blocks." + std::to_string(i) + ".";
    p.linear(name + "modulate", flow_blocks_[i].modulate, kind::hidden, 3);
    p.linear(name + "up", flow_blocks_[i].up);
    p.linear(name + "down", flow_blocks_[i].down);
  }
  p.linear("flow.modulate", flow_modulate_, kind::hidden, 2);
  p.linear("flow.out", flow_out_, kind::head);
  return std::move(p.all);
}

}  // namespace hocket::engine
