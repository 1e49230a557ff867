// One conversation as the trainer of an interaction model takes it, and where conversations come
// from.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/interaction/config.hpp"
#include "graph/core/result.hpp"
#include "graph/core/training_example.hpp"

namespace hocket::engine {

/// The arrays of one conversation on the micro-turn grid, by the names that they have in a
/// training_example. K = micro_turns; a frame is 50 ms, four to a micro-turn. Row-major.
struct conversation_arrays {
  std::int64_t micro_turns = 0;        ///< K
  std::vector<std::uint8_t> audio;     ///< [K*4, 80] dMel bins (0..15) of the user's side
  std::vector<std::int32_t> text_in;   ///< [K*1] token ids, 0 = nothing
  std::vector<std::int32_t> text_out;  ///< [K*2] token ids, 0 = nothing
  /// [K*2] 1 where `text_out` was said by mistake: read back, not learnt as an answer; empty: nowhere
  std::vector<std::uint8_t> slipped;
  std::vector<std::int32_t> spoken;  ///< [K*4] word that sounds in the model's
                                     ///< voice, 0 = none; empty: not known
  std::vector<std::int32_t> heard;  ///< [K*4] user word (any speaker, addressed or not) whose sound
                                    ///< ended in this frame; 0 = none, -1 = do not train
  std::vector<std::uint8_t> voice;  ///< [K*4] 1 where the model speaks
  std::vector<float> speech;        ///< [K*4, 320] normalised log-mel of the model's voice (4 mel
                                    ///< frames of 12.5 ms x 80), zeros when silent
  std::vector<std::uint8_t> video;  ///< [K, patches, frames, 40, 40, 3] RGB; empty: none at all
  std::vector<std::uint8_t> pictured;  ///< [K] 1 where there is a picture; empty as `video`
  std::string family;                  ///< for evaluation; a conversation may hold several episodes
};

/// The arrays as tensors by name; the arrays' storage moves.
inline training_example to_example(conversation_arrays a, std::string provenance) {
  training_example e{{}, std::move(provenance)};
  const auto put = [&](const char* name, dtype type, auto& values) {
    if (values.empty()) return;
    const auto size = static_cast<std::int64_t>(values.size());
    e.tensors.emplace_back(name, tensor{type, {size}, buffer::take(std::move(values))});
  };
  put("audio", dtype::u8, a.audio), put("text_in", dtype::i32, a.text_in);
  put("text_out", dtype::i32, a.text_out), put("slipped", dtype::u8, a.slipped);
  put("spoken", dtype::i32, a.spoken), put("heard", dtype::i32, a.heard);
  put("voice", dtype::u8, a.voice), put("speech", dtype::f32, a.speech);
  put("video", dtype::u8, a.video), put("pictured", dtype::u8, a.pictured);
  return e;
}

/// The arrays of an example that fits the model. *Errors* (`train.bad_example`): a tensor is
/// missing, has another type or size than the model's layout asks for, or holds a token or a bin
/// that the model does not have; the message names it.
result<conversation_arrays> read_example(const training_example& example,
                                         const model_config& model);

/// Makes conversations. *Threads*: `make` is called from several threads at once and is a pure
/// function of the source's options and `index`.
class example_source {
 public:
  virtual ~example_source() = default;
  virtual training_example make(std::uint64_t index) const = 0;
};

}  // namespace hocket::engine
