// The source that stands in for microphone and camera.
#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include "graph/contract/component.hpp"
#include "tools/duplex/item.hpp"

namespace hocket::duplex {

/// What a session of a run has in common: its item, and the model's sound so far, for the echo.
struct session_tape {
  const item* plays = nullptr;
  std::mutex lock;
  std::int32_t sound_rate_hz = rate_hz;
  std::vector<float> sound;  ///< the model's, from stream time 0
  std::vector<double> minute_wall_s, minute_rss_mib;
  std::chrono::steady_clock::time_point minute_began;
};

/// Emits an item: sound on `audio_port` in chunks of 20 ms, frames on `video_port`; -1: not linked.
/// Frames are scaled to `width` x `height` where these are not 0.
class player final : public component {
 public:
  struct setup {
    std::ptrdiff_t audio_port = -1, video_port = -1;
    std::int32_t width = 0, height = 0;
    std::vector<session_tape>* tapes = nullptr;  ///< by session number, from 1
  };
  explicit player(setup how) : how_(how) {}
  result<void> open(const context& where) override;
  result<source_state> produce(timestamp until, emitter& to) override;

 private:
  void emit_sound(emitter& to);
  void emit_frames(timestamp until, emitter& to);
  timestamp released(std::int64_t chunk) const;
  void note_minute(timestamp now);

  setup how_;
  context context_;
  session_tape* tape_ = nullptr;
  std::int64_t next_chunk_ = 0;
  std::size_t next_frame_ = 0;
};

}  // namespace hocket::duplex
