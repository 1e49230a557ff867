#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/capture/gst_support.hpp"
#include "graph/contract/writable_buffer.hpp"
#include "graph/core/result.hpp"

namespace hocket::capture {

struct pulled_audio {
  std::optional<std::int64_t> pts_ns;  ///< running time of the pipeline
  std::vector<float> samples;          ///< mono f32
};

struct pulled_video {
  std::int64_t pts_ns = 0;
  std::int32_t width = 0;
  std::int32_t height = 0;
  writable_buffer pixels;  ///< [height, width, 3] u8 RGB
};

/// Gives room for so many bytes.
using make_room = std::function<writable_buffer(std::size_t size_bytes)>;

/// A GStreamer pipeline that ends in one audio and/or one video appsink, without GStreamer types.
///
/// Errors: capture.bad_pipeline, capture.cannot_open (open); capture.device_lost (pull, check).
/// Threads: one at a time.
class gst_source {
 public:
  struct options {
    std::string pipeline;  ///< as written by the person
    bool is_file = false;  ///< `pipeline` is a path: decode whatever it holds
    bool audio = true;
    bool video = false;
    std::int32_t rate_hz = 16000;
    std::int32_t width = 160;
    std::int32_t height = 120;
    double frames_per_s = 4;
    allow_element allow{};        ///< asked for every element
    std::int32_t open_ms = 5000;  ///< how long the first data of a file may take
  };
  static result<std::unique_ptr<gst_source>> open(const options&);
  virtual ~gst_source() = default;

  /// Data comes by itself, at its own pace.
  virtual bool live() const = 0;
  /// CLOCK_MONOTONIC ns at which the pipeline's running time was 0; live sources only.
  virtual std::int64_t base_ns() const = 0;
  /// Running time of the earliest sound or picture of a file; nothing where it has no times. Media of
  /// one file begin when they begin: sound may come later than the picture.
  virtual std::optional<std::int64_t> begins_ns() const = 0;
  /// Waits up to `wait_ms` for the next buffer; nothing where none came or the stream ended.
  virtual result<std::optional<pulled_audio>> pull_audio(std::int64_t wait_ms) = 0;
  virtual result<std::optional<pulled_video>> pull_video(std::int64_t wait_ms,
                                                         const make_room& room) = 0;
  /// What went wrong since the last call; also the reason of a premature end.
  virtual result<void> check() = 0;
  virtual bool audio_ended() const = 0;
  virtual bool video_ended() const = 0;
  /// Nothing came of the last pull since all room is taken by the other medium: that one is to be
  /// taken first, as far as it goes.
  virtual bool held_up() const { return false; }
};

}  // namespace hocket::capture
