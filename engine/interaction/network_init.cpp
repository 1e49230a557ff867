// Fresh weights, aliases for training workers, and small helpers of the network.
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "engine/interaction/network.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {

network::network(const model_config& config, std::uint64_t seed)
    : config_(config), trunk_(config.trunk()) {
  auto generator = at::detail::createCPUGenerator(seed);
  auto normal = [&](std::int64_t rows, std::int64_t columns, double deviation) {
    return at::randn({rows, columns}, generator, at::kFloat) * deviation;
  };
  // A linear layer keeps the variance of its input; layers that end a residual branch start at zero.
  auto linear = [&](std::int64_t out, std::int64_t in) {
    matrix m;
    m.value = normal(out, in, 1.0 / std::sqrt(static_cast<double>(in)));
    return m;
  };
  auto zero = [&](std::int64_t out, std::int64_t in) {
    matrix m;
    m.value = at::zeros({out, in}, at::kFloat);
    return m;
  };
  auto ones = [](std::int64_t n) { return at::ones({n}, at::kFloat); };

  const std::int64_t d = config.width, v = config.vocabulary;
  const std::int64_t rows = std::int64_t{config.dmel_channels} * config.dmel_bins;
  audio_table_ = normal(rows * config.audio_context, d, 0.06);
  token_table_ = normal(v, d, 1.0);
  slot_table_ = normal(config.layout.positions(), d, 0.5);
  embed_gain_ = ones(d);
  speech_in_ = linear(d, config.flow.patch);
  if (config.layout.video > 0) {  // 5x5 fold, 2x2 fold, 4x4 and time fold: 40 -> 8 -> 4 -> 1
    const std::int64_t c = config.video_width;
    video_fold_[0] = linear(c, 75);
    video_fold_[1] = linear(2 * c, 4 * c);
    video_fold_[2] = linear(d, config.video_frames * 32 * c);
    no_video_ = at::zeros({d}, at::kFloat);
  }
  trunk_.initialise(generator);
  text_head_ = zero(v, d), heard_head_ = zero(v, d), gate_head_ = zero(1, d);

  const auto& flow = config.flow;
  flow_state_ = linear(flow.condition, d);
  // Places in an adapter, behind those of the trunk: all that reads its states.
  int id = trunk_.matrices();
  for (auto* m : {&text_head_, &heard_head_, &gate_head_, &flow_state_}) m->id = id++;
  flow_time_ = linear(flow.condition, 64);
  flow_in_ = linear(flow.width, flow.patch);
  for (int i = 0; i < flow.blocks; ++i)
    flow_blocks_.push_back({linear(3 * flow.width, flow.condition),
                            linear(flow.width * flow.expansion, flow.width),
                            zero(flow.width, flow.width * flow.expansion)});
  flow_modulate_ = zero(2 * flow.width, flow.condition);
  flow_out_ = zero(flow.patch, flow.width);
}

network network::alias() const {
  network copy = *this;
  for (auto& p : copy.parameters()) *p.value = p.value->detach().set_requires_grad(true);
  return copy;
}

std::int64_t network::parameter_count() {
  std::int64_t count = 0;
  for (const auto& p : parameters()) count += p.value->numel();
  return count;
}

namespace {
/// x [n, s, s, c] -> [n, s / k, s / k, k * k * c]
at::Tensor fold(const at::Tensor& x, std::int64_t k) {
  const auto n = x.size(0), s = x.size(1) / k, c = x.size(3);
  return x.view({n, s, k, s, k, c}).permute({0, 1, 3, 2, 4, 5}).reshape({n, s, s, k * k * c});
}
}  // namespace

at::Tensor network::embed_video(const at::Tensor& patches) const {
  // Hierarchical MLP stem (Touvron et al. 2022) with the folds of Inkling, normalised between them;
  // the last fold takes all frames. SiLU for GELU: its streaming path gives a row the same bits
  // whatever the batch. Frames after the first come in as what changed since the one before: without
  // that, a motion is a small difference of large numbers, of either sign, and was never learnt.
  HOCKET_ASSERT(video_fold_[0].value.defined());
  constexpr double quiet =
      0.25;  // squares below it stay small: plain grey must not become a colour
  const auto n = patches.size(0), frames = patches.size(1);
  auto x = patches * 2 - 1;
  if (frames > 1) x = at::cat({x.slice(1, 0, 1), x.slice(1, 1) - x.slice(1, 0, frames - 1)}, 1);
  x = x.flatten(0, 1);
  const std::int64_t folds[3] = {5, 2, 4};
  for (int i = 0; i < 3; ++i) {
    x = fold(x, folds[i]);
    if (i == 2) x = x.view({n, 1, 1, -1});  // [n * frames, 1, 1, c]: a patch's frames side by side
    const auto sizes = x.sizes().vec();
    auto y = ops::linear(x.reshape({-1, sizes[3]}), video_fold_[i]).to(patches.scalar_type());
    if (i < 2) y = ops::silu(ops::rms_norm(y, {}, quiet).to(y.scalar_type()));
    x = y.view({sizes[0], sizes[1], sizes[2], -1});
  }
  HOCKET_ASSERT(frames == config_.video_frames);
  return ops::rms_norm(x.flatten(1), {}, config_.norm_epsilon).to(patches.scalar_type());
}

at::Tensor network::embed_no_video(std::int64_t n) const {
  return no_video_.unsqueeze(0).expand({n, -1});
}

void audio_index(const model_config& config, const std::uint8_t* frames, std::int64_t n,
                 const std::uint8_t* previous, std::int32_t* index) {
  const std::int64_t channels = config.dmel_channels, bins = config.dmel_bins;
  const std::int64_t context = config.audio_context;
  for (std::int64_t t = 0; t < n; ++t)
    for (std::int64_t back = 0; back < context; ++back) {
      const std::int64_t at = t - back;
      const std::uint8_t* frame = at >= 0    ? frames + at * channels
                                  : previous ? previous + (context - 1 + at) * channels
                                             : nullptr;
      std::int32_t* out = index + (t * context + back) * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        const int bin = frame ? std::min<int>(frame[c], static_cast<int>(bins) - 1) : 0;
        out[c] = static_cast<std::int32_t>((back * channels + c) * bins + bin);
      }
    }
}

}  // namespace hocket::engine
