// Models of random weights of any type: for tests.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/files/tensor_type.hpp"
#include "engine/language/network/model.hpp"
#include "engine/transformer/grouped.hpp"

#include <doctest/doctest.h>

namespace hocket::language {

/// A llama of two layers with random weights of one type.
struct random_model {
  static constexpr int width = 256, hidden = 512, vocabulary = 96;

  explicit random_model(tensor_type type, tensor_type values_type, bool tied,
                        block_types blocks = block_types::rounded) {
    nlohmann::json config{{"model_type", "llama"},       {"vocab_size", vocabulary},
                          {"hidden_size", width},        {"num_hidden_layers", 2},
                          {"num_attention_heads", 8},    {"num_key_value_heads", 2},
                          {"intermediate_size", hidden}, {"max_position_embeddings", 512},
                          {"tie_word_embeddings", tied}};
    auto read = read_network_config(config.dump());
    REQUIRE_MESSAGE(read, read.error().message);
    network = std::move(*read);
    add("model.embed_tokens.weight", type, {vocabulary, width});
    if (!tied) add("lm_head.weight", type, {vocabulary, width});
    add("model.norm.weight", tensor_type::f32, {width});
    for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
      const std::string p = layer;
      add(p + "self_attn.q_proj.weight", type, {width, width});
      add(p + "self_attn.k_proj.weight", type, {64, width});
      add(p + "self_attn.v_proj.weight", values_type, {64, width});
      add(p + "self_attn.o_proj.weight", type, {width, width});
      add(p + "mlp.gate_proj.weight", type, {hidden, width});
      add(p + "mlp.up_proj.weight", type, {hidden, width});
      add(p + "mlp.down_proj.weight", values_type, {width, hidden});
      add(p + "input_layernorm.weight", tensor_type::f32, {width});
      add(p + "post_attention_layernorm.weight", tensor_type::f32, {width});
    }
    const auto one = built(nullptr, blocks);
    REQUIRE_MESSAGE(one, one.error().message);
    model = *one;
  }

  /// A model of these weights, divided where a division is given.
  result<std::shared_ptr<const language_model>> built(
      const engine::division* by, block_types blocks = block_types::rounded) const {
    std::vector<stored_weights> stored;
    for (const auto& t : made) stored.push_back({t.name, t.type, t.shape, t.bytes});
    return language_model::build(network, stored, blocks, by);
  }

  /// Tokens of its vocabulary.
  static std::vector<std::int32_t> some(std::size_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::int32_t> out(n);
    for (auto& t : out) t = static_cast<std::int32_t>(random() % vocabulary);
    return out;
  }

  struct tensor {
    std::string name;
    tensor_type type;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> bytes;
  };

  void add(const std::string& name, tensor_type type, std::vector<std::int64_t> shape) {
    tensor t{name, type, shape, {}};
    t.bytes.resize(*bytes_of(type, shape));
    const auto& traits = traits_of(type);
    for (auto& b : t.bytes) b = static_cast<std::byte>(random());
    // Scales of blocks, and plain numbers, of a sane size.
    const auto half = [](float v) { return engine::kernels::float_to_half(v); };
    for (std::size_t at = 0; at + traits.bytes <= t.bytes.size(); at += traits.bytes) {
      auto* block = t.bytes.data() + at;
      const float number =
          shape.size() == 1 ? 1.0f : (static_cast<int>(random() % 2001) - 1000) / 9000.0f;
      const auto put = [&](std::size_t place, float v) {
        const auto h = half(v);
        std::memcpy(block + place, &h, 2);
      };
      switch (type) {
        case tensor_type::f32: std::memcpy(block, &number, 4); break;
        case tensor_type::f16: put(0, number); break;
        case tensor_type::bf16:
          std::memcpy(block, reinterpret_cast<const char*>(&number) + 2, 2);
          break;
        case tensor_type::q8_0: put(0, 0.001f); break;
        case tensor_type::q4_0:
        case tensor_type::q5_0: put(0, 0.01f); break;
        case tensor_type::q4_1:
        case tensor_type::q5_1: put(0, 0.01f), put(2, -0.1f); break;
        case tensor_type::q4_k:
        case tensor_type::q5_k: put(0, 0.0003f), put(2, 0.002f); break;
        case tensor_type::q6_k: put(208, 0.00005f); break;
        case tensor_type::mxfp4: block[0] = std::byte{122}; break;
        default: FAIL("no such type here");
      }
    }
    made.push_back(std::move(t));
  }

  std::mt19937 random{11};
  network_config network;
  std::vector<tensor> made;
  std::shared_ptr<const language_model> model;
};

}  // namespace hocket::language
