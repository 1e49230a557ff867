#include "engine/audio/learnt_vocoder_net.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/language/files/safetensors.hpp"
#include "graph/core/assert.hpp"

/// Compiles a loop for several instruction sets and picks one at start-up.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define HOCKET_AUDIO_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HOCKET_AUDIO_CLONES
#endif

namespace hocket::engine {
namespace {

constexpr std::size_t channels = speech_format::channels, enter_kernel = 3;
constexpr std::size_t most_width = 1024, most_kernel = 64, most_blocks = 64;
constexpr const char* remedy = "; tools/vocoder/train.py --export writes such a file";

HOCKET_AUDIO_CLONES
void add_product(const float* in, std::size_t rows, const float* weights, std::size_t columns,
                 float* __restrict out) {
  for (std::size_t i = 0; i < rows; ++i) {
    const float x = in[i];
    const float* row = weights + i * columns;
    for (std::size_t o = 0; o < columns; ++o) out[o] += x * row[o];
  }
}

using tensors = std::vector<language::stored_weights>;

/// The tensor's numbers, moved so that the last axis comes first where `turned` ([out, in] to [in, out];
/// [out, in, kernel] to [kernel, in, out]).
result<std::vector<float>> numbers(const tensors& all, const std::string& path,
                                   const std::string& name, std::vector<std::int64_t> shape) {
  const auto found = std::ranges::find(all, name, &language::stored_weights::name);
  if (found == all.end())
    return fail("vocoder.weights", path + ": it lacks the tensor `" + name + "`" + remedy);
  if (found->shape != shape || found->type != language::tensor_type::f32)
    return fail("vocoder.weights", path + ": the tensor `" + name +
                                       "` has another shape or type than a vocoder's" + remedy);
  std::vector<float> flat(found->bytes.size() / sizeof(float));
  std::memcpy(flat.data(), found->bytes.data(), found->bytes.size());
  if (!std::ranges::all_of(flat, [](float x) { return std::isfinite(x); }))
    return fail("vocoder.weights",
                path + ": the tensor `" + name + "` holds what is no finite number" + remedy);
  if (shape.size() == 1) return flat;
  const auto out = static_cast<std::size_t>(shape[0]), in = static_cast<std::size_t>(shape[1]);
  const std::size_t kernel = shape.size() == 3 ? static_cast<std::size_t>(shape[2]) : 1;
  std::vector<float> turned(flat.size());
  for (std::size_t o = 0; o < out; ++o)
    for (std::size_t i = 0; i < in; ++i)
      for (std::size_t k = 0; k < kernel; ++k)
        turned[(k * in + i) * out + o] = flat[(o * in + i) * kernel + k];
  return turned;
}

}  // namespace

void vocoder_net::matrix::apply(std::span<const float> in, std::span<float> out) const {
  std::copy(bias.begin(), bias.end(), out.begin());
  add_product(in.data(), in.size(), weights.data(), bias.size(), out.data());
}

result<vocoder_net> vocoder_net::open(const std::string& path) {
  auto file = language::safetensors_set::open(path);
  if (!file) return fail(file);
  const tensors& all = file->tensors();
  const auto shape_of = [&](const std::string& name) {
    const auto found = std::ranges::find(all, name, &language::stored_weights::name);
    return found == all.end() ? std::vector<std::int64_t>{} : found->shape;
  };
  const auto along = shape_of("blocks.0.along.weight");
  if (along.size() != 3 || along[0] < 1 || along[0] > std::int64_t{most_width} || along[2] < 1 ||
      along[2] > std::int64_t{most_kernel})
    return fail("vocoder.weights",
                path + ": no `blocks.0.along.weight` that a vocoder could have" + remedy);
  vocoder_net out;
  const std::int64_t width = along[0], kernel = along[2];
  out.width_ = static_cast<std::size_t>(width), out.kernel_ = static_cast<std::size_t>(kernel);
  const auto read = [&](std::vector<float>& to, const std::string& name,
                        std::vector<std::int64_t> shape) -> result<void> {
    auto found = numbers(all, path, name, std::move(shape));
    if (!found) return fail(found);
    to = std::move(*found);
    return {};
  };
  HOCKET_TRY(read(out.enter_.weights, "enter.weight",
                  {width, std::int64_t{channels}, std::int64_t{enter_kernel}}));
  HOCKET_TRY(read(out.enter_.bias, "enter.bias", {width}));
  HOCKET_TRY(read(out.leave_.weights, "leave.weight", {std::int64_t{outputs}, width}));
  HOCKET_TRY(read(out.leave_.bias, "leave.bias", {std::int64_t{outputs}}));
  for (std::size_t n = 0; !shape_of("blocks." + std::to_string(n) + ".along.weight").empty(); ++n) {
    const std::string name = "blocks." + std::to_string(n);
    if (n == most_blocks)
      return fail("vocoder.weights", path + ": `" + name + "` is beyond the " +
                                         std::to_string(most_blocks) +
                                         " blocks that a vocoder may have" + remedy);
    block& b = out.blocks_.emplace_back();
    HOCKET_TRY(read(b.along, name + ".along.weight", {width, 1, kernel}));
    HOCKET_TRY(read(b.along_bias, name + ".along.bias", {width}));
    HOCKET_TRY(read(b.up.weights, name + ".up.weight", {2 * width, width}));
    HOCKET_TRY(read(b.up.bias, name + ".up.bias", {2 * width}));
    HOCKET_TRY(read(b.down.weights, name + ".down.weight", {width, 2 * width}));
    HOCKET_TRY(read(b.down.bias, name + ".down.bias", {width}));
  }
  return out;
}

vocoder_net::memory vocoder_net::fresh() const {
  memory out;
  const float floor = (speech_format::log10_floor - speech_format::mean) / speech_format::scale;
  out.mel.assign((enter_kernel - 1) * channels, floor);
  out.blocks.assign(blocks_.size(), std::vector<float>((kernel_ - 1) * width_, 0.0f));
  return out;
}

void vocoder_net::step(memory& kept, std::span<const float> mel, std::span<float> out) const {
  HOCKET_ASSERT(mel.size() == channels && out.size() == outputs);
  std::array<float, enter_kernel * channels> heard{};
  std::copy(kept.mel.begin(), kept.mel.end(), heard.begin());
  std::copy(mel.begin(), mel.end(), heard.begin() + kept.mel.size());
  std::copy(heard.begin() + channels, heard.end(), kept.mel.begin());
  std::array<float, most_width> x, h;
  std::array<float, 2 * most_width> wide;
  enter_.apply(heard, std::span(x).first(width_));
  for (std::size_t n = 0; n < blocks_.size(); ++n) {
    const block& b = blocks_[n];
    std::vector<float>& past = kept.blocks[n];
    std::copy(b.along_bias.begin(), b.along_bias.end(), h.begin());
    for (std::size_t k = 0; k < kernel_; ++k) {
      const float* from = k + 1 < kernel_ ? past.data() + k * width_ : x.data();
      for (std::size_t i = 0; i < width_; ++i) h[i] += b.along[k * width_ + i] * from[i];
    }
    if (kernel_ > 1) {
      std::copy(past.begin() + static_cast<std::ptrdiff_t>(width_), past.end(), past.begin());
      std::copy_n(x.begin(), width_, past.end() - static_cast<std::ptrdiff_t>(width_));
    }
    double power = 0;
    for (std::size_t i = 0; i < width_; ++i) power += double(h[i]) * double(h[i]);
    const auto scale = static_cast<float>(1 / std::sqrt(power / double(width_) + 1e-5));
    for (std::size_t i = 0; i < width_; ++i) h[i] *= scale;
    b.up.apply(std::span(h).first(width_), std::span(wide).first(2 * width_));
    for (std::size_t i = 0; i < 2 * width_; ++i) wide[i] = std::max(wide[i], 0.0f);
    b.down.apply(std::span(wide).first(2 * width_), std::span(h).first(width_));
    for (std::size_t i = 0; i < width_; ++i) x[i] += h[i];
  }
  for (std::size_t i = 0; i < width_; ++i) x[i] = std::max(x[i], 0.0f);
  leave_.apply(std::span(x).first(width_), out);
}

}  // namespace hocket::engine
