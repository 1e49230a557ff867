#pragma once

#include <algorithm>

namespace hocket::gateway::webrtc {

/// How long a missing packet is waited for, judged once a second: longer at once where packets came after
/// they had been given up (`late`, of the last second), less long again after 20 seconds without. `calm`
/// counts these.
inline int next_jitter_ms(int now_ms, int late, int& calm, int least_ms, int most_ms) {
  if (late > 0) {
    calm = 0;
    return std::min(most_ms, now_ms * 3 / 2 + 20);
  }
  if (++calm < 20) return now_ms;
  calm = 0;
  return std::max(least_ms, now_ms - now_ms / 4);
}

}  // namespace hocket::gateway::webrtc
