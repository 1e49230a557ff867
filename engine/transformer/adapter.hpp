// Low-rank adapters of linear layers (LoRA, Hu et al. 2021). Internal header of engine/.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/transformer/parameter.hpp"

namespace hocket::engine {

/// What a linear layer adds to some of its output's columns: scale * up(down(x)).
struct low_rank {
  matrix down;  ///< [rank, in]
  matrix up;    ///< [columns, rank]
  double scale = 1;
  std::int64_t first = 0;  ///< the first column: layers of one input share a matrix
};

/// Low-rank parts by matrix::id, those of a matrix in the order of their columns, which are disjoint.
/// Immutable while rows use it.
struct adapter {
  std::unordered_map<int, std::vector<low_rank>> parts;
};

/// Rows [begin, end) of an activation and the adapter they take; rows in no span take none.
struct adapter_rows {
  std::int64_t begin = 0, end = 0;
  const adapter* taken = nullptr;
};
using adapters_by_row = std::span<const adapter_rows>;

}  // namespace hocket::engine
