// GGUF files made of the fixtures' weights: for tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "engine/language/files/dequantize.hpp"
#include "engine/language/files/gguf_writer.hpp"
#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/gguf.hpp"
#include "engine/language/network/model.hpp"
#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

namespace hocket::language::gguf_fixture {

constexpr std::uint32_t f32 = 0, q8_0 = 8;

inline std::string as_bytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

struct fixture {
  safetensors_set file;
  network_config config;
  std::map<std::string, std::vector<float>> values;
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;
};

inline fixture load(const std::string& family) {
  auto file = safetensors_set::open(HOCKET_SOURCE_DIR "/engine/language/network/parity/" + family +
                                    ".safetensors");
  REQUIRE(file);
  auto config = read_network_config(file->metadata().at("config"));
  REQUIRE(config);
  fixture f{std::move(*file), std::move(*config), {}, {}, {}};
  for (const auto& t : f.file.tensors()) {
    if (t.name == "parity.tokens") {
      f.tokens.resize(t.bytes.size() / 4);
      std::memcpy(f.tokens.data(), t.bytes.data(), t.bytes.size());
      continue;
    }
    std::vector<float> values(static_cast<std::size_t>(t.elements()));
    REQUIRE(dequantize(t.type, t.bytes, values));
    (t.name == "parity.logits" ? f.logits : f.values[t.name]) = values;
  }
  return f;
}

/// Every tensor under its name there, matrices in fp32; what `parts` makes of one comes instead of it.
using tensor_parts =
    std::function<bool(gguf_writer&, const std::string& name, const std::vector<float>&,
                       const std::vector<std::int64_t>&)>;
inline void add_tensors(gguf_writer& w, const fixture& f,
                        const std::vector<std::pair<std::string, std::string>>& names,
                        const tensor_parts& parts = {}) {
  for (const auto& t : f.file.tensors()) {
    if (t.name.starts_with("parity.")) continue;
    const auto& values = f.values.at(t.name);
    if (parts && parts(w, t.name, values, t.shape)) continue;
    auto name = t.name;
    if (name.starts_with("model.layers.")) name = "blk." + name.substr(13);
    for (const auto& [ours, theirs] : names)
      if (const auto at = name.find(ours); at != std::string::npos) {
        name.replace(at, ours.size(), theirs);
        break;
      }
    w.add_tensor(name, f32, {t.shape.rbegin(), t.shape.rend()}, as_bytes(values));
  }
}

inline void add_sizes(gguf_writer& w, const fixture& f, const std::string& architecture) {
  const auto& a = f.config.trunk.layers[0].attention;
  const auto add = [&](const char* key, std::size_t n) {
    w.add(architecture + "." + key, static_cast<std::uint32_t>(n));
  };
  w.add("general.architecture", architecture);
  add("block_count", f.config.trunk.layers.size());
  add("embedding_length", static_cast<std::size_t>(f.config.trunk.width));
  add("feed_forward_length", static_cast<std::size_t>(f.config.trunk.layers[0].feed_forward.width));
  add("attention.head_count", static_cast<std::size_t>(a.heads));
  add("attention.head_count_kv", static_cast<std::size_t>(a.kv_heads));
  add("attention.key_length", static_cast<std::size_t>(a.head_dim));
  add("attention.sliding_window", 8);
  add("context_length", 128);
}

inline const std::vector<std::pair<std::string, std::string>> common_names{
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.router", "ffn_gate_inp"}};

inline std::vector<float> scores_of_file(const std::string& bytes,
                                         const std::vector<std::int32_t>& tokens, double base = 0) {
  const auto file =
      gguf_file::parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "test");
  REQUIRE_MESSAGE(file, file.error().message);
  auto config = read_network_config(*file);
  REQUIRE_MESSAGE(config, config.error().message);
  if (base > 0)
    CHECK(config->trunk.rotary[0].frequency[1] == doctest::Approx(std::pow(base, -1.0 / 8)));
  const auto model = language_model::build(*config, checkpoint_tensors(*file));
  REQUIRE_MESSAGE(model, model.error().message);
  language_sequence s(*model);
  language_sequence* pointer = &s;
  const std::span<const std::int32_t> all(tokens);
  auto out = append_batch({&pointer, 1}, {&all, 1}, scores_of::every);
  REQUIRE(out);
  language_sequence cut(*model);  // in two parts: the same bits, blocks or not
  const auto part = cut.append(all.subspan(0, 7));
  const auto rest = cut.append(all.subspan(7));
  REQUIRE((part && rest));
  CHECK(std::equal(rest->begin(), rest->end(), (*out)[0].end() - config->vocabulary));
  return (*out)[0];
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = testing::larger(worst, std::abs(static_cast<double>(a[i]) - b[i]));
  return worst;
}

}  // namespace hocket::language::gguf_fixture
