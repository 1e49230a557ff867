// What a fixed order of sums costs: our products beside libtorch's, which sum in any order. No torch in
// this header.
#pragma once

#include <cstdint>
#include <vector>

namespace hocket::language {

class language_model;

struct order_price {
  std::int64_t rows;  ///< of the product's input
  double price;       ///< our time over libtorch's in bfloat16; below 1 ours is faster
  std::int64_t n;     ///< products of each
};

/// Of the first layer's widest matrix, for 1, 4, 16 and 64 rows; the median of several. One thread.
std::vector<order_price> price_of_order(const language_model& model);

}  // namespace hocket::language
