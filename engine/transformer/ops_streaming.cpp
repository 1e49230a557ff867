// Streaming path of ops.hpp: fp32 on CPU, results independent of batch and chunking.
#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/divided.hpp"
#include "engine/transformer/grouped.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/kv_cache.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "engine/transformer/paged_attention.hpp"
#include "engine/transformer/pairs.hpp"
#include "engine/transformer/simd.hpp"
#include "engine/transformer/weight_memory.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {

at::Tensor packed_room(std::int64_t count, at::ScalarType type, bool lasting) {
  if (!lasting) return at::empty({count}, type);
  const auto memory = weight_memory(static_cast<std::size_t>(count) * at::elementSize(type));
  return at::from_blob(
      memory.get(), {count}, [memory](void*) {}, at::TensorOptions(type));
}

void pack(matrix& w, bool lasting) {
  const auto value = w.value.detach().to(at::kFloat).contiguous();
  const bool exact = value.to(at::kBFloat16).to(at::kFloat).equal(value);
  const std::int64_t out = value.size(0), in = value.size(1);
  w.out = out;
  w.packed =
      packed_room(kernels::packed_size(out, in), exact ? at::kBFloat16 : at::kFloat, lasting);
  if (exact)
    kernels::pack_weights(value.data_ptr<float>(),
                          reinterpret_cast<kernels::bf16*>(w.packed.data_ptr<at::BFloat16>()), out,
                          in);
  else
    kernels::pack_weights(value.data_ptr<float>(), w.packed.data_ptr<float>(), out, in);
}

void pack_as_pairs(matrix& w, bool lasting) {
  const auto value = w.value.detach().to(at::kFloat).contiguous();
  const std::int64_t out = value.size(0), in = value.size(1);
  if (in % 2 != 0) return pack(w, lasting);
  w.out = out;
  w.pairs = true;
  w.packed = packed_room(kernels::packed_size(out, in), at::kBFloat16, lasting);
  kernels::pack_pairs(value.data_ptr<float>(),
                      reinterpret_cast<kernels::bf16*>(w.packed.data_ptr<at::BFloat16>()), out, in);
}

void pack_for_training(matrix& w, bool lasting) {
  if (w.value.size(0) % 2 != 0 || w.value.size(1) % 2 != 0) return pack(w, lasting);
  matrix back;
  back.value = w.value.detach().t().contiguous();
  pack_as_pairs(back, lasting);
  pack_as_pairs(w, lasting);
  w.packed_back = back.packed;
}

at::Tensor packed_rows(const matrix& w, std::int64_t in, std::span<const std::int64_t> rows) {
  if (w.divided) return packed_rows_of_all(w, in, rows);
  auto out = at::empty({static_cast<std::int64_t>(rows.size()), in}, at::kFloat);
  float* to = out.data_ptr<float>();
  for (auto row : rows) {
    HOCKET_ASSERT(row >= 0 && row < w.out && !w.ranks);
    if (w.grouped) {
      const auto* part = w.grouped.get();
      for (; row >= part->out; part = part->below.get()) row -= part->out;
      kernels::read_grouped(*part, row, to);
    } else {
      const bool halves = w.packed.scalar_type() == at::kBFloat16;
      const auto place = halves ? kernels::place_in_tile<kernels::bf16>(row % 64) : row % 64;
      const auto column =
          w.pairs ? w.packed.view({-1, in / 2, 64, 2}).select(0, row / 64).select(1, row % 64)
                  : w.packed.view({-1, in, 64}).select(0, row / 64).select(1, place);
      at::from_blob(to, {in}, at::kFloat).copy_(column.flatten());
    }
    to += in;
  }
  return out;
}

namespace streaming {
namespace {

const float* data(const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

}  // namespace

at::Tensor linear(const at::Tensor& x, const matrix& w) {
  if (w.divided) return columns_of_all(x, w);
  HOCKET_ASSERT((w.packed.defined() && !w.ranks) || w.grouped);
  const auto input = x.contiguous();
  const std::int64_t n = input.size(0), in = input.size(1), out = w.out;
  auto y = at::empty({n, out}, at::kFloat);
  const float* from = input.data_ptr<float>();
  float* to = y.data_ptr<float>();
  // About half a millisecond of products between two looks at the gate, on a slow core; some ten
  // microseconds are worth a helper that is awake.
  constexpr std::int64_t products = 8'000'000, worth = 250'000;
  const std::int64_t of_tile = std::max<std::int64_t>(1, n * in * 64);
  const std::int64_t range = products / of_tile, least = worth / of_tile;
  const std::int64_t tiles = (out + 63) / 64;
  for (const auto* part = w.grouped.get(); part; part = part->below.get()) {
    const kernels::grouped_input levels(from, n, in, part->shape.group);
    background_work::divide(
        part->tiles(), range, least, [&](std::int64_t first, std::int64_t last) {
          kernels::infer_grouped(levels, *part, to, out, first, last, kernels::best_grouped_way());
        });
    to += part->out;
  }
  if (w.grouped) return y;
  if (w.pairs) {
    std::vector<kernels::bf16> rounded(static_cast<std::size_t>(n * in));
    kernels::round_to_pairs(from, rounded.data(), n * in);
    const auto* packed = reinterpret_cast<const kernels::bf16*>(w.packed.data_ptr<at::BFloat16>());
    background_work::divide(tiles, range, least, [&](std::int64_t first, std::int64_t last) {
      kernels::infer_pairs(rounded.data(), packed, to, n, in, out, first, last,
                           kernels::best_pairs_way(in));
    });
    return y;
  }
  const bool narrow = w.packed.scalar_type() == at::kBFloat16;
  const auto* half =
      narrow ? reinterpret_cast<const kernels::bf16*>(w.packed.data_ptr<at::BFloat16>()) : nullptr;
  const float* whole = narrow ? nullptr : w.packed.data_ptr<float>();
  background_work::divide(tiles, range, least, [&](std::int64_t first, std::int64_t last) {
    if (narrow)
      kernels::infer_linear(from, half, to, n, in, out, first, last);
    else
      kernels::infer_linear(from, whole, to, n, in, out, first, last);
  });
  return y;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  const auto input = x.contiguous();
  auto y = at::empty_like(input);
  const std::int64_t d = input.size(-1);
  const float* from = input.data_ptr<float>();
  float* to = y.data_ptr<float>();
  by_rows(input.numel() / d, d, [&](std::int64_t first, std::int64_t last) {
    kernels::infer_rms_norm(from + first * d, data(gain), to + first * d, last - first, d,
                            static_cast<float>(epsilon));
  });
  return y;
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon) {
  const auto input = x.contiguous();
  auto y = at::empty_like(input);
  const std::int64_t d = input.size(-1);
  kernels::infer_layer_norm(input.data_ptr<float>(), data(gain), data(shift), y.data_ptr<float>(),
                            input.numel() / d, d, static_cast<float>(epsilon));
  return y;
}

at::Tensor activate(const at::Tensor& x, activation_kind kind) {
  const auto input = x.contiguous();
  const std::int64_t n = input.size(0), f = is_gated(kind) ? input.size(1) / 2 : input.size(1);
  auto y = at::empty({n, f}, at::kFloat);
  const float* from = input.data_ptr<float>();
  float* to = y.data_ptr<float>();
  switch (kind) {
    case activation_kind::silu_gated:
      by_rows(n, 2 * f, [&](std::int64_t first, std::int64_t last) {
        kernels::infer_swiglu(from + first * 2 * f, to + first * f, last - first, f);
      });
      break;
    case activation_kind::gelu_gated: kernels::infer_geglu(from, to, n, f); break;
    case activation_kind::clamped_gated: kernels::infer_clamped(from, to, n, f); break;
    case activation_kind::relu_squared: kernels::infer_relu_squared(from, to, n * f); break;
    case activation_kind::capped_gated: kernels::infer_capped(from, to, n, f); break;
  }
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

namespace {

kernels::attention_shape shape_of(const attention_call& call) {
  const auto& a = call.config;
  const auto& learnt = call.vectors;
  kernels::attention_shape shape{
      .heads = a.heads,
      .kv_heads = a.kv_heads,
      .head_dim = a.head_dim,
      .window = a.window,
      .q_gain = data(learnt.q_gain),
      .k_gain = data(learnt.k_gain),
      .bias = data(learnt.bias),
      .extent = learnt.bias.defined() || learnt.bank.defined() ? a.relative_extent : 0,
      .epsilon = static_cast<float>(call.epsilon),
      .value_dim = a.values(),
      .sinks = data(learnt.sinks),
      .scale = static_cast<float>(a.scale),
      .softcap = static_cast<float>(a.softcap),
      .bank = data(learnt.bank),
      .rank = a.relative_rank,
      .row_sinks = a.row_sinks,
      .length_from = a.lengths.from,
      .length_rate = a.lengths.rate};
  if (call.rotary) {
    shape.turn_first = call.rotary->first, shape.turn_adjacent = call.rotary->adjacent;
    shape.pairs = static_cast<int>(call.rotary->frequency.size());
  }
  return shape;
}

/// New rows and the pages that they are written to and read from.
struct paged_part {
  kernels::paged_rows rows;
  paged_layer* layer;
  kernels::attention_shape shape;
};

/// A piece of the work: queries of a part that read the same key's head, row by row.
struct attention_task {
  const paged_part* part;
  int kv_head;
  std::int64_t begin, end;
};

void attend_parts(const std::vector<paged_part>& parts) {
  // A task is between two looks at the gate: after a long context it is four queries, which share what
  // they read.
  constexpr std::int64_t rows_at_once = 8, least_queries = 4, products = 2'000'000, worth = 100'000;
  std::vector<attention_task> tasks;
  std::int64_t all = 0;
  for (const auto& p : parts) {
    background_work::pass();
    p.layer->make_room(p.rows.first, p.rows.first + p.rows.count);
    kernels::infer_write_pages(p.shape, p.rows, *p.layer);
    const auto end = p.rows.first + p.rows.count;
    const auto seen = p.shape.window > 0 ? std::min<std::int64_t>(p.shape.window, end) : end;
    const auto each = seen * (p.shape.head_dim + p.shape.values());
    all += p.rows.count * p.shape.heads * each;
    const std::int64_t group = p.shape.heads / p.shape.kv_heads, queries = p.rows.count * group;
    const auto at_once = std::clamp(products / each / least_queries * least_queries, least_queries,
                                    std::max(least_queries, rows_at_once * group));
    for (int h = 0; h < p.shape.kv_heads; ++h)
      for (std::int64_t q = 0; q < queries; q += at_once)
        tasks.push_back({&p, h, q, std::min(queries, q + at_once)});
  }
  const auto count = static_cast<std::int64_t>(tasks.size());
  const auto share = [&](std::int64_t of) { return all <= of ? count : of * count / all; };
  background_work::divide(
      count, share(products), share(worth), [&](std::int64_t first, std::int64_t last) {
        for (auto i = first; i < last; ++i) {
          const auto& t = tasks[static_cast<std::size_t>(i)];
          kernels::infer_attend_pages(t.part->shape, t.part->rows, *t.part->layer, t.kv_head,
                                      t.begin, t.end);
        }
      });
}

at::Tensor attend_pages(const at::Tensor& input, const attention_call& call) {
  const auto& a = call.config;
  const auto& rows = call.rows;
  auto out = at::empty({input.size(0), a.out_width()}, at::kFloat);
  const auto shape = shape_of(call);
  std::vector<paged_part> parts;
  std::int64_t row = 0;
  const auto add = [&](paged_layer& layer, std::int64_t first, std::int64_t count,
                       std::int64_t window) {
    paged_part p{{.qkv = input.data_ptr<float>() + row * shape.row(),
                  .out = out.data_ptr<float>() + row * out.size(1),
                  .first = first,
                  .count = count},
                 &layer,
                 shape};
    p.shape.window = static_cast<int>(window);
    if (call.turn) {
      p.rows.cosine = data(call.turn->cosine) + row * shape.pairs;
      p.rows.sine = data(call.turn->sine) + row * shape.pairs;
    }
    parts.push_back(p);
    row += count;
  };
  for (const auto& s : rows.streams) {
    auto& layer = s.memory->paged(call.layer);
    add(layer, s.first, s.count, layer.window());
  }
  // Sequences from their beginning: pages for this call.
  const auto lengths = rows.whole();
  std::vector<paged_layer> whole(lengths.size(),
                                 paged_layer({a.kv_heads, a.head_dim, a.values()}, 0));
  for (std::size_t i = 0; i < lengths.size(); ++i) add(whole[i], 0, lengths[i], a.window);
  attend_parts(parts);
  return out;
}

}  // namespace

at::Tensor attend(const at::Tensor& qkv, const attention_call& call) {
  const auto& a = call.config;
  const auto& rows = call.rows;
  const auto input = qkv.contiguous();
  if (call.pages) return attend_pages(input, call);
  auto out = at::empty({input.size(0), a.out_width()}, at::kFloat);
  auto shape = shape_of(call);
  const std::int64_t pairs = shape.pairs;
  const auto one = [&](const kernels::ring_view& ring, std::int64_t first, std::int64_t count,
                       std::int64_t row) {
    auto own = shape;
    for (std::int64_t position = first; position < first + count; ++position, ++row) {
      background_work::pass();
      if (call.turn) {
        own.cosine = data(call.turn->cosine) + row * pairs;
        own.sine = data(call.turn->sine) + row * pairs;
      }
      kernels::infer_attention(own, ring, position, input.data_ptr<float>() + row * own.row(),
                               out.data_ptr<float>() + row * out.size(1));
    }
  };
  // Streams share nothing: each is attended on whichever thread has time.
  const auto& streams = rows.streams;
  std::vector<std::int64_t> row_of{0};
  for (const auto& s : streams) row_of.push_back(row_of.back() + s.count);
  background_work::divide(
      static_cast<std::int64_t>(streams.size()), 1, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
          ring_cache& cache = streams[i].memory->ring(call.layer);
          cache.grow(streams[i].first + streams[i].count, a.key_width(), a.value_width());
          one({cache.k.data(), cache.v.data(), cache.capacity}, streams[i].first, streams[i].count,
              row_of[i]);
        }
      });
  if (!streams.empty()) return out;
  std::int64_t row = 0;
  kernels::scratch<float> k, v;  // whole sequences: a memory that lasts for this call
  for (const auto n : rows.whole()) {
    one({k.get(n * a.key_width()), v.get(n * a.value_width()), n}, 0, n, row);
    row += n;
  }
  return out;
}

}  // namespace streaming
}  // namespace hocket::engine::ops
