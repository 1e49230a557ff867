// What a fixed order of a state space's sums costs a prompt. No torch in this header.
#pragma once

#include <cstdint>
#include <vector>

namespace hocket::engine {

/// Of some rows of one layer, one thread; medians.
struct scan_price {
  std::int64_t rows;
  double over_row_by_row;  ///< our time over that of the same rows one after the other
  double
      over_chunked;  ///< over chunked products (Mamba-2, section 6) with libtorch's, in any order
  double
      over_projections;  ///< over the layer's two projections, ours: what is to be gained at most
  double difference;     ///< the largest one of an output from the chunked products'
  std::int64_t n;        ///< runs of each
};

/// For 1, 16, 64 and 256 rows of a layer of Mamba-2 1.3B (width 2048, 64 heads of 64, states of 128).
std::vector<scan_price> price_of_scan();

}  // namespace hocket::engine
