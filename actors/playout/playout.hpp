#pragma once

#include <memory>
#include <mutex>

#include "actors/playout/play_queue.hpp"
#include "actors/record/disk_watch.hpp"
#include "actors/record/wav_writer.hpp"
#include "graph/contract/component.hpp"

namespace hocket::playout {

class gst_speaker;

/// `playout.gst`: plays audio at its stream time, to a file, a device or nowhere.
///
/// A sample of stream time t sounds at t + delay_ms. A gap is silence; audio that comes after its
/// time is dropped and counted, and never shifts the clock. An interruption fades out and silences
/// what is queued within one period.
/// Inputs: audio: 16 kHz mono f32.
/// Outputs: heard: 16 kHz mono f32, what really sounded, ts = when it sounded, once per micro-turn;
/// played: control `played`, value = samples that sounded so far, epoch in the header, once per
/// micro-turn that changed it and at each interruption.
/// Errors: playout.device_in_virtual_time, playout.cannot_open, playout.device_lost (with the
/// device's words), record.cannot_write.
/// Threads: with `to: device` a thread of its own feeds the device; emits come from the host's.
/// Counters: late_samples, gap_samples, overlapped_samples, too_far_samples, flushed_samples,
/// wrong_format (packets), lost_frames (that the file could not take).
class playout final : public component {
 public:
  struct config {
    std::string to = "file";
    std::string file = "played.wav";
    std::string pipeline = "autoaudiosink";
    std::int64_t delay_ms = 100;
    std::int64_t period_ms = 20;
    std::int64_t fade_ms = 5;
    std::int64_t reach_ms = 10000;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit playout(config c);
  ~playout() override;
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  timestamp now() const { return context_.time->now(); }
  result<void> play_until(std::int64_t index);
  std::int64_t index_at(timestamp t) const;
  result<void> advance();
  void report(emitter&);
  void count_changes();

  config config_;
  context context_;
  std::int64_t delay_ = 0;  ///< samples
  std::mutex mutex_;        ///< guards queue_ and heard_ against the device's thread
  std::unique_ptr<play_queue> queue_;
  std::vector<float> heard_;      ///< rendered since the last report
  std::int64_t heard_first_ = 0;  ///< content index of heard_[0]
  void flush();

  std::unique_ptr<record::wav_writer> file_;
  std::int64_t file_begins_ = 0;  ///< stream sample
  record::disk_watch disk_;
  std::int64_t told_lost_ = 0;
  std::unique_ptr<gst_speaker> speaker_;
  play_counts counted_;  ///< what was already given to context_.count
  std::int64_t reported_ = -1;
};

}  // namespace hocket::playout
