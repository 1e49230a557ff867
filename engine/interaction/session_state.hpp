// What a session remembers. Internal header of engine/interaction.
#pragma once

#include "engine/interaction/session.hpp"
#include "engine/transformer/adapter.hpp"
#include "engine/transformer/kv_cache.hpp"

namespace hocket::engine {

struct session::state {
  std::shared_ptr<const interaction_model> model;
  session_options options;
  std::int64_t micro_turns = 0;
  std::int64_t position = 0;                 ///< of the next row
  std::vector<std::uint8_t> previous_audio;  ///< [audio_context - 1, channels]
  std::vector<float> pending;  ///< last patch said, not yet in the sequence; may be empty
  kv_cache memory;
  std::shared_ptr<const adapter> through;  ///< null: none

  state(std::shared_ptr<const interaction_model> m, const session_options& o);
};

/// Standard normal number `index` of a stream; a pure function (splitmix64, Box-Muller).
float normal_number(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

}  // namespace hocket::engine
