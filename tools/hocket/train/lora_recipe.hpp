// What a recipe of `hocket train lora` says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/trainer/rounds.hpp"
#include "graph/contract/config.hpp"
#include "graph/core/diagnostic.hpp"

namespace hocket::cli {

struct lora_recipe final : config_base {
  std::string model, data, validation, out = "out/train/lora", modules;
  std::string name = "adapter", source, licence, consent, ledger;
  std::vector<std::string> constraints;
  std::int64_t rank = 8, seed = 1, steps = 100, warmup = 0, batch = 8, max_tokens = 512;
  std::int64_t save_every = 50, eval_every = 10;
  double alpha = 32, rate = 2e-4, decay = 0, clip = 1;
  std::string optimizer = "adamw", precision = "fp32";
  std::vector<std::string> parts{"attention", "feed_forward", "unembed"};
  trainer::service_settings service;  ///< without an address: this machine trains
  void visit(config_visitor& v) override;
};

/// All findings are collected; no recipe where there are errors among them.
std::optional<lora_recipe> read_lora_recipe(const std::string& path, diagnostics& findings);

}  // namespace hocket::cli
