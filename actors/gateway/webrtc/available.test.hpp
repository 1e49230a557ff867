#pragma once

#include <doctest/doctest.h>

#include "actors/gateway/webrtc/exchange.hpp"

namespace hocket::gateway::webrtc::testing {

/// Whether a test of calls has to be skipped here; it says why.
inline bool is_missing() {
#ifdef __SANITIZE_THREAD__
  // What GStreamer's and libnice's own threads order among themselves cannot be judged.
  MESSAGE("skipped: not with TSan");
  return true;
#endif
  const auto there = available();
  if (!there) MESSAGE("skipped: " << there.error().message);
  return !there;
}

}  // namespace hocket::gateway::webrtc::testing
