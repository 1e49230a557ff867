// Weights and their names. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hocket::engine {

namespace kernels {
struct grouped_weights;
}
struct divided_rows;

/// Weight of a linear layer, [out, in] fp32, and the forms the paths derive from it.
struct matrix {
  at::Tensor value;
  at::Tensor half;         ///< bfloat16 copy for training; refreshed once per step
  at::Tensor packed;       ///< tiles for streaming; see ops::pack
  bool pairs = false;      ///< `packed` holds pairs of bfloat16, and inputs are rounded to it
  at::Tensor packed_back;  ///< pairs of its transpose, for gradients; undefined: they unpack
  bool ranks = false;      ///< `packed` is of a low-rank part's `down`: kernels::pack_ranks
  std::shared_ptr<const kernels::grouped_weights> grouped;  ///< in place of `packed`: few bits
  std::int64_t out = 0;  ///< rows of what is packed; `value` may be gone then
  int id = -1;           ///< its place in an adapter; -1: takes none
  /// Which of `out` are packed here, the others with other processes; null: all.
  std::shared_ptr<const divided_rows> divided;
};

/// How a parameter is trained: hidden matrices by orthogonalised momentum, the rest by Adam.
enum class parameter_kind { hidden, table, head, vector };

/// A named parameter. `pieces` > 1: independent matrices stacked along dimension 0.
struct parameter {
  std::string name;
  at::Tensor* value;
  matrix* weight;  ///< null unless this is a linear layer
  parameter_kind kind;
  std::int64_t pieces;
};

/// Collects parameters by name; leaves out those that a configuration does without.
struct parameter_list {
  std::vector<parameter> all;
  bool packed = false;  ///< also linear layers whose numbers are packed alone

  void tensor(std::string name, at::Tensor& t, parameter_kind kind) {
    if (t.defined()) all.push_back({std::move(name), &t, nullptr, kind, 1});
  }
  void linear(std::string name, matrix& m, parameter_kind kind = parameter_kind::hidden,
              std::int64_t pieces = 1) {
    if (m.value.defined() || (packed && (m.packed.defined() || m.grouped)))
      all.push_back({std::move(name), &m.value, &m, kind, pieces});
  }
};

}  // namespace hocket::engine
