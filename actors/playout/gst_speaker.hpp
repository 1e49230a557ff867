#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/capture/gst_support.hpp"
#include "graph/core/clock.hpp"
#include "graph/core/result.hpp"

namespace hocket::playout {

/// Feeds a GStreamer sink period by period from a thread of its own.
///
/// `render(n)` gives the next n samples [n] f32; it is called from the thread, one period ahead of
/// the moment when they sound. Errors: playout.cannot_open; check(): playout.device_lost.
class gst_speaker {
 public:
  struct options {
    std::string sink;  ///< GStreamer description: "autoaudiosink"
    std::int32_t rate_hz = 16000;
    std::int64_t period = 320;  ///< samples
    std::int64_t first = 0;     ///< stream-time index of the first sample that render gives
    const hocket::clock* time = nullptr;
    capture::allow_element allow = {};  ///< asked for every element
  };
  static result<std::unique_ptr<gst_speaker>> open(
      options, std::function<std::vector<float>(std::int64_t)> render);
  virtual ~gst_speaker() = default;
  /// What the device said since the last call, as an error.
  virtual result<void> check() = 0;
};

}  // namespace hocket::playout
