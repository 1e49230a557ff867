// How many rows each expert takes while a model is trained. Internal header of engine/. No torch.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace hocket::engine {

/// Rows that each expert took, by where the correction of its router lies: aliases of a model share it.
using choice_counts = std::map<const void*, std::vector<std::int64_t>>;

/// While it lives, `ops::route` of this thread adds to `counts` (null: it counts nothing). Routers without a
/// correction are not counted. Numbers of rows are whole, so that sums over threads have no order.
class counted_choices {
 public:
  explicit counted_choices(choice_counts* counts);
  ~counted_choices();
  counted_choices(const counted_choices&) = delete;
  counted_choices& operator=(const counted_choices&) = delete;

  /// What `ops::route` tells: each of `experts` took a row more.
  static void add(const void* correction, std::size_t count, std::span<const std::int64_t> experts);

 private:
  choice_counts* before_;
};

}  // namespace hocket::engine
