// Streaming path of ops.hpp: fp32 on CPU, results independent of batch and chunking.
#include <array>
#include <cmath>

#include <ATen/ATen.h>

#include "engine/model/kernels.hpp"
#include "engine/model/ops_paths.hpp"
#include "engine/model/simd.hpp"
#include "engine/model/stream_memory.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {

void pack(matrix& w) {
  const auto value = w.value.detach().to(at::kFloat).contiguous();
  const bool exact = value.to(at::kBFloat16).to(at::kFloat).equal(value);
  const std::int64_t out = value.size(0), in = value.size(1);
  w.packed = at::empty({kernels::packed_size(out, in)}, exact ? at::kBFloat16 : at::kFloat);
  if (exact)
    kernels::pack_weights(value.data_ptr<float>(),
                          reinterpret_cast<kernels::bf16*>(w.packed.data_ptr<at::BFloat16>()), out,
                          in);
  else
    kernels::pack_weights(value.data_ptr<float>(), w.packed.data_ptr<float>(), out, in);
}

namespace streaming {
namespace {

/// cos and sin for one position, kept for the positions used last.
struct rotation {
  static constexpr int slots = 64;
  struct entry {
    std::int64_t position = -1;
    double base = 0;
    int half = 0;
    std::array<float, 128> cosine, sine;
  };
  std::vector<entry> entries = std::vector<entry>(slots);

  const entry& at(std::int64_t position, const attention_config& a) {
    entry& e = entries[position % slots];
    const int half = a.head_dim / 2;
    if (e.position == position && e.base == a.rotary_base && e.half == half) return e;
    e.position = position, e.base = a.rotary_base, e.half = half;
    for (int i = 0; i < half; ++i) {
      const double angle =
          static_cast<double>(position) * std::pow(a.rotary_base, -static_cast<double>(i) / half);
      e.cosine[i] = static_cast<float>(std::cos(angle));
      e.sine[i] = static_cast<float>(std::sin(angle));
    }
    return e;
  }
};

const float* data(const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

}  // namespace

at::Tensor linear(const at::Tensor& x, const matrix& w) {
  HOCKET_ASSERT(w.packed.defined());
  const auto input = x.contiguous();
  const std::int64_t n = input.size(0), in = input.size(1), out = w.value.size(0);
  auto y = at::empty({n, out}, at::kFloat);
  if (w.packed.scalar_type() == at::kBFloat16)
    kernels::infer_linear(input.data_ptr<float>(),
                          reinterpret_cast<const kernels::bf16*>(w.packed.data_ptr<at::BFloat16>()),
                          y.data_ptr<float>(), n, in, out);
  else
    kernels::infer_linear(input.data_ptr<float>(), w.packed.data_ptr<float>(), y.data_ptr<float>(),
                          n, in, out);
  return y;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  const auto input = x.contiguous();
  auto y = at::empty_like(input);
  const std::int64_t d = input.size(-1);
  kernels::infer_rms_norm(input.data_ptr<float>(), data(gain), y.data_ptr<float>(),
                          input.numel() / d, d, static_cast<float>(epsilon));
  return y;
}

at::Tensor swiglu(const at::Tensor& x) {
  const auto input = x.contiguous();
  auto y = at::empty({input.size(0), input.size(1) / 2}, at::kFloat);
  kernels::infer_swiglu(input.data_ptr<float>(), y.data_ptr<float>(), y.size(0), y.size(1));
  return y;
}

at::Tensor silu(const at::Tensor& x) {
  const auto input = x.contiguous();
  auto y = at::empty_like(input);
  const std::int64_t d = input.size(-1);
  for (std::int64_t i = 0; i < input.numel(); i += d)
    kernels::infer_silu(input.data_ptr<float>() + i, y.data_ptr<float>() + i, d);
  return y;
}

at::Tensor bag(const at::Tensor& index, const at::Tensor& table) {
  auto y = at::empty({index.size(0), table.size(1)}, at::kFloat);
  kernels::bag(index.data_ptr<std::int32_t>(), table.data_ptr<float>(), y.data_ptr<float>(),
               index.size(0), index.size(1), table.size(1));
  return y;
}

at::Tensor attend(const at::Tensor& qkv, const attention_vectors& vectors,
                  const model_config& config, int layer, const row_map& rows) {
  const auto& a = config.attention;
  const auto input = qkv.contiguous();
  auto out = at::empty({input.size(0), std::int64_t{a.heads} * a.head_dim}, at::kFloat);
  kernels::attention_shape shape{.heads = a.heads,
                                 .kv_heads = a.kv_heads,
                                 .head_dim = a.head_dim,
                                 .window = config.attention_window(layer),
                                 .q_gain = data(vectors.q_gain),
                                 .k_gain = data(vectors.k_gain),
                                 .bias = data(vectors.bias),
                                 .extent = vectors.bias.defined() ? a.relative_extent : 0,
                                 .epsilon = static_cast<float>(config.norm_epsilon)};
  thread_local rotation rotations;
  std::int64_t row = 0;
  auto one = [&](const kernels::ring_view& ring, std::int64_t first, std::int64_t count) {
    for (std::int64_t position = first; position < first + count; ++position, ++row) {
      if (a.rotary) {
        const auto& r = rotations.at(config.rotary_position(position), a);
        shape.cosine = r.cosine.data(), shape.sine = r.sine.data();
      }
      kernels::infer_attention(shape, ring, position, input.data_ptr<float>() + row * shape.row(),
                               out.data_ptr<float>() + row * out.size(1));
    }
  };
  if (!rows.streams.empty()) {
    for (const auto& stream : rows.streams) {
      ring_cache& cache = stream.memory->ring(layer);
      one({cache.k.data(), cache.v.data(), cache.capacity}, stream.first, stream.count);
    }
    return out;
  }
  kernels::scratch<float> k, v;  // whole sequences: a memory that lasts for this call
  const std::int64_t size = rows.length * a.kv_heads * a.head_dim;
  for (std::int64_t b = 0; b < rows.sequences; ++b)
    one({k.get(size), v.get(size), rows.length}, 0, rows.length);
  return out;
}

}  // namespace streaming
}  // namespace hocket::engine::ops
