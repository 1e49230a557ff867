// Hidden states of short texts: what layers of a language model make of them. No torch in this header.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/language/network/model.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// Of one text, [width] each.
struct text_states {
  std::vector<float> last;  ///< behind its last token
  std::vector<float> mean;  ///< over all of its tokens, summed in double in their order
};

/// Most tokens of a text.
inline constexpr std::size_t states_tokens = 1024;

/// What the model's layers and its final norm make of each text: what its head would make scores of. A text's numbers
/// depend on its tokens and the weights only, bit by bit: not on the other texts, their order, or the number of threads.
/// It is background work, as `read_batch`. *Memory*: of one pass, at most `states_tokens` rows; nothing is kept.
/// *Errors* (`language.*`): bad_input (a text without tokens, or with more than `states_tokens`; a token outside the
/// vocabulary), cancelled, engine.
result<std::vector<text_states>> read_states(const language_model& model,
                                             std::span<const std::vector<std::int32_t>> texts,
                                             engine::work_pool* helpers = nullptr,
                                             const std::stop_token* stop = nullptr);

/// A model with the first `layers` of its layers alone (0: all), for states of a layer in the middle; the weights of the
/// others are not kept. *Errors*: those of open_language_model; language.bad_input (it has fewer layers),
/// language.unsupported (layers that add to blocks go together).
result<std::shared_ptr<const language_model>> open_first_layers(
    const std::string& path, int layers, std::int64_t context = 0,
    block_types blocks = block_types::kept);

/// How many layers a model has, and how wide its states are.
int layers_of(const language_model& model);
std::int64_t width_of(const language_model& model);

}  // namespace hocket::language
