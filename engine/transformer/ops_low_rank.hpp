// Gradients of low-rank parts on the exact path; private to engine/transformer.
#pragma once

#include <span>
#include <vector>

#include "engine/transformer/ops_paths.hpp"

namespace hocket::engine::ops {

/// `down` [rank, in] fp32 from what `pack` of a part made.
at::Tensor unpack_ranks(const matrix& w, std::int64_t in);

namespace exact {

/// The parts of one call of a linear layer, with what their gradients need.
class part_history {
 public:
  /// Adds them to y, as streaming does. x and y without histories.
  part_history(const at::Tensor& x, const at::Tensor& y, std::span<const taken_part> parts);
  /// Matrices that learn.
  void add_inputs(std::vector<at::Tensor>& inputs) const;
  /// Their gradients in the same order, from g [n, out]; adds the parts' gradient by x [n, in] to `by_input`
  /// where that is defined. Each part's are products over its own rows; `half`: of numbers rounded to
  /// bfloat16, as the layer's own are.
  void add_gradients(const at::Tensor& g, const at::Tensor& by_input, std::int64_t in, bool half,
                     std::vector<at::Tensor>& into) const;

 private:
  bool add_half_gradients(const at::Tensor& g, const at::Tensor& by_input, std::int64_t in,
                          std::vector<at::Tensor>& into) const;
  struct kept {
    low_rank part;
    std::int64_t begin, end;
  };
  std::vector<kept> kept_;
  at::Tensor between_;  ///< of streaming::add_parts
  at::Tensor input_;    ///< x, where a `down` learns
};

}  // namespace exact
}  // namespace hocket::engine::ops
