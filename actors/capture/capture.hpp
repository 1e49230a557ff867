#pragma once

#include <memory>
#include <optional>

#include "actors/capture/gst_source.hpp"
#include "actors/capture/sample_timeline.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::capture {

/// `capture.gst`: any GStreamer source as a source of stream time.
///
/// Outputs: audio: 16 kHz mono f32 in chunks of 20 ms, ts = first sample, from the sample index;
/// video: RGB frames of the configured size and rate, ts = presentation time.
/// A file plays at its own pace in real time and at once in virtual time. A live source keeps its
/// own time: late or lost samples are a jump of `first_sample` (counted as gap_samples), never a
/// stretched clock. A restart goes on at the present stream time; a file goes on where it would be.
/// Errors: capture.bad_pipeline, capture.cannot_open (open); capture.device_lost (with the device's
/// words; the restart policy decides), capture.live_in_virtual_time.
/// Threads: blocking; produce() waits for the source.
/// Counters: gaps, gap_samples, dropped_samples, padded_samples.
class capture final : public component {
 public:
  struct config {
    std::string pipeline;
    std::string file;
    std::string media = "audio";
    std::int64_t width = 160;
    std::int64_t height = 120;
    double frames_per_s = 4;
    double pad_s = 0;
    std::int64_t gap_ms = 40;
    std::int64_t stall_ms = 2000;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit capture(config c) : config_(std::move(c)), timeline_(chunk_samples, 640) {}
  result<void> open(const context&) override;
  result<source_state> produce(timestamp until, emitter&) override;
  result<void> close(emitter&) override;

  static constexpr std::int32_t rate_hz = 16000;
  static constexpr std::int64_t chunk_samples = rate_hz / 50;

 private:
  result<allow_element> element_rule(const trust::capability& may) const;
  bool is_virtual() const { return context_.time->is_virtual(); }
  timestamp to_stream_time(std::int64_t pts_ns) const;
  result<void> pull_audio(timestamp until);
  result<void> pull_video(timestamp until, emitter&);
  result<bool> take_buffer(std::int64_t wait_ms);
  static bool is_stalled(std::optional<std::int64_t>& since_ns, std::int64_t asked_ns,
                         std::int64_t limit_ms);
  void wait_until(timestamp t) const;
  void emit_chunk(sample_timeline::chunk, emitter&);
  void find_live_base();
  std::int64_t padding() const;
  void pad(timestamp until);
  void count_changes();

  config config_;
  context context_;
  std::unique_ptr<gst_source> source_;
  sample_timeline timeline_;
  timestamp start_;      ///< stream time of a file's beginning, or of a live base
  timestamp resume_at_;  ///< what lies before this is not given out (again)
  bool based_ = false;   ///< live: start_ is known
  std::int64_t padded_ = 0;
  std::optional<std::int64_t> silent_to_;  ///< index behind the last silence; known at the end
  timestamp pictures_end_;
  std::optional<std::int64_t> first_pts_ns_;
  std::optional<pulled_video> frame_;
  /// Since when it was asked for in vain.
  std::optional<std::int64_t> no_sound_since_ns_, no_picture_since_ns_;
  std::int64_t counted_gaps_ = 0;
  std::int64_t counted_gap_samples_ = 0;
  std::int64_t counted_dropped_ = 0;
};

}  // namespace hocket::capture
