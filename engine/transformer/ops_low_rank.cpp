// Low-rank parts on the streaming and the exact path of ops.hpp: all parts of a linear layer in one call, by
// kernels of their own, and their gradients.
#include "engine/transformer/ops_low_rank.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/low_rank.hpp"
#include "engine/transformer/low_rank_gradients.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {

using kernels::padded_rank;

namespace {

/// A matrix as it is packed: where, and as what.
struct packed_part {
  const void* at;
  bool is_half;
};
packed_part packed_of(const matrix& w) {
  HOCKET_ASSERT(w.packed.defined());
  return {w.packed.data_ptr(), w.packed.scalar_type() == at::kBFloat16};
}
/// Calls with(weights) as what they are packed as.
template <class With>
void with_packed(const packed_part& w, With with) {
  if (w.is_half)
    with(static_cast<const kernels::bf16*>(w.at));
  else
    with(static_cast<const float*>(w.at));
}

void pack_down(matrix& w, bool rounds) {
  const auto value = w.value.detach().to(at::kFloat).contiguous();
  const bool exact = rounds || value.to(at::kBFloat16).to(at::kFloat).equal(value);
  const std::int64_t rank = value.size(0), in = value.size(1);
  w.out = rank;
  w.ranks = true;
  w.packed = at::empty({padded_rank(rank) * in}, exact ? at::kBFloat16 : at::kFloat);
  if (exact)
    kernels::pack_ranks(value.data_ptr<float>(),
                        reinterpret_cast<kernels::bf16*>(w.packed.data_ptr<at::BFloat16>()), rank,
                        in);
  else
    kernels::pack_ranks(value.data_ptr<float>(), w.packed.data_ptr<float>(), rank, in);
}

}  // namespace

void pack(low_rank& part, bool rounds) {
  pack_down(part.down, rounds);
  if (!rounds) return pack(part.up);
  matrix up;
  up.value = part.up.value.detach().to(at::kBFloat16).to(at::kFloat);
  pack(up);
  part.up.packed = up.packed;
  part.up.out = up.out;
}

at::Tensor unpack_ranks(const matrix& w, std::int64_t in) {
  HOCKET_ASSERT(w.ranks && w.packed.numel() == padded_rank(w.out) * in);
  const auto value = at::empty({w.out, in}, at::kFloat);
  with_packed(packed_of(w), [&](const auto* packed) {
    kernels::unpack_ranks(packed, value.data_ptr<float>(), w.out, in);
  });
  return value;
}

const std::vector<low_rank>* parts_of(const adapter_rows& span, const matrix& w) {
  if (span.begin == span.end) return nullptr;
  const auto found = span.taken->parts.find(w.id);
  return found == span.taken->parts.end() ? nullptr : &found->second;
}

std::vector<taken_part> parts_of(const matrix& w, adapters_by_row adapters) {
  std::vector<taken_part> all;
  for (const auto& span : adapters)
    if (const auto* parts = parts_of(span, w))
      for (const auto& part : *parts) all.push_back({&part, span.begin, span.end});
  return all;
}

namespace {

/// Some rows of a part, or some tiles of its outputs for them. All that they need lies here: a batch with many
/// adapters has thousands of them, whose parts are in no cache any more.
struct task {
  packed_part down, up;
  const float* x;
  float* h;
  float* y;
  std::int64_t rows, rank, in, columns, first, last;
  float scale;

  void go_down(const void* next) const {
    with_packed(down, [&](const auto* packed) {
      kernels::infer_down(x, in, packed, h, rows, in, rank, scale, next);
    });
  }
  void go_up(std::int64_t stride, const void* next) const {
    with_packed(up, [&](const auto* packed) {
      kernels::infer_up(h, packed, y, stride, rows, rank, columns, first, last, next);
    });
  }
};

/// Products of a task, about; some ten microseconds are worth a helper that is awake.
constexpr std::int64_t at_once = 250'000, between_looks = 8'000'000;

/// `one`: of a task and the one behind it, which the same thread does then; null: none.
template <class Do>
void divide(const std::vector<task>& tasks, std::int64_t products, Do one) {
  const auto count = static_cast<std::int64_t>(tasks.size());
  const auto share = [&](std::int64_t of) {
    return products <= of ? count : of * count / products;
  };
  background_work::divide(count, share(between_looks), share(at_once),
                          [&](std::int64_t first, std::int64_t last) {
                            for (auto i = first; i < last; ++i)
                              one(tasks[static_cast<std::size_t>(i)],
                                  i + 1 < last ? &tasks[static_cast<std::size_t>(i) + 1] : nullptr);
                          });
}

/// The tasks of some parts, by what has to be done before what.
struct task_list {
  std::int64_t stride = 0;              ///< of the outputs' rows
  std::vector<task> small, downs, ups;  ///< `small`: down and up in one
  std::int64_t small_products = 0, down_products = 0, up_products = 0;

  /// Rows of a part, divided where they are many products.
  void add(task t) {
    const std::int64_t tiles = (t.columns + 63) / 64, all = t.rows;
    const auto down = all * padded_rank(t.rank) * t.in, up = all * t.rank * tiles * 64;
    t.first = 0, t.last = tiles;
    if (down + up <= at_once) {
      small.push_back(t);
      // Numbers that few rows share take as long to read as some products with them.
      small_products += (t.rows < 4 ? 4 : 1) * (down + up);
      return;
    }
    const std::int64_t rows_at_once = std::max<std::int64_t>(4, at_once / (t.in * t.rank) / 4 * 4);
    for (std::int64_t row = 0; row < all; row += rows_at_once) {
      t.rows = std::min(rows_at_once, all - row);
      t.first = 0, t.last = tiles;
      downs.push_back(t);
      const auto tiles_at_once = std::max<std::int64_t>(1, at_once / (t.rows * t.rank * 64));
      for (std::int64_t first = 0; first < tiles; first += tiles_at_once) {
        t.first = first, t.last = std::min(tiles, first + tiles_at_once);
        ups.push_back(t);
      }
      t.x += t.rows * t.in, t.h += t.rows * padded_rank(t.rank), t.y += t.rows * stride;
    }
    down_products += down, up_products += up;
  }
  void run() const {
    divide(small, small_products, [&](const task& t, const task* next) {
      t.go_down(t.up.at);
      t.go_up(stride, next ? next->down.at : nullptr);
    });
    divide(downs, down_products, [](const task& t, const task*) { t.go_down(nullptr); });
    divide(ups, up_products, [&](const task& t, const task*) { t.go_up(stride, nullptr); });
  }
};

}  // namespace

at::Tensor streaming::add_parts(const at::Tensor& x, const at::Tensor& y,
                                std::span<const taken_part> parts) {
  if (parts.empty()) return {};
  const auto input = x.contiguous();
  const std::int64_t in = input.size(1), out = y.size(1);
  HOCKET_ASSERT(y.is_contiguous());
  std::int64_t numbers = 0;
  for (const auto& p : parts) numbers += (p.end - p.begin) * padded_rank(p.part->down.out);
  const auto between = at::empty({numbers}, at::kFloat);
  task_list tasks;
  tasks.stride = out;
  tasks.small.reserve(parts.size());
  float* h = between.data_ptr<float>();
  for (const auto& p : parts) {
    const auto& [down, up, scale, first] = *p.part;
    HOCKET_ASSERT(down.ranks && first + up.out <= out);
    tasks.add({packed_of(down), packed_of(up), input.data_ptr<float>() + p.begin * in, h,
               y.data_ptr<float>() + p.begin * out + first, p.end - p.begin, down.out, in, up.out,
               0, 0, static_cast<float>(scale)});
    h += (p.end - p.begin) * padded_rank(down.out);
  }
  tasks.run();
  return between;
}

namespace exact {
namespace {

bool learns(const matrix& w) { return w.value.defined() && w.value.requires_grad(); }

at::Tensor value_of(const matrix& w, std::int64_t in) {
  return w.value.defined() ? w.value.detach() : unpack(w, in);
}

}  // namespace

part_history::part_history(const at::Tensor& x, const at::Tensor& y,
                           std::span<const taken_part> parts) {
  between_ = streaming::add_parts(x, y, parts);
  bool needs_input = false;
  for (const auto& p : parts) {
    kept_.push_back({*p.part, p.begin, p.end});
    needs_input |= learns(p.part->down);
  }
  if (needs_input) input_ = x.contiguous();
}

void part_history::add_inputs(std::vector<at::Tensor>& inputs) const {
  for (const auto& k : kept_)
    for (const auto* m : {&k.part.down, &k.part.up})
      if (learns(*m)) inputs.push_back(m->value);
}

namespace {

/// A part in a backward pass: its matrices the other way round, packed as forward products want them.
struct turned {
  const low_rank* part;
  std::int64_t begin, end;
  const float* h;  ///< between `down` and `up`, times the scale
  at::Tensor up, down, by_h, by_down, by_up;
  std::int64_t rows() const { return end - begin; }
  std::int64_t rank() const { return part->down.out; }
};

at::Tensor turned_up(const at::Tensor& up) {
  const auto value = up.t().contiguous();
  auto packed = at::empty({padded_rank(value.size(0)) * value.size(1)}, at::kFloat);
  kernels::pack_ranks(value.data_ptr<float>(), packed.data_ptr<float>(), value.size(0),
                      value.size(1));
  return packed;
}

at::Tensor turned_down(const at::Tensor& down) {
  const auto value = down.t().contiguous();
  auto packed = at::empty({kernels::packed_size(value.size(0), value.size(1))}, at::kFloat);
  kernels::pack_weights(value.data_ptr<float>(), packed.data_ptr<float>(), value.size(0),
                        value.size(1));
  return packed;
}

/// Ranges of at most some products of a count that has `products` in all.
template <class Part>
void in_ranges(std::int64_t count, std::int64_t products, std::int64_t multiple, Part part) {
  const auto least = [&](std::int64_t of) {
    const auto n = products <= of ? count : of * count / products;
    return std::max(multiple, n / multiple * multiple) / multiple;
  };
  background_work::divide((count + multiple - 1) / multiple, least(between_looks), least(at_once),
                          [&](std::int64_t first, std::int64_t last) {
                            part(first * multiple, std::min(count, last * multiple));
                          });
}

}  // namespace

/// False: nothing was done, since these shapes are not for it.
bool part_history::add_half_gradients(const at::Tensor& g, const at::Tensor& by_input,
                                      std::int64_t in, std::vector<at::Tensor>& into) const {
  std::vector<kernels::low_rank_rows> parts;
  std::vector<at::Tensor> values, gradients;  // what `parts` points into
  const float* h = kept_.empty() ? nullptr : between_.data_ptr<float>();
  for (const auto& k : kept_) {
    const auto& [down, up, scale, first] = k.part;
    values.push_back(value_of(down, in).contiguous());
    values.push_back(value_of(up, down.out).contiguous());
    parts.push_back({k.begin, k.end, down.out, first, up.out, static_cast<float>(scale),
                     values.end()[-2].data_ptr<float>(), values.back().data_ptr<float>(), h,
                     nullptr, nullptr});
    h += (k.end - k.begin) * padded_rank(down.out);
  }
  if (!kernels::has_low_rank_gradients(parts, in)) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto learning = [&](const matrix& m, std::int64_t rows, std::int64_t columns) -> float* {
      if (!learns(m)) return nullptr;
      return gradients.emplace_back(at::empty({rows, columns}, at::kFloat)).data_ptr<float>();
    };
    parts[i].by_down = learning(kept_[i].part.down, parts[i].rank, in);
    parts[i].by_up = learning(kept_[i].part.up, parts[i].out, parts[i].rank);
  }
  kernels::low_rank_gradients(g.data_ptr<float>(), g.size(1),
                              input_.defined() ? input_.data_ptr<float>() : nullptr, in,
                              by_input.defined() ? by_input.data_ptr<float>() : nullptr, parts);
  into.insert(into.end(), gradients.begin(), gradients.end());
  return true;
}

void part_history::add_gradients(const at::Tensor& g, const at::Tensor& by_input, std::int64_t in,
                                 bool half, std::vector<at::Tensor>& into) const {
  const auto by_x = by_input;  // `into` may hold it, and grows
  if (half && add_half_gradients(g, by_x, in, into)) return;
  const std::int64_t width = g.size(1);
  const float* by_y = g.data_ptr<float>();
  std::vector<turned> parts;
  const float* h = kept_.empty() ? nullptr : between_.data_ptr<float>();
  for (const auto& k : kept_) {
    turned t{&k.part, k.begin, k.end, h, {}, {}, {}, {}, {}};
    h += t.rows() * padded_rank(t.rank());
    if (by_x.defined() || learns(k.part.down)) {
      t.up = turned_up(value_of(k.part.up, t.rank()));
      t.by_h = at::empty({t.rows(), padded_rank(t.rank())}, at::kFloat);
      in_ranges(t.rows(), t.rows() * padded_rank(t.rank()) * k.part.up.out, 4,
                [&](std::int64_t first, std::int64_t last) {
                  kernels::infer_down(
                      by_y + (t.begin + first) * width + k.part.first, width,
                      t.up.data_ptr<float>(), t.by_h.data_ptr<float>() + first * t.by_h.size(1),
                      last - first, k.part.up.out, t.rank(), static_cast<float>(k.part.scale));
                });
    }
    if (by_x.defined()) t.down = turned_down(value_of(k.part.down, in));
    parts.push_back(std::move(t));
  }
  for (auto& t : parts) {
    const auto rank = padded_rank(t.rank());
    if (by_x.defined())
      in_ranges(t.rows(), t.rows() * rank * in, 4, [&](std::int64_t first, std::int64_t last) {
        kernels::infer_up(t.by_h.data_ptr<float>() + first * rank, t.down.data_ptr<float>(),
                          by_x.data_ptr<float>() + (t.begin + first) * in, in, last - first,
                          t.rank(), in, 0, (in + 63) / 64);
      });
    if (learns(t.part->down)) {
      t.by_down = at::empty({t.rank(), in}, at::kFloat);
      in_ranges(in, t.rows() * rank * in, 32, [&](std::int64_t first, std::int64_t last) {
        kernels::sum_outer(t.by_h.data_ptr<float>(), input_.data_ptr<float>() + t.begin * in, in,
                           t.by_down.data_ptr<float>(), t.rows(), t.rank(), in, first, last, false);
      });
      into.push_back(t.by_down);
    }
    if (learns(t.part->up)) {
      const auto out = t.part->up.out;
      t.by_up = at::empty({out, t.rank()}, at::kFloat);
      in_ranges(out, t.rows() * rank * out, 32, [&](std::int64_t first, std::int64_t last) {
        kernels::sum_outer(t.h, by_y + t.begin * width + t.part->first, width,
                           t.by_up.data_ptr<float>(), t.rows(), t.rank(), out, first, last, true);
      });
      into.push_back(t.by_up);
    }
  }
}

}  // namespace exact
}  // namespace hocket::engine::ops
