#include "engine/lora/loss/loss.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hocket::lora {
namespace {

struct loss_entry {
  const char* name;
  loss_kind kind;
  double clip_low, clip_high;  ///< defaults; both 0: no clip
};
constexpr loss_entry losses[] = {{"cross_entropy", loss_kind::cross_entropy, 0, 0},
                                 {"importance_sampling", loss_kind::importance_sampling, 0, 0},
                                 {"ppo", loss_kind::ppo, 0.8, 1.2},
                                 {"cispo", loss_kind::cispo, 0, 4},
                                 {"dro", loss_kind::dro, 0, 0},
                                 {"gspo", loss_kind::gspo, 0.8, 1.2}};

const loss_entry* entry_of(const std::string& name) {
  for (const auto& e : losses)
    if (name == e.name) return &e;
  return nullptr;
}

std::vector<std::string> keys_of(loss_kind kind) {
  switch (kind) {
    case loss_kind::ppo:
    case loss_kind::cispo:
    case loss_kind::gspo: return {"clip_low_threshold", "clip_high_threshold"};
    case loss_kind::dro: return {"beta"};
    default: return {};
  }
}

std::vector<std::string> inputs_of(loss_kind kind) {
  if (kind == loss_kind::cross_entropy) return {"target_tokens", "weights"};
  if (kind == loss_kind::gspo)
    return {"target_tokens", "logprobs", "advantages", "sequence_ratio_mask"};
  return {"target_tokens", "logprobs", "advantages"};
}

tl::unexpected<error> unknown(const std::string& name) {
  if (name == "stable_reinforce")
    return fail("loss.unknown",
                "loss_fn `stable_reinforce` is not offered: its formula is not public. Pass "
                "loss_fn=importance_sampling, ppo or cispo instead");
  if (name == "custom")
    return fail("loss.unknown",
                "loss_fn `custom` is not offered: uploaded losses do not run here. "
                "forward_backward_custom computes them on the client");
  std::string known;
  for (const auto& e : losses) known += std::string(known.empty() ? "" : ", ") + e.name;
  return fail("loss.unknown", fmt::format("unknown loss_fn `{}`; there are {}", name, known));
}

tl::unexpected<error> bad_key(const std::string& loss, loss_kind kind, const std::string& key) {
  const auto keys = keys_of(kind);
  return fail("loss.bad_config",
              fmt::format("loss_fn_config of `{}` has no key `{}`{}", loss, key,
                          keys.empty() ? "; it takes none"
                                       : fmt::format("; it takes {}", fmt::join(keys, ", "))));
}

}  // namespace

result<loss_config> read_loss(const std::string& name, const loss_settings& settings) {
  const auto* e = entry_of(name);
  if (!e) return unknown(name);
  loss_config c{e->kind, e->clip_low, e->clip_high, 0};
  const auto keys = keys_of(c.kind);
  bool has_beta = false;
  for (const auto& [key, value] : settings) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) return bad_key(name, c.kind, key);
    const auto* number = std::get_if<double>(&value);
    if (!number || !std::isfinite(*number))
      return fail("loss.bad_config",
                  fmt::format("loss_fn_config `{}` of `{}` must be a finite number", key, name));
    if (key == "clip_low_threshold") c.clip_low = *number;
    if (key == "clip_high_threshold") c.clip_high = *number;
    if (key == "beta") c.beta = *number, has_beta = true;
  }
  if (c.kind == loss_kind::dro && !has_beta)
    return fail("loss.bad_config", "loss_fn_config of `dro` needs `beta`, such as 0.05");
  if (c.clip_low > c.clip_high)
    return fail("loss.bad_config",
                fmt::format("clip_low_threshold {} is above clip_high_threshold {}", c.clip_low,
                            c.clip_high));
  return c;
}

std::int64_t targets_per_token(const training_datum& datum) {
  const auto found = datum.inputs.find("target_tokens");
  return found != datum.inputs.end() && found->second.shape.size() == 2 ? found->second.shape[1]
                                                                        : 1;
}

namespace {

std::string text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

result<void> check_input(const training_datum& d, const std::string& name, std::size_t index) {
  const auto& input = d.inputs.at(name);
  const auto n = static_cast<std::int64_t>(d.tokens.size()), k = targets_per_token(d);
  const bool two = name == "target_tokens" && input.shape.size() == 2;
  const std::vector<std::int64_t> wanted = d.inputs.at("target_tokens").shape.size() == 2
                                               ? std::vector<std::int64_t>{n, k}
                                               : std::vector<std::int64_t>{n};
  const auto numbers = static_cast<std::int64_t>(input.values.size());
  if ((input.shape != wanted && !(two && input.shape[0] == n)) || k < 1 || k > numbers / n ||
      numbers != n * k)
    return fail("loss.bad_input",
                fmt::format("datum {}: `{}` has the shape {}; its model_input has {} tokens, so {} "
                            "is needed",
                            index, name, text(input.shape), n, text(wanted)));
  for (std::size_t i = 0; i < input.values.size(); ++i)
    if (!std::isfinite(input.values[i]))
      return fail("loss.bad_input",
                  fmt::format("NonFiniteInTensor: datum {}: `{}` is {} at position {}", index, name,
                              input.values[i], i));
  return {};
}

result<void> check_tokens(const training_datum& d, std::size_t index, std::int64_t vocabulary) {
  const auto bad = [&](const char* where, double token) {
    return fail("loss.bad_input", fmt::format("datum {}: token {} in {} is outside the vocabulary, "
                                              "which has {} tokens",
                                              index, token, where, vocabulary));
  };
  for (const auto t : d.tokens)
    if (t < 0 || t >= vocabulary) return bad("model_input", t);
  for (const double t : d.inputs.at("target_tokens").values)
    if (!(t >= 0 && t < static_cast<double>(vocabulary)) || t != std::floor(t))
      return bad("target_tokens", t);
  return {};
}

}  // namespace

result<void> check(const loss_config& config, const training_datum& datum, std::size_t index,
                   std::int64_t vocabulary) {
  if (datum.tokens.empty())
    return fail("loss.bad_input", fmt::format("datum {}: model_input has no tokens", index));
  for (const auto& name : inputs_of(config.kind)) {
    if (!datum.inputs.contains(name))
      return fail("loss.bad_input",
                  fmt::format("datum {}: loss_fn_inputs has no `{}`", index, name));
    HOCKET_TRY(check_input(datum, name, index));
  }
  for (const auto& name : keys_of(config.kind))
    if (name != "beta" && datum.inputs.contains(name)) HOCKET_TRY(check_input(datum, name, index));
  return check_tokens(datum, index, vocabulary);
}

namespace {

/// The inputs of a policy loss, position by position.
class policy_inputs {
 public:
  policy_inputs(const loss_config& config, const training_datum& datum)
      : config_(config),
        q_(of(datum, "logprobs")),
        advantage_(of(datum, "advantages")),
        low_(of(datum, "clip_low_threshold")),
        high_(of(datum, "clip_high_threshold")),
        mask_(of(datum, "sequence_ratio_mask")) {}

  double q(std::size_t t) const { return (*q_)[t]; }
  double advantage(std::size_t t) const { return (*advantage_)[t]; }
  double clip(double ratio, std::size_t t) const {
    const double low = low_ ? (*low_)[t] : config_.clip_low;
    const double high = high_ ? (*high_)[t] : config_.clip_high;
    return std::max(std::min(ratio, high), low);
  }
  /// GSPO: the geometric mean of the ratios where the mask is not 0.
  double sequence_ratio(std::span<const double> logprobs) const {
    double sum = 0;
    std::size_t n = 0;
    for (std::size_t t = 0; t < logprobs.size(); ++t)
      if ((*mask_)[t] != 0) sum += logprobs[t] - q(t), ++n;
    return std::exp(n > 0 ? sum / static_cast<double>(n) : 0);
  }

 private:
  static const std::vector<double>* of(const training_datum& d, const char* name) {
    const auto found = d.inputs.find(name);
    return found == d.inputs.end() ? nullptr : &found->second.values;
  }
  const loss_config& config_;
  const std::vector<double>*q_, *advantage_, *low_, *high_, *mask_;
};

/// -min(ratio A, clip(ratio) A), where the ratio's derivative is the ratio.
double clipped(double ratio, double limited, double advantage, double& gradient) {
  const double open = ratio * advantage, closed = limited * advantage;
  gradient = open <= closed ? -open : 0;
  return -std::min(open, closed);
}

}  // namespace

double evaluate(const loss_config& config, const training_datum& datum,
                std::span<const double> logprobs, std::span<double> gradient) {
  double sum = 0;
  if (config.kind == loss_kind::cross_entropy) {
    const auto& w = datum.inputs.at("weights").values;
    for (std::size_t t = 0; t < logprobs.size(); ++t) {
      gradient[t] = -w[t];
      if (w[t] != 0) sum -= w[t] * logprobs[t];
    }
    return sum;
  }
  const policy_inputs in(config, datum);
  const double sequence = config.kind == loss_kind::gspo ? in.sequence_ratio(logprobs) : 0;
  for (std::size_t t = 0; t < logprobs.size(); ++t) {
    const double a = in.advantage(t), distance = logprobs[t] - in.q(t);
    gradient[t] = 0;
    if (config.kind == loss_kind::dro) {
      sum -= logprobs[t] * a - config.beta / 2 * distance * distance;
      gradient[t] = -(a - config.beta * distance);
      continue;
    }
    if (a == 0) continue;  // also where the ratio is infinite
    const double ratio = config.kind == loss_kind::gspo ? sequence : std::exp(distance);
    const double limited = in.clip(ratio, t);
    if (config.kind == loss_kind::importance_sampling) {
      sum -= ratio * a;
      gradient[t] = -ratio * a;
    } else if (config.kind == loss_kind::cispo) {
      sum -= limited * logprobs[t] * a;
      gradient[t] = -limited * a;
    } else {
      sum += clipped(ratio, limited, a, gradient[t]);
    }
  }
  return sum;
}

}  // namespace hocket::lora
