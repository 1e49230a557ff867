// Losses over the log probabilities of target tokens: their values and gradients. No torch, no model.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::lora {

/// Numbers of one training datum, row-major.
struct loss_input {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};

/// One sequence: what the model reads, and by name what its loss needs.
struct training_datum {
  std::vector<std::int32_t> tokens;
  std::map<std::string, loss_input> inputs;
};

using loss_settings = std::map<std::string, std::variant<double, std::string>>;

enum class loss_kind { cross_entropy, importance_sampling, ppo, cispo, dro, gspo };

struct loss_config {
  loss_kind kind = loss_kind::cross_entropy;
  double clip_low = 0, clip_high = 0;  ///< of the ratio of probabilities
  double beta = 0;                     ///< dro
};

/// *Errors* (`loss.unknown`, `loss.bad_config`): the name or the key, and what would be valid.
result<loss_config> read_loss(const std::string& name, const loss_settings& settings);

/// Checks that a datum has what the loss needs: every input there, as long as the tokens, finite;
/// targets inside the vocabulary. *Errors* (`loss.bad_input`): names the input and the datum.
result<void> check(const loss_config& config, const training_datum& datum, std::size_t index,
                   std::int64_t vocabulary);

/// Targets per position: 1, or K where `target_tokens` is [N, K].
std::int64_t targets_per_token(const training_datum& datum);

/// The sum over all targets, without any normalisation. `logprobs` [N * K]: the natural log
/// probability of each target. Fills `gradient` [N * K] with the derivative by each of them.
/// The datum has passed `check`.
double evaluate(const loss_config& config, const training_datum& datum,
                std::span<const double> logprobs, std::span<double> gradient);

}  // namespace hocket::lora
