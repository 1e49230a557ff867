// Losses of one conversation. Internal header of engine/: it shows ATen types.
#pragma once

#include <cstdint>

#include "engine/interaction/network.hpp"
#include "engine/training/example.hpp"
#include "engine/training/trainer.hpp"

namespace hocket::engine {

/// Weights of the losses and the noise that makes the model robust to its own mistakes.
struct loss_config {
  double text_weight = 4;        ///< cross-entropy over all output text slots
  double heard_weight = 6;       ///< cross-entropy over all audio frames
  double gate_weight = 1;        ///< binary cross-entropy of the voice gate
  double spoken_weight = 1;      ///< cross-entropy of the word that sounds, over voiced frames
  double flow_weight = 0.3;      ///< squared error of the velocity, mean over numbers
  int flow_frames = 64;          ///< voiced frames drawn from a conversation, twice each
  double speech_noise = 0.3;     ///< up to this standard deviation on fed-back speech
  double token_dropout = 0.03;   ///< chance that a fed-back word is replaced by nothing
  double frequency_warp = 0.06;  ///< the user's voice is stretched by up to this in frequency
};

struct interaction_training;
loss_config losses_of(const interaction_training& options);

/// Weighted loss of one conversation. Adds to these sums: conversations, text, heard, gate, flow,
/// flow_weight; teacher-forced output text: words, words_right, words_false; frames in which a word
/// ended: heard_words, heard_right; voiced frames whose word is known: spoken_frames, spoken_right.
/// Noise depends on `seed` only. `through`: an adapter of the network for all of it; null: none.
at::Tensor conversation_loss(const network& net, const conversation_arrays& example,
                             const loss_config& config, std::uint64_t seed, loss_sums& sums,
                             const adapter* through = nullptr);

}  // namespace hocket::engine
