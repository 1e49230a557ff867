// How long a micro-turn takes, and what is the least it could. No torch in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/interaction/session.hpp"

namespace hocket::engine {

struct micro_turn_times {
  std::vector<double> wall_ms, cpu_ms;  ///< per micro-turn of the whole batch; cpu: of this thread
  std::int64_t voiced_frames = 0;       ///< how often the flow head ran
  double rss_start_mib = 0, rss_end_mib = 0;  ///< after the first 150 micro-turns, and at the end
};

/// Runs `batch` sessions over the audio [turns * 4, 80] again and again for `micro_turns`, as fast as
/// it goes; session i begins i * 37 turns into it, so that they do not speak in step.
/// *Threads*: one core; the calling thread.
result<micro_turn_times> time_micro_turns(const std::shared_ptr<const interaction_model>& model,
                                          std::span<const std::uint8_t> audio, int batch,
                                          std::int64_t micro_turns);

/// Milliseconds to read, once per pass over the network that a silent micro-turn needs, every weight
/// that it multiplies with, and nothing else: the floor for one session on this core.
double weight_read_floor_ms(const interaction_model& model);

}  // namespace hocket::engine
