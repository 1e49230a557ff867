// Tensors as the API sends them, as numbers. Internal to this folder.
#pragma once

#include <algorithm>

#include <nlohmann/json.hpp>

#include "engine/lora/loss/loss.hpp"
#include "graph/core/result.hpp"

namespace hocket::tinker {

/// Numbers of one tensor, at most so many: a sparse one is small on the wire.
inline constexpr std::int64_t most_numbers = 4'000'000;
/// Of all tensors of a request: 256 MiB of them, twice what a dense body can hold.
inline constexpr std::int64_t most_numbers_of_all = 32'000'000;

/// A compressed sparse row matrix as a dense one; where it has nothing stands `fill`.
result<lora::loss_input> dense_of(const std::vector<std::int64_t>& shape,
                                  const std::vector<double>& values,
                                  const std::vector<std::int64_t>& rows,
                                  const std::vector<std::int64_t>& columns, double fill);

/// `{"data", "dtype", "shape"?, "sparse_crow_indices"?, "sparse_col_indices"?}`
result<lora::loss_input> tensor_from_json(const nlohmann::json& j, double fill);

}  // namespace hocket::tinker
