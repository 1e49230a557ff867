// Forward and backward passes of one adapter over sequences. Internal header of engine/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/language/network/model.hpp"
#include "engine/lora/loss/loss.hpp"
#include "engine/transformer/adapter.hpp"

namespace hocket::lora {

/// The derivative of the loss by the log probabilities [N * K] of sequence `index` of a pass.
using loss_gradient =
    std::function<std::vector<double>(std::size_t index, std::span<const double> logprobs)>;

/// Log probabilities of the targets of each sequence; their `target_tokens` lie in `data`.
std::vector<std::vector<double>> logprobs_of(const language::language_model& model,
                                             const engine::adapter& adapter,
                                             std::span<const training_datum* const> data);
/// The same, and adds the gradients of `loss` to those of the adapter's tensors.
std::vector<std::vector<double>> differentiate(const language::language_model& model,
                                               const engine::adapter& adapter,
                                               std::span<const training_datum* const> data,
                                               const loss_gradient& loss);

/// Sequences by length, as many to a pass as `rows` allow when each is as long as the longest.
std::vector<std::vector<std::size_t>> passes_of(std::span<const training_datum> data,
                                                std::int64_t rows);

}  // namespace hocket::lora
