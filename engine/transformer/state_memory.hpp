// What a running stream remembers of a state-space layer. Internal header of engine/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/transformer/config.hpp"
#include "engine/transformer/kv_pages.hpp"

namespace hocket::engine {

/// The heads' state behind the last row, states before it at positions that 16 divides, and rows of inputs by
/// position. A stream that goes back, or reads again after a pass that was given up, begins with the last
/// state that is early enough and reads its rows again: the same bits, for the same order of the same sums.
/// *Memory*: three states at most once a pass has ended, and some 50 rows. Copies share them until one writes.
class state_memory {
 public:
  explicit state_memory(const state_space_config& config);

  /// Writes `count` rows [convolved + heads], `stride` numbers apart, from position `first` on, and takes
  /// the state back to `first` or as far before it as rows are then to be read again.
  void write(const float* rows, std::int64_t stride, std::int64_t first, std::int64_t count);
  const float* row(std::int64_t position) const;
  /// Behind which position's row the state is: as many as were read.
  std::int64_t position() const { return now_.position; }
  /// How many rows the state moves on by before it is due to be kept, of those up to `end`.
  std::int64_t rows_at_once(std::int64_t first, std::int64_t end) const;
  /// The state to move on by `count` rows, [heads, head_dim, state]; kept before that where it is due.
  float* move_on(std::int64_t count, std::int64_t first, std::int64_t end);

  void forget_before(std::int64_t next);
  bool remembers(std::int64_t position) const;
  void rewind(std::int64_t length);
  void visit(const std::function<void(const void*, std::size_t)>& with) const;
  std::size_t bytes() const;

  /// Plain path: the state [heads, head_dim, state] and the convolutions' last inputs, [kernel - 1, convolved].
  at::Tensor plain_state, plain_inputs;

 private:
  struct moment {
    std::int64_t position = 0;
    kv_page state;  ///< none: zeros
  };
  bool is_due(std::int64_t position, std::int64_t first, std::int64_t end) const;
  bool leads_to(const moment& from, std::int64_t position) const;
  void go_back(std::int64_t position);

  int kernel_;
  page_shape shape_;  ///< of a state, as if it were values of 16 positions
  paged_layer inputs_;
  std::vector<moment> kept_;  ///< ascending, at multiples of 16
  moment now_;
};

}  // namespace hocket::engine
