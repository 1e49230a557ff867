#include "engine/interaction/published_inputs.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/ops.hpp"
#include "engine/transformer/tensor_file.hpp"

namespace hocket::engine {
namespace {

/// How far a patch is folded: frames, side, numbers per place.
struct picture_scale {
  int frames = 1, side = 1;
  std::int64_t channels = 0;
};

std::vector<int> factors_from_the_largest(int number) {
  std::vector<int> factors;
  for (int p = 2; number > 1; ++p)
    for (; number % p == 0; number /= p) factors.push_back(p);
  std::reverse(factors.begin(), factors.end());
  return factors;
}

/// Numbers of a fold, but no fewer than a whole number of 64.
std::int64_t rounded_up(std::int64_t numbers) { return (numbers + 63) / 64 * 64; }

std::vector<picture_scale> all_scales(const published_inputs_config& c) {
  std::vector<picture_scale> scales{{1, 1, c.colours}};
  int side = 1, frames = 1;
  for (const int f : factors_from_the_largest(c.patch)) {
    side *= f;
    scales.push_back({1, side, rounded_up(std::int64_t{side} * side * c.colours)});
  }
  const std::int64_t whole = std::int64_t{c.patch} * c.patch * c.colours;
  for (const int f : factors_from_the_largest(c.patch_frames)) {
    frames *= f;
    scales.push_back({frames, c.patch, whole * frames * 64});
  }
  return scales;
}

/// Which scale each border between layers has: as near as can be to equal steps of the logarithm of how
/// many pixels one place stands for; each scale once where there are more scales than borders.
std::vector<std::size_t> choose_scales(const std::vector<picture_scale>& scales,
                                       const published_inputs_config& c) {
  const auto borders = static_cast<std::size_t>(c.layers) + 1;
  const double whole =
      std::log(static_cast<double>(c.patch) * c.patch * c.patch_frames * c.colours);
  const auto cost = [&](std::size_t border, std::size_t scale) {
    const auto& s = scales[scale];
    const double ideal = whole * static_cast<double>(border) / c.layers;
    return std::abs(ideal - std::log(static_cast<double>(s.frames) * s.side * s.side));
  };
  std::vector<std::size_t> chosen(borders);
  if (static_cast<std::size_t>(c.layers) >= scales.size()) {
    for (std::size_t b = 0; b < borders; ++b)
      for (std::size_t s = 1; s < scales.size(); ++s)
        if (cost(b, s) < cost(b, chosen[b])) chosen[b] = s;
  } else {
    // Both ascend, so the cheapest assignment does; least[b][s]: borders up to b, the last at s.
    std::vector<std::vector<double>> least(borders, std::vector<double>(scales.size(), 1e300));
    std::vector<std::vector<std::size_t>> from(borders, std::vector<std::size_t>(scales.size()));
    for (std::size_t b = 0; b < borders; ++b)
      for (std::size_t s = b; s < scales.size(); ++s) {
        if (b == 0) least[b][s] = cost(b, s);
        for (std::size_t before = 0; b > 0 && before < s; ++before)
          if (least[b - 1][before] + cost(b, s) < least[b][s])
            least[b][s] = least[b - 1][before] + cost(b, s), from[b][s] = before;
      }
    const auto& end = least.back();
    auto at = static_cast<std::size_t>(std::min_element(end.begin(), end.end()) - end.begin());
    for (auto b = borders; b-- > 0; at = from[b][at]) chosen[b] = at;
  }
  chosen.front() = 0, chosen.back() = scales.size() - 1;
  return chosen;
}

/// x [n, t, s, s, c] -> [n, t / time, s / side, s / side, time * side * side * c]
at::Tensor fold(const at::Tensor& x, const picture_fold& f) {
  const auto n = x.size(0), t = x.size(1) / f.time, s = x.size(2) / f.side, c = x.size(4);
  return x.reshape({n, t, f.time, s, f.side, s, f.side, c})
      .permute({0, 1, 3, 5, 2, 4, 6, 7})
      .reshape({n, t, s, s, f.time * f.side * f.side * c});
}

/// x/2 (1 + erf(x / sqrt 2)), number by number: a row's bits do not depend on its place.
void gelu_in_place(const at::Tensor& x) {
  float* v = x.data_ptr<float>();
  for (std::int64_t i = 0; i < x.numel(); ++i)
    v[i] = 0.5f * v[i] * (1.0f + std::erf(v[i] * 0.70710678f));
}

result<void> check(const published_inputs_config& c) {
  const std::pair<const char*, std::pair<int, int>> ranges[] = {
      {"text_hidden_size", {c.width, 1 << 16}},      {"n_mel_bins", {c.dmel_channels, 1 << 12}},
      {"mel_vocab_size", {c.dmel_levels, 1 << 12}},  {"patch_size", {c.patch, 256}},
      {"temporal_patch_size", {c.patch_frames, 16}}, {"num_channels", {c.colours, 16}},
      {"num_hidden_layers", {c.layers, 256}}};
  for (const auto& [key, range] : ranges)
    if (range.first < 1 || range.first > range.second)
      return fail("model.bad_config",
                  "the model's config: " + std::string(key) + ": " + std::to_string(range.first) +
                      " is no integer from 1 to " + std::to_string(range.second));
  return {};
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (const auto n : shape) s += (s.size() > 1 ? ", " : "") + std::to_string(n);
  return s + "]";
}

/// A tensor of the file, where it has the shape that the config needs.
result<void> take(const safetensors_file& file, const std::string& name,
                  const std::vector<std::int64_t>& shape, at::Tensor& into) {
  const auto* found = file.find(name);
  if (!found) return fail("model.missing_tensor", "weights: no tensor " + name);
  if (found->shape != shape)
    return fail("model.bad_shape", "weights: " + name + " is " + text(found->shape) +
                                       ", the config needs " + text(shape));
  into = at::empty(shape, at::kFloat);
  return copy_tensors(file, {{name, into}});
}

}  // namespace

std::vector<picture_fold> plan_picture_folds(const published_inputs_config& config) {
  if (config.layers < 1) return {};
  const auto scales = all_scales(config);
  const auto chosen = choose_scales(scales, config);
  std::vector<picture_fold> folds;
  for (std::size_t i = 0; i + 1 < chosen.size(); ++i) {
    const auto &from = scales[chosen[i]], &to = scales[chosen[i + 1]];
    picture_fold f{to.frames / from.frames, to.side / from.side, 0, to.channels};
    f.in = from.channels * f.time * f.side * f.side;
    if (i + 2 == chosen.size()) f.out = config.width;
    folds.push_back(f);
  }
  return folds;
}

result<at::Tensor> picture_patches(std::span<const std::uint8_t> pixels, std::int64_t height,
                                   std::int64_t width, const published_inputs_config& c) {
  HOCKET_TRY(check(c));
  if (c.colours != 3)
    return fail("model.bad_config", "the model's config: num_channels: " +
                                        std::to_string(c.colours) + ", and pictures have 3");
  constexpr std::int64_t longest = 1 << 20;
  if (height < 1 || width < 1 || height > longest || width > longest ||
      pixels.size() != static_cast<std::size_t>(height * width * 3))
    return fail("model.bad_input", std::to_string(pixels.size()) + " bytes are no picture of " +
                                       std::to_string(width) + " x " + std::to_string(height) +
                                       " pixels of 3 bytes");
  constexpr float mean[] = {0.48145466f, 0.4578275f, 0.40821073f};  // of CLIP
  constexpr float deviation[] = {0.26862954f, 0.26130258f, 0.27577711f};
  const std::int64_t side = c.patch, rows = (height + side - 1) / side, columns = width / side + 1;
  auto patches = at::empty({rows * columns, side, side, 3}, at::kFloat);
  float* out = patches.data_ptr<float>();
  for (std::int64_t p = 0; p < rows * columns; ++p)
    for (std::int64_t i = 0; i < side * side; ++i) {
      const auto y = p / columns * side + i / side, x = p % columns * side + i % side;
      for (std::int64_t k = 0; k < 3; ++k) {
        const bool inside = y < height && x < width;
        const float value =
            inside ? pixels[static_cast<std::size_t>((y * width + x) * 3 + k)] : -1.0f;
        *out++ = (value / 255.0f - mean[k]) / deviation[k];
      }
    }
  return patches.unsqueeze(1).repeat({1, c.patch_frames, 1, 1, 1});
}

result<published_inputs> published_inputs::read(const safetensors_file& file,
                                                const published_inputs_config& config) {
  c10::NoGradGuard no_grad;
  HOCKET_TRY(check(config));
  published_inputs p;
  p.config_ = config;
  const std::int64_t d = config.width;
  const auto rows = std::int64_t{config.dmel_channels} * config.dmel_levels;
  HOCKET_TRY(take(file, "model.audio.encoder.weight", {rows, d}, p.sound_table_));
  HOCKET_TRY(take(file, "model.audio.final_norm.weight", {d}, p.sound_gain_));
  const auto folds = plan_picture_folds(config);
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const std::string name = "model.visual.layers.", end = std::to_string(i) + ".weight";
    layer l{folds[i], {}, {}};
    HOCKET_TRY(take(file, name + "linear_" + end, {folds[i].out, folds[i].in}, l.projection.value));
    ops::pack(l.projection);
    l.projection.value = at::Tensor();
    if (i + 1 < folds.size()) HOCKET_TRY(take(file, name + "norm_" + end, {folds[i].out}, l.gain));
    p.layers_.push_back(std::move(l));
  }
  HOCKET_TRY(take(file, "model.visual.final_norm.weight", {d}, p.picture_gain_));
  return p;
}

result<at::Tensor> published_inputs::sound(std::span<const std::uint8_t> frames) const {
  const auto channels = static_cast<std::size_t>(config_.dmel_channels);
  if (frames.empty() || frames.size() % channels != 0)
    return fail("model.bad_input", std::to_string(frames.size()) + " levels are no frames of " +
                                       std::to_string(channels));
  c10::NoGradGuard no_grad;
  const auto n = static_cast<std::int64_t>(frames.size() / channels);
  auto index = at::empty({n, config_.dmel_channels}, at::kInt);
  auto* to = index.data_ptr<std::int32_t>();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i] >= config_.dmel_levels)
      return fail("model.bad_input", "level " + std::to_string(frames[i]) + ": there are " +
                                         std::to_string(config_.dmel_levels));
    to[i] = static_cast<std::int32_t>(i % channels) * config_.dmel_levels + frames[i];
  }
  return ops::rms_norm(ops::bag(index, sound_table_), sound_gain_, config_.epsilon);
}

result<at::Tensor> published_inputs::picture(const at::Tensor& patches) const {
  const auto& c = config_;
  if (patches.dim() != 5 || patches.size(0) < 1 ||
      patches.sizes().slice(1) != at::IntArrayRef({c.patch_frames, c.patch, c.patch, c.colours}))
    return fail("model.bad_input",
                "a patch is not " + text({c.patch_frames, c.patch, c.patch, c.colours}));
  c10::NoGradGuard no_grad;
  auto x = patches.to(at::kFloat);
  for (const auto& l : layers_) {
    x = fold(x, l.fold);
    auto sizes = x.sizes().vec();
    auto y = ops::linear(x.reshape({-1, l.fold.in}), l.projection);
    if (l.gain.defined()) {
      y = ops::rms_norm(y, l.gain, c.epsilon);
      gelu_in_place(y);
    }
    sizes.back() = l.fold.out;
    x = y.view(sizes);
  }
  return ops::rms_norm(x.flatten(1), picture_gain_, c.epsilon);
}

}  // namespace hocket::engine
