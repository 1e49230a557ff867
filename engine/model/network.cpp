#include "engine/model/network.hpp"

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

at::Tensor network::trunk(at::Tensor x, const row_map& rows) const {
  const double eps = config_.norm_epsilon;
  for (int i = 0; i < config_.layers; ++i) {
    const layer& l = layers_[i];
    const auto qkv = ops::linear(ops::rms_norm(x, l.attention_norm, eps), l.qkv);
    x = ops::add(x, ops::linear(ops::attend(qkv, l.attention, config_, i, rows), l.out));
    const auto up = ops::linear(ops::rms_norm(x, l.feed_norm, eps), l.up);
    x = ops::add(x, ops::linear(ops::swiglu(up), l.down));
  }
  return ops::rms_norm(x, final_norm_, eps);
}

at::Tensor network::text_logits(const at::Tensor& states) const {
  return ops::linear(states, text_head_);
}
at::Tensor network::heard_logits(const at::Tensor& states) const {
  return ops::linear(states, heard_head_);
}
at::Tensor network::gate_logits(const at::Tensor& states) const {
  return ops::linear(states, gate_head_);
}

at::Tensor network::flow_condition(const at::Tensor& states) const {
  return ops::linear(states, flow_state_);
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
  std::vector<parameter> all;
  auto tensor = [&](std::string name, at::Tensor& t, kind k) {
    if (t.defined()) all.push_back({std::move(name), &t, nullptr, k, 1});
  };
  auto linear = [&](std::string name, matrix& m, kind k = kind::hidden, std::int64_t pieces = 1) {
    if (m.value.defined()) all.push_back({std::move(name), &m.value, &m, k, pieces});
  };
  tensor("embed.audio", audio_table_, kind::table);
  tensor("embed.token", token_table_, kind::table);
  tensor("embed.slot", slot_table_, kind::table);
  tensor("embed.gain", embed_gain_, kind::vector);
  linear("embed.speech", speech_in_, kind::head);
  tensor("embed.no_video", no_video_, kind::vector);
  for (int i = 0; i < 3; ++i) linear("embed.video." + std::to_string(i), video_fold_[i]);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layer& l = layers_[i];
    const auto name = "layers." + std::to_string(i) + ".";
    tensor(name + "attention.norm", l.attention_norm, kind::vector);
    linear(name + "attention.qkv", l.qkv, kind::hidden,
           config_.attention.heads == config_.attention.kv_heads ? 3 : 1);
    tensor(name + "attention.q_gain", l.attention.q_gain, kind::vector);
    tensor(name + "attention.k_gain", l.attention.k_gain, kind::vector);
    tensor(name + "attention.bias", l.attention.bias, kind::vector);
    linear(name + "attention.out", l.out);
    tensor(name + "feed.norm", l.feed_norm, kind::vector);
    linear(name + "feed.up", l.up, kind::hidden, 2);
    linear(name + "feed.down", l.down);
  }
  tensor("final_norm", final_norm_, kind::vector);
  linear("head.text", text_head_, kind::head);
  linear("head.heard", heard_head_, kind::head);
  linear("head.gate", gate_head_, kind::head);
  linear("flow.state", flow_state_);
  linear("flow.time", flow_time_, kind::head);
  linear("flow.in", flow_in_, kind::head);
  for (std::size_t i = 0; i < flow_blocks_.size(); ++i) {
    const auto name = "flow.blocks." + std::to_string(i) + ".";
    linear(name + "modulate", flow_blocks_[i].modulate, kind::hidden, 3);
    linear(name + "up", flow_blocks_[i].up);
    linear(name + "down", flow_blocks_[i].down);
  }
  linear("flow.modulate", flow_modulate_, kind::hidden, 2);
  linear("flow.out", flow_out_, kind::head);
  return all;
}

}  // namespace hocket::engine
