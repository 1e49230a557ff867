// Forward and backward passes of adapters over sequences. Internal header of engine/.
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

/// Sequences that one adapter reads.
struct adapted_data {
  const engine::adapter* adapter = nullptr;
  std::vector<const training_datum*> data;
};

/// The derivative of the loss by the log probabilities [N * K] of sequence `index` of a pass.
using loss_gradient =
    std::function<std::vector<double>(std::size_t index, std::span<const double> logprobs)>;

/// Log probabilities of the targets of each sequence, in order; their `target_tokens` lie in `data`.
/// Products with the model's weights run once over the rows of all; what a sequence gets does not depend
/// on the others, nor do an adapter's gradients on other adapters' sequences, bit for bit (not Inkling: README.md).
std::vector<std::vector<double>> logprobs_of(const language::language_model& model,
                                             std::span<const adapted_data> all);
/// The same, and adds the gradients of `loss` to those of each adapter's tensors. Each adapter is
/// there once.
std::vector<std::vector<double>> differentiate(const language::language_model& model,
                                               std::span<const adapted_data> all,
                                               const loss_gradient& loss);

/// Sequences by length, as many to a pass as `rows` allow, and one at least.
std::vector<std::vector<std::size_t>> passes_of(std::span<const training_datum> data,
                                                std::int64_t rows);

}  // namespace hocket::lora
