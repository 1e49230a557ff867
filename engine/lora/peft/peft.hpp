// PEFT's adapter_config.json, and which modules an adapter changes. No torch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::lora {

/// An adapter as PEFT describes one.
struct lora_config {
  int rank = 8;
  double alpha = 32;
  bool rank_stabilised = false;  ///< rsLoRA: scaled by alpha / sqrt(rank) in place of alpha / rank
  /// Which modules: the names' last parts, or an expression for whole names, or all linear layers but
  /// the heads.
  std::vector<std::string> modules;
  std::optional<std::string> expression;
  bool all_linear = false;
  std::vector<std::string> excluded;
  /// By expression for the end of a name; the first that matches counts.
  std::vector<std::pair<std::string, int>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string base_model;

  int rank_of(const std::string& module) const;
  double alpha_of(const std::string& module) const;
  double scale_of(const std::string& module) const;
};

/// The parts that the Tinker API switches on and off.
/// Mamba-2 layers are attention's part.
struct lora_parts {
  bool attention = true, feed_forward = true, unembed = true;
};
/// Modules of those parts, as families name them.
std::vector<std::string> modules_of(const lora_parts& parts);

/// *Errors*: lora.bad_config, naming the key (not JSON, a value missing or out of range);
/// lora.unsupported for what would change the result and is not done here (DoRA, biases, other kinds
/// of adapters), by name.
result<lora_config> read_peft_config(std::string_view json);
std::string write_peft_config(const lora_config& config);

/// Whether a module (`model.layers.0.self_attn.q_proj`) is adapted. *Errors*: lora.bad_config: the
/// expression is none, or takes too long.
result<bool> selects(const lora_config& config, const std::string& module);

}  // namespace hocket::lora
