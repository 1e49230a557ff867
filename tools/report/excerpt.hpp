#pragma once

#include <cstddef>

#include "tools/report/conversation.hpp"

namespace hocket::report {

/// What a picture of a conversation can show: no longer and no wordier, so that drawing takes the
/// same time whatever the run was.
struct excerpt {
  conversation kept;
  std::size_t words_left_out = 0;     ///< in the time that is shown
  std::size_t requests_left_out = 0;  ///< the same
};

/// The last `shown_ms` of it with at most `words_per_s` words of each side in a second, long texts
/// cut. Latencies and compute times of the rest are gone with it.
excerpt excerpt_of(const conversation& what, double shown_ms, std::size_t words_per_s = 12);

}  // namespace hocket::report
