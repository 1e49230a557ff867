// A model whose weights several processes hold together: each has some rows of its matrices and some of its
// experts. What a process computes by itself goes to all others; sums are never divided, so the bits are those
// of one process. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/parallel/process_group.hpp"
#include "engine/transformer/parameter.hpp"

namespace hocket::engine {

/// How a model is divided among the processes of a group.
struct division {
  std::shared_ptr<process_group> group;  ///< null: it is not
  std::int64_t least_rows = 128;         ///< matrices with fewer stay whole in each process
};

/// The rows of a matrix, by process, and this process' own part of them.
struct divided_rows {
  std::shared_ptr<process_group> group;
  std::vector<std::int64_t> first;  ///< process r has rows first[r] to first[r + 1]
  matrix own;                       ///< its `out` is the number of this process' rows

  std::int64_t count(int rank) const {
    const auto r = static_cast<std::size_t>(rank);
    return first[r + 1] - first[r];
  }
};

namespace ops {

/// Keeps of a packed matrix this process' rows, whole tiles of 64 of them; small ones stay as they are.
void divide(matrix& w, const division& by);

/// What `streaming::linear` gives, from all processes: x [n, in] -> [n, out].
at::Tensor columns_of_all(const at::Tensor& x, const matrix& w);
/// What `packed_rows` gives, from all processes.
at::Tensor packed_rows_of_all(const matrix& w, std::int64_t in, std::span<const std::int64_t> rows);

/// Rows of `width` numbers from all processes, those of process 0 first: `counts[r]` of them come from
/// process r, `mine` [counts[rank], width] has this one's. Gives [all, width].
at::Tensor rows_of_all(process_group& group, const at::Tensor& mine,
                       std::vector<std::size_t> counts, std::int64_t width);

}  // namespace ops
}  // namespace hocket::engine
