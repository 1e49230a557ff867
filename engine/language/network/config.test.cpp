// Configs of language models: what is missing, absurd or unknown is named.
#include "engine/language/network/config.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

#include "engine/language/files/safetensors.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;
using nlohmann::json;

namespace {

json small() {
  return {{"model_type", "llama"},  {"vocab_size", 100},        {"hidden_size", 64},
          {"num_hidden_layers", 4}, {"num_attention_heads", 4}, {"intermediate_size", 96}};
}

std::string refusal(const json& config) {
  const auto read = read_network_config(config.dump());
  return read ? "" : read.error().code + " " + read.error().message;
}

/// A number that fp32 holds, and its inverse, too, where it is not 0.
bool is_sound(double x, bool or_zero) { return x == 0 ? or_zero : x > 1e-35 && x < 1e35; }

json with(const char* key, const json& value) {
  auto c = small();
  c[key] = value;
  return c;
}

}  // namespace

TEST_CASE("a config says what its family leaves open") {
  const auto c = read_network_config(small().dump());
  REQUIRE(c);
  CHECK(c->trunk.layers.size() == 4);
  CHECK(c->trunk.layers[0].attention.head_dim == 16);
  CHECK(c->trunk.layers[0].attention.kv_heads == 4);
  CHECK(c->trunk.context == 4096);
  CHECK(read_network_config(small().dump(), 77)->trunk.context == 77);
  auto qwen = with("model_type", "qwen2");
  qwen["use_sliding_window"] = true, qwen["sliding_window"] = 9, qwen["max_window_layers"] = 3;
  const auto q = read_network_config(qwen.dump());
  REQUIRE(q);
  CHECK(q->trunk.layers[2].attention.window == 0);
  CHECK(q->trunk.layers[3].attention.window == 9);
  CHECK(q->trunk.layers[0].attention.bias);
  CHECK(!q->trunk.layers[0].attention.out_bias);
  qwen["layer_types"] = {"full_attention", "sliding_attention", "full_attention", "full_attention"};
  CHECK(read_network_config(qwen.dump())->trunk.layers[1].attention.window == 9);
}

TEST_CASE("what a config lacks or gets wrong is named") {
  CHECK(refusal("x") == "model.bad_config the model's config is no JSON object");
  CHECK(read_network_config("{").error().message == "the model's config: no valid JSON at byte 2");
  CHECK(read_network_config(R"({"model_type":"llama","model_type":"qwen2"})").error().message ==
        "the model's config: the key `model_type` is there twice");
  const auto deep = R"({"num_hidden_layers":)" + std::string(1 << 20, '[');
  CHECK(read_network_config(deep).error().message == "the model's config: nested over 64 levels");
  CHECK(refusal(with("partial_rotary_factor", 1e308)).find("partial_rotary_factor: is outside 0") !=
        std::string::npos);
  CHECK(refusal(with("model_type", "mamba"))
            .find("model.unsupported model_type `mamba` is not "
                  "supported; these are: deepseek_v3, ") == 0);
  CHECK(refusal(with("model_type", 7)).find("model_type") != std::string::npos);
  auto c = small();
  c.erase("hidden_size");
  CHECK(refusal(c) == "model.bad_config the model's config: hidden_size: missing");
  CHECK(refusal(with("num_hidden_layers", 0)).find("num_hidden_layers: 0 is no integer from 1") !=
        std::string::npos);
  CHECK(refusal(with("num_hidden_layers", 1.5)).find("num_hidden_layers") != std::string::npos);
  CHECK(refusal(with("vocab_size", 18446744073709551615u)).find("vocab_size") != std::string::npos);
  CHECK(refusal(with("num_key_value_heads", 3)).find("num_key_value_heads: does not divide") !=
        std::string::npos);
  CHECK(refusal(with("rope_scaling", {{"rope_type", "longrope"}}))
            .find("rope_scaling: `longrope` is not supported") != std::string::npos);
  CHECK(refusal(with("rope_scaling", {{"rope_type", "yarn"}}))
            .find("rope_scaling: factor: missing") != std::string::npos);
  CHECK(refusal(with("hidden_act", "gelu")).find("hidden_act: `gelu` is not supported here") !=
        std::string::npos);
  CHECK(refusal(with("head_dim", 512)).find("head_dim: 512 is no integer from 2 to 256") !=
        std::string::npos);
  CHECK(
      refusal(with("rms_norm_eps", -1)).find("rms_norm_eps: -1.0 is no number from 1e-30 to 0.1") !=
      std::string::npos);
  auto moe = with("model_type", "qwen3_moe");
  moe["num_experts"] = 4, moe["num_experts_per_tok"] = 5, moe["moe_intermediate_size"] = 8;
  CHECK(refusal(moe).find("num_experts_per_tok: is more than there are experts") !=
        std::string::npos);
  auto types = with("model_type", "mistral");
  types["sliding_window"] = 8, types["layer_types"] = {"full_attention"};
  CHECK(refusal(types).find("layer_types: is no list of num_hidden_layers") != std::string::npos);
  types["layer_types"] = {"full_attention", "linear_attention", "full_attention", "full_attention"};
  CHECK(refusal(types).find("layer_types: \"linear_attention\" is not supported") !=
        std::string::npos);
}

TEST_CASE("Nemotron-H: the order of layers is read in all its spellings, and refused by name") {
  const auto file = safetensors_set::open(HOCKET_SOURCE_DIR
                                          "/engine/language/network/parity/nemotron_h.safetensors");
  REQUIRE(file);
  const auto made = json::parse(file->metadata().at("config"));
  auto c = made;
  const auto kinds = [](json config) {
    config.erase("time_step_limit");
    // As Python's json writes what JSON has no number for.
    auto text = config.dump();
    text.insert(1, R"("time_step_limit": [0.0, Infinity], "other": [-Infinity, NaN, "\"NaN"],)");
    const auto read = read_network_config(text);
    REQUIRE_MESSAGE(read, read.error().message);
    std::string out;
    for (const auto& l : read->trunk.layers)
      out += l.mixer == hocket::engine::mixer_kind::state_space ? 'M'
             : l.mixer == hocket::engine::mixer_kind::attention ? '*'
             : l.feed_forward.experts.count > 0                 ? 'E'
                                                                : '-';
    return out;
  };
  c.erase("time_step_limit");
  CHECK(kinds(c) == "M-M*E");
  c["layers_block_type"] = {"mamba", "attention", "mlp", "moe"};
  CHECK(kinds(c) == "M*-E");
  c.erase("layers_block_type");
  CHECK(refusal(c).find("hybrid_override_pattern: missing") != std::string::npos);
  c["hybrid_override_pattern"] = "M-*M-";
  c["num_hidden_layers"] = 5;
  CHECK(kinds(c) == "M-*M-");
  c["num_hidden_layers"] = 6;
  CHECK(refusal(c).find("num_hidden_layers: is not as many layers as are listed") !=
        std::string::npos);
  c.erase("num_hidden_layers");
  c["hybrid_override_pattern"] = "M-x";
  CHECK(refusal(c).find("hybrid_override_pattern: \"x\" is not supported; M, *, - and E are") !=
        std::string::npos);
  c["hybrid_override_pattern"] = "";
  CHECK(refusal(c).find("hybrid_override_pattern: has not 1 to 4096 layers") != std::string::npos);
  const std::pair<const char*, json> wrong[] = {
      {"n_groups", 4},         {"mamba_hidden_act", "gelu"},
      {"moe_latent_size", 8},  {"mlp_hidden_act", "x"},
      {"n_group", 4},          {"num_experts_per_tok", 7},
      {"n_shared_experts", 2}, {"time_step_min", -1},
      {"conv_kernel", 0},      {"moe_shared_expert_intermediate_size", nullptr}};
  for (const auto& [key, value] : wrong) {
    CAPTURE(key);
    auto bad = made;
    bad[key] = value;
    CHECK(refusal(bad).starts_with("model.bad_config the model's config: " + std::string(key)));
  }
  c = made;
  c["n_shared_experts"] = 0;
  c.erase("moe_shared_expert_intermediate_size");
  CHECK(kinds(c) == "M-M*E");
  // States are bounded in each layer, and in all together.
  for (const char* key : {"layers_block_type", "layer_types", "num_hidden_layers"}) c.erase(key);
  c["mamba_num_heads"] = 512, c["mamba_head_dim"] = 128, c["ssm_state_size"] = 1024;
  c["hybrid_override_pattern"] = std::string(16, 'M') + "*";
  CHECK(kinds(c) == std::string(16, 'M') + "*");
  c["hybrid_override_pattern"] = std::string(17, 'M') + "*";
  CHECK(refusal(c).find("ssm_state_size: makes states of over 2^30 numbers in all layers") !=
        std::string::npos);
}

TEST_CASE("what is no number in a config is refused by name where a number is asked for") {
  const auto file =
      safetensors_set::open(HOCKET_SOURCE_DIR "/engine/language/network/parity/llama.safetensors");
  REQUIRE(file);
  const auto made = json::parse(file->metadata().at("config"));
  for (const std::string number : {"Infinity", "-Infinity", "NaN"})
    for (const std::string key :
         {"rope_theta", "rms_norm_eps", "num_hidden_layers", "tie_word_embeddings"}) {
      auto c = made;
      c.erase(key), c.erase("rope_parameters");
      auto text = c.dump();
      text.insert(1, "\"" + key + "\": " + number + ",");
      const auto read = read_network_config(text);
      REQUIRE(!read);
      CHECK(read.error().message.starts_with("the model's config: " + key + ": \"" + number));
    }
}

TEST_CASE("no value of any key of any family does harm") {
  const json hostile[] = {nullptr,
                          -1,
                          0,
                          1,
                          3,
                          1000000000,
                          1e300,
                          1e308,
                          1e-320,
                          -0.5,
                          1.5,
                          true,
                          "x",
                          "yarn",
                          json::array(),
                          json::object(),
                          json::array({-7, "x", 99999999}),
                          json{{"rope_type", "yarn"}, {"factor", 0}},
                          18446744073709551615u};
  std::size_t read = 0, refused = 0;
  for (const std::string family :
       {"llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "gpt_oss", "deepseek_v3", "nemotron",
        "nemotron_h", "gemma3_text", "inkling", "inkling2", "inkling2_mini"}) {
    const auto file = safetensors_set::open(HOCKET_SOURCE_DIR "/engine/language/network/parity/" +
                                            family + ".safetensors");
    REQUIRE(file);
    auto good = json::parse(file->metadata().at("config"));
    if (good.contains("text_config")) good = json(good["text_config"]);
    for (const auto& [key, value] : good.items())
      for (const auto& bad : hostile) {
        auto config = good;
        config[key] = bad;
        const auto outcome = read_network_config(config.dump());
        if (!outcome) {
          ++refused;
          continue;
        }
        ++read;
        CHECK(outcome->trunk.layers.size() <= 4096);
        CAPTURE(config.dump());
        REQUIRE(is_sound(outcome->trunk.norm_epsilon, false));
        REQUIRE(is_sound(outcome->embedding_scale, false));
        REQUIRE(is_sound(outcome->logit_scale, false));
        REQUIRE(is_sound(outcome->logit_softcap, true));
        const auto& loop = outcome->trunk.loop;
        REQUIRE(loop.begin <= loop.end);
        REQUIRE(loop.end <= static_cast<int>(outcome->trunk.layers.size()));
        for (const auto& layer : outcome->trunk.layers) {
          const auto& a = layer.attention;
          REQUIRE(a.rotary < static_cast<int>(outcome->trunk.rotary.size()));
          REQUIRE(a.heads % a.kv_heads == 0);
          for (const double x : {a.scale, a.softcap, a.clip, a.relative_clip, a.lengths.from})
            REQUIRE(is_sound(x, true));
          REQUIRE(a.lengths.rate >= 0);  // it is added to 1
          REQUIRE(a.lengths.rate <= 1000);
          REQUIRE(is_sound(layer.feed_forward.experts.scale, false));
          REQUIRE(is_sound(layer.convolution.scale, false));
          const auto& s = layer.state_space;
          if (layer.mixer == hocket::engine::mixer_kind::state_space) {
            REQUIRE(s.heads % s.groups == 0);
            REQUIRE(s.state_size() <= 1 << 26);
            REQUIRE(s.least_step >= 0);
            REQUIRE(s.least_step <= 1);
          }
          if (a.rotary >= 0) {
            const auto& r = outcome->trunk.rotary[a.rotary];
            REQUIRE(r.first + 2 * static_cast<int>(r.frequency.size()) <= a.head_dim);
            for (const double f : r.frequency) REQUIRE(std::isfinite(f));
          }
          REQUIRE(layer.feed_forward.experts.chosen <= layer.feed_forward.experts.count);
        }
      }
  }
  CHECK(read > 100);
  CHECK(refused > 500);
}
