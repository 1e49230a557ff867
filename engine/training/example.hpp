// One synthetic conversation as the trainer eats it, and where such conversations come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hocket::engine {

/// One conversation on the micro-turn grid. K = micro_turns; a frame is 50 ms, four to a micro-turn.
/// Arrays are row-major; their sizes are part of the contract and checked by the trainer.
struct training_example {
  std::int64_t micro_turns = 0;        ///< K
  std::vector<std::uint8_t> audio;     ///< [K*4, 80] dMel bins (0..15) of the user's side
  std::vector<std::int32_t> text_in;   ///< [K*1] token ids, 0 = nothing
  std::vector<std::int32_t> text_out;  ///< [K*2] token ids, 0 = nothing
  /// [K*2] 1 where `text_out` was said by mistake: read back, not learnt as an answer; empty: nowhere
  std::vector<std::uint8_t> slipped;
  std::vector<std::int32_t> spoken;  ///< [K*4] word that sounds in the model's voice, 0 = none;
                                     ///< empty: not known
  std::vector<std::int32_t> heard;  ///< [K*4] user word (any speaker, addressed or not) whose sound
                                    ///< ended in this frame; 0 = none, -1 = do not train
  std::vector<std::uint8_t> voice;  ///< [K*4] 1 where the model speaks
  std::vector<float> speech;        ///< [K*4, 320] normalised log-mel of the model's voice (4 mel
                                    ///< frames of 12.5 ms x 80), zeros when silent
  std::vector<std::uint8_t> video;  ///< [K, patches, frames, 40, 40, 3] RGB; empty: none at all
  std::vector<std::uint8_t> pictured;  ///< [K] 1 where there is a picture; empty as `video`
  std::string family;                  ///< for evaluation; a conversation may hold several episodes
};

/// Makes conversations. *Threads*: `make` is called from several threads at once and is a pure
/// function of the source's options and `index`.
class example_source {
 public:
  virtual ~example_source() = default;
  virtual training_example make(std::uint64_t index) const = 0;
};

}  // namespace hocket::engine
