#include "engine/transformer/divided.hpp"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>

#include "engine/transformer/grouped.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "engine/transformer/weight_memory.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {
namespace {

constexpr std::int64_t tile = 64;

/// The rows that a matrix can be cut before: its parts of other block types begin new tiles.
std::vector<std::int64_t> tile_starts(const matrix& w) {
  std::vector<std::int64_t> starts;
  std::int64_t base = 0;
  for (const auto* part = w.grouped.get(); part; part = part->below.get()) {
    for (std::int64_t row = 0; row < part->out; row += tile) starts.push_back(base + row);
    base += part->out;
  }
  for (; !w.grouped && base < w.out; base += tile) starts.push_back(base);
  return starts;
}

/// Equal parts, as far as whole tiles allow.
std::vector<std::int64_t> cuts_of(const matrix& w, int size) {
  const auto starts = tile_starts(w);
  std::vector<std::int64_t> first{0};
  for (int r = 1; r < size; ++r) {
    const auto cut = std::ranges::lower_bound(starts, w.out * r / size);
    first.push_back(cut == starts.end() ? w.out : *cut);
  }
  first.push_back(w.out);
  return first;
}

/// Rows first to last - 1 of the parts from `part` on.
std::shared_ptr<const kernels::grouped_weights> grouped_rows(const kernels::grouped_weights* part,
                                                             std::int64_t first,
                                                             std::int64_t last) {
  if (!part || first >= last) return nullptr;
  if (first >= part->out)
    return grouped_rows(part->below.get(), first - part->out, last - part->out);
  const auto end = std::min(last, part->out);
  const auto begin_tile = first / tile, end_tile = (end + tile - 1) / tile;
  const auto tile_bytes = part->groups() * part->group_bytes();
  auto own = *part;
  own.out = end - first;
  own.size_bytes = (end_tile - begin_tile) * tile_bytes;
  const auto memory = weight_memory(static_cast<std::size_t>(own.size_bytes));
  std::memcpy(memory.get(), part->data.get() + begin_tile * tile_bytes,
              static_cast<std::size_t>(own.size_bytes));
  own.data = memory;
  own.below = grouped_rows(part->below.get(), 0, last - part->out);
  return std::make_shared<const kernels::grouped_weights>(std::move(own));
}

/// The same of packed numbers, [tiles, in, 64].
at::Tensor packed_tiles(const matrix& w, std::int64_t first, std::int64_t last) {
  const auto tiles = w.packed.view({(w.out + tile - 1) / tile, -1});
  const auto own = tiles.slice(0, first / tile, (last + tile - 1) / tile);
  const auto room = packed_room(own.numel(), own.scalar_type(), true);
  room.copy_(own.flatten());
  return room;
}

}  // namespace

void divide(matrix& w, const division& by) {
  if (w.out < by.least_rows || (!w.packed.defined() && !w.grouped)) return;
  HOCKET_ASSERT(!w.divided && !w.ranks && !w.packed_back.defined() && !w.value.defined());
  auto rows = std::make_shared<divided_rows>();
  rows->group = by.group;
  rows->first = cuts_of(w, by.group->size());
  const auto rank = static_cast<std::size_t>(by.group->rank());
  const auto first = rows->first[rank], last = rows->first[rank + 1];
  rows->own.out = last - first;
  rows->own.pairs = w.pairs;
  if (first < last && w.grouped) rows->own.grouped = grouped_rows(w.grouped.get(), first, last);
  if (first < last && w.packed.defined()) rows->own.packed = packed_tiles(w, first, last);
  w.packed = at::Tensor();
  w.grouped = nullptr;
  w.divided = std::move(rows);
}

at::Tensor rows_of_all(process_group& group, const at::Tensor& mine,
                       std::vector<std::size_t> counts, std::int64_t width) {
  std::size_t total = 0;
  for (auto& count : counts) total += count, count *= static_cast<std::size_t>(width);
  auto all = at::empty({static_cast<std::int64_t>(total), width}, at::kFloat);
  const auto given = mine.contiguous();
  group.all_gather({given.data_ptr<float>(), static_cast<std::size_t>(given.numel())}, counts,
                   {all.data_ptr<float>(), static_cast<std::size_t>(all.numel())});
  return all;
}

at::Tensor columns_of_all(const at::Tensor& x, const matrix& w) {
  const auto& d = *w.divided;
  const std::int64_t n = x.size(0);
  const auto mine = d.own.out > 0 ? streaming::linear(x, d.own) : at::empty({n, 0}, at::kFloat);
  std::vector<std::size_t> counts;
  for (int r = 0; r < d.group->size(); ++r)
    counts.push_back(static_cast<std::size_t>(n * d.count(r)));
  const auto all = rows_of_all(*d.group, mine, counts, 1);
  if (n == 1) return all.view({1, w.out});
  auto y = at::empty({n, w.out}, at::kFloat);
  const float* from = all.data_ptr<float>();
  for (int r = 0; r < d.group->size(); ++r) {
    const auto own = d.count(r);
    float* to = y.data_ptr<float>() + d.first[static_cast<std::size_t>(r)];
    for (std::int64_t row = 0; row < n; ++row, from += own, to += w.out) std::copy_n(from, own, to);
  }
  return y;
}

at::Tensor packed_rows_of_all(const matrix& w, std::int64_t in,
                              std::span<const std::int64_t> rows) {
  const auto& d = *w.divided;
  const auto size = static_cast<std::size_t>(d.group->size());
  const auto owner_of = [&](std::int64_t row) {
    return static_cast<std::size_t>(std::ranges::upper_bound(d.first, row) - d.first.begin() - 1);
  };
  const auto rank = static_cast<std::size_t>(d.group->rank());
  std::vector<std::int64_t> mine;
  std::vector<std::size_t> counts(size);
  for (const auto row : rows) {
    HOCKET_ASSERT(row >= 0 && row < w.out);
    const auto owner = owner_of(row);
    if (owner == rank) mine.push_back(row - d.first[rank]);
    ++counts[owner];
  }
  const auto own = mine.empty() ? at::empty({0, in}, at::kFloat) : packed_rows(d.own, in, mine);
  const auto all = rows_of_all(*d.group, own, counts, in);
  std::vector<std::int64_t> next(size), order;
  for (std::size_t r = 1; r < size; ++r)
    next[r] = next[r - 1] + static_cast<std::int64_t>(counts[r - 1]);
  for (const auto row : rows) order.push_back(next[owner_of(row)]++);
  return all.index_select(0, at::tensor(order, at::kLong));
}

}  // namespace hocket::engine::ops
