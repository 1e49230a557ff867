// A toy that trainers learn: a person says a word, the model repeats it. Brings doctest; after ATen's headers.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/training/interaction_trainer.hpp"
#include "engine/transformer/safetensors.hpp"

#undef CHECK
#include <doctest/doctest.h>

namespace hocket::engine::test {

/// The person "says" word w as a frame of bin w; the model repeats it one micro-turn later, aloud.
inline conversation_arrays echo(std::uint64_t index) {
  conversation_arrays e;
  const std::int64_t k = 12;
  e.micro_turns = k;
  e.audio.assign(k * 4 * 80, 0);
  e.text_in.assign(k, 0), e.text_out.assign(k * 2, 0), e.heard.assign(k * 4, 0);
  e.slipped.assign(k * 2, 0), e.spoken.assign(k * 4, 0);
  e.voice.assign(k * 4, 0), e.speech.assign(k * 4 * 48, 0);
  for (std::int64_t t = index % 2; t + 1 < k; t += 3) {
    const int word = 1 + static_cast<int>((index * 7 + t) % 5);
    for (int c = 0; c < 80; ++c)
      e.audio[(t * 4 + 1) * 80 + c] = static_cast<std::uint8_t>(2 * word);
    e.heard[t * 4 + 1] = word, e.text_out[(t + 1) * 2] = word;
    e.voice[(t + 1) * 4] = 1, e.spoken[(t + 1) * 4] = word;
    for (int j = 0; j < 48; ++j) e.speech[(t + 1) * 4 * 48 + j] = std::sin(word + 0.1f * j);
  }
  return e;
}

inline interaction_training toy() {
  interaction_training c;
  c.model.width = 64, c.model.layers = 2, c.model.feed_forward = 96, c.model.vocabulary = 8;
  c.model.attention = {.heads = 2, .kv_heads = 2, .head_dim = 32, .window = 40};
  c.model.flow = {.patch = 48, .width = 48, .blocks = 1, .expansion = 2, .condition = 32};
  c.frequency_warp = 0;
  use_one_torch_thread();
  return c;
}

/// Steps until the trainer has done `steps`, four conversations each.
inline void train_to(interaction_trainer& trainer, std::int64_t steps) {
  while (trainer.steps() < steps) {
    std::vector<training_example> batch;
    for (std::uint64_t i = 0; i < 4; ++i)
      batch.push_back(
          to_example(echo(static_cast<std::uint64_t>(trainer.steps()) * 4 + i), "synthetic"));
    REQUIRE(trainer.step(batch, std::min(1.0, 0.2 * static_cast<double>(trainer.steps() + 1))));
  }
}

/// The folder of a model as the engine loads it.
inline void write_model(const interaction_trainer& trainer, const model_config& config,
                        const std::string& folder, bool half) {
  std::filesystem::create_directories(folder);
  const auto weights = trainer.export_weights(half);
  REQUIRE(write_safetensors(folder + "/model.safetensors", weights.tensors, weights.metadata));
  std::ofstream(folder + "/config.json") << to_json(config);
}

inline std::string temporary(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / name;
  std::filesystem::remove_all(folder);
  return folder.string();
}

}  // namespace hocket::engine::test
