// Tiny models of every family, trainers of them and texts to train on: for the tests of this folder.
#pragma once

#include <random>

#include "engine/language/files/safetensors.hpp"
#include "engine/lora/trainer.hpp"

#undef CHECK
#include <doctest/doctest.h>

namespace hocket::lora::fixture {

inline const std::string families[] = {
    "llama",    "mistral",    "qwen2",       "qwen3",   "qwen3_moe", "gpt_oss",      "deepseek_v3",
    "nemotron", "nemotron_h", "gemma3_text", "inkling", "inkling2",  "inkling2_mini"};
using shared_model = std::shared_ptr<const language::language_model>;

inline shared_model load(const std::string& family,
                         language::block_types blocks = language::block_types::kept,
                         bool turns_neighbours = false) {
  const auto file = language::safetensors_set::open(
      HOCKET_SOURCE_DIR "/engine/language/network/parity/" + family + ".safetensors");
  REQUIRE(file);
  auto config = language::read_network_config(file->metadata().at("config"));
  REQUIRE(config);
  if (turns_neighbours) config->trunk.rotary[0].adjacent = true;  // as GGUF's Llama
  auto tensors = file->tensors();  // without the figures of tests beside them
  std::erase_if(tensors, [](const auto& t) { return t.name.starts_with("parity."); });
  auto model = language::language_model::build(*config, std::move(tensors), blocks);
  REQUIRE_MESSAGE(model, model.error().message);
  return *model;
}

/// Every family as its file has it, and with its layers in bfloat16.
inline std::vector<std::pair<std::string, language::block_types>> every_kind() {
  std::vector<std::pair<std::string, language::block_types>> all;
  for (const auto& family : families)
    for (const auto blocks : {language::block_types::kept, language::block_types::bfloat16})
      all.emplace_back(family, blocks);
  return all;
}

inline lora_config everywhere(int rank) {
  lora_config c;
  c.rank = rank;
  c.modules = lora::modules_of(lora_parts{});
  return c;
}

inline training_datum datum_of(const std::vector<std::int32_t>& sequence, double weight = 1) {
  training_datum d;
  const auto n = static_cast<std::int64_t>(sequence.size()) - 1;
  d.tokens.assign(sequence.begin(), sequence.end() - 1);
  d.inputs["target_tokens"] = {{n}, {sequence.begin() + 1, sequence.end()}};
  d.inputs["weights"] = {{n}, std::vector<double>(static_cast<std::size_t>(n), weight)};
  return d;
}

inline std::vector<training_datum> data_of(std::initializer_list<int> lengths,
                                           std::uint64_t seed = 5) {
  std::mt19937 random(seed);
  std::vector<training_datum> all;
  for (const int n : lengths) {
    std::vector<std::int32_t> sequence;
    for (int i = 0; i < n; ++i) sequence.push_back(3 + static_cast<int>(random() % 87));
    all.push_back(datum_of(sequence));
  }
  return all;
}

inline std::unique_ptr<trainer> new_trainer(const shared_model& model,
                                            lora_config config = everywhere(4),
                                            std::uint64_t seed = 7) {
  auto t = trainer::create(model, std::move(config), seed);
  REQUIRE_MESSAGE(t, (t ? "" : t.error().message));
  return std::move(*t);
}

inline const loss_config plain_loss{};

/// A trainer that has moved, so that both halves of its parts matter.
inline std::unique_ptr<trainer> moved_trainer(const shared_model& model) {
  auto t = new_trainer(model);
  REQUIRE(t->forward_backward(plain_loss, data_of({9, 12, 7})));
  REQUIRE(t->step({.learning_rate = 0.02}));
  return t;
}

}  // namespace hocket::lora::fixture
