// The published Inkling models, and Nemotron-H: what a running sequence remembers (keys, values, inputs of
// convolutions, of every pass of a loop, states) gives the same bits however it is read; what contradicts
// itself is refused by name.
#include <algorithm>
#include <random>
#include <tuple>

#include <nlohmann/json.hpp>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/model.hpp"
#include "engine/transformer/background.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;
using nlohmann::json;
using tokens = std::vector<std::int32_t>;
using scores = std::vector<float>;

namespace {

const std::string families[] = {"inkling", "inkling2", "inkling2_mini", "nemotron_h"};

safetensors_set fixture(const std::string& family) {
  auto file = safetensors_set::open(HOCKET_SOURCE_DIR "/engine/language/network/parity/" + family +
                                    ".safetensors");
  REQUIRE(file);
  return std::move(*file);
}

/// Without the figures of tests beside them.
std::vector<stored_weights> weights_of(const safetensors_set& file) {
  auto weights = file.tensors();
  std::erase_if(weights, [](const stored_weights& t) { return t.name.starts_with("parity."); });
  return weights;
}

std::shared_ptr<const language_model> built(const std::string& family) {
  const auto file = fixture(family);
  const auto config = read_network_config(file.metadata().at("config"));
  REQUIRE_MESSAGE(config, config.error().message);
  const auto model = language_model::build(*config, weights_of(file));
  REQUIRE_MESSAGE(model, model.error().message);
  return *model;
}

tokens some(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  tokens out(n);
  for (auto& t : out) t = static_cast<std::int32_t>(random() % 90);
  return out;
}

scores read(language_sequence& s, std::span<const std::int32_t> ids,
            hocket::engine::work_pool* pool = nullptr) {
  const reading part{&s, ids};
  auto out = read_batch({&part, 1}, pool);
  REQUIRE_MESSAGE(out, out.error().message);
  return (*out)[0];
}

std::string refusal(const json& config) {
  const auto read = read_network_config(config.dump());
  return read ? "" : read.error().code + " " + read.error().message;
}

}  // namespace

TEST_CASE("what is remembered: the same bits for any cut, number of threads, and way back") {
  for (const auto& family : families) {
    CAPTURE(family);
    const auto model = built(family);
    const auto ids = some(60, 3);
    language_sequence whole(model);
    const auto want = read(whole, ids);
    for (const int threads : {1, 2, 3})
      for (const std::size_t cut : {1, 2, 5, 17}) {
        CAPTURE(threads);
        CAPTURE(cut);
        hocket::engine::work_pool pool(threads);
        language_sequence s(model);
        scores last;
        for (std::size_t at = 0; at < ids.size(); at += cut)
          last = read(s, std::span(ids).subspan(at, std::min(cut, ids.size() - at)), &pool);
        CHECK(last == want);
      }
    // Back by up to the slack that windows and convolutions keep, after something else was read.
    for (const std::int64_t back : {1, 3, 4, 9, 16}) {
      CAPTURE(back);
      language_sequence s(model);
      read(s, std::span(ids).first(40));
      read(s, some(static_cast<std::size_t>(back), 9));
      REQUIRE(s.rewind(40));
      CHECK(read(s, std::span(ids).subspan(40)) == want);
    }
    // What a window or a convolution has let go is not silently made up.
    language_sequence s(model);
    for (const auto id : ids) read(s, {&id, 1});
    CHECK(!s.can_rewind(3));
    CHECK(!s.rewind(3));
    CHECK(s.length() == 60);
  }
}

TEST_CASE("what is remembered: forks go on apart, and share what they have read") {
  for (const auto& family : families) {
    CAPTURE(family);
    const auto model = built(family);
    const auto ids = some(50, 5), other = some(13, 6);
    language_sequence alone(model), first(model);
    const auto want = read(alone, ids);
    read(first, std::span(ids).first(30));
    auto fork = first.fork();
    std::vector<const void*> mine, theirs;
    first.visit_pages([&](const void* p, std::size_t) { mine.push_back(p); });
    fork.visit_pages([&](const void* p, std::size_t) { theirs.push_back(p); });
    CHECK(mine == theirs);
    read(fork, other);
    CHECK(read(first, std::span(ids).subspan(30)) == want);
    REQUIRE(fork.rewind(30));
    CHECK(read(fork, std::span(ids).subspan(30)) == want);
  }
}

TEST_CASE(
    "what is remembered: a pass that is stopped before its first layer leaves a sequence as it "
    "was") {
  for (const auto& family : families) {
    CAPTURE(family);
    const auto model = built(family);
    const auto ids = some(40, 4), other = some(9, 7);
    language_sequence wanted(model), s(model);
    const auto want = read(wanted, ids);
    read(s, std::span(ids).first(20));
    std::stop_source stop;
    stop.request_stop();
    const auto token = stop.get_token();
    const reading part{&s, other};
    REQUIRE(!read_batch({&part, 1}, nullptr, &token));
    CHECK(s.length() == 20);
    CHECK(read(s, std::span(ids).subspan(20)) == want);
  }
}

TEST_CASE("what builds no model does not pass the check before it") {
  for (const std::string family :
       {"inkling", "inkling2", "inkling2_mini", "llama", "gpt_oss", "nemotron_h"}) {
    CAPTURE(family);
    const auto file = fixture(family);
    const auto config = read_network_config(file.metadata().at("config"));
    REQUIRE(config);
    const auto good = weights_of(file);
    const auto refused = [&](const std::vector<stored_weights>& weights) {
      const auto checked = language_model::check(*config, weights);
      const auto model = language_model::build(*config, weights);
      REQUIRE(!checked);
      REQUIRE(!model);
      CHECK(checked.error().message == model.error().message);
      return checked.error().code + " " + checked.error().message;
    };
    REQUIRE(language_model::check(*config, good));
    for (std::size_t i = 0; i < good.size(); ++i)
      for (const auto type : {tensor_type::i64, tensor_type::u64, tensor_type::boolean}) {
        auto other = good;
        other[i].type = type;
        CHECK(refused(other) == "model_file.unsupported_type weights: " + good[i].name + ": " +
                                    traits_of(type).name + " holds no weights");
      }
    if (!config->embedding_norm) continue;
    auto more = good;
    more.push_back(good[0]);
    more.back().name += ".more";
    CHECK(refused(more).starts_with("model.unknown_tensor weights: the config has no place for "));
  }
}

TEST_CASE("Inkling: a config that contradicts itself or its weights is refused by name") {
  const auto config = [](const std::string& family) {
    auto whole = json::parse(fixture(family).metadata().at("config"));
    return whole.contains("text_config") ? whole["text_config"] : whole;
  };
  const auto with = [&](const std::string& family, const char* key, const json& value) {
    auto c = config(family);
    c[key] = value;
    return refusal(c);
  };
  CHECK(with("inkling", "layer_types", json{"hybrid"}).find("layer_types: is no list") !=
        std::string::npos);
  CHECK(with("inkling", "layer_types", json{"hybrid", "linear", "hybrid"})
            .find("layer_types: \"linear\" is not supported; hybrid and hybrid_sliding are") !=
        std::string::npos);
  CHECK(with("inkling", "mlp_layer_types", json{"dense", "wide", "sparse"})
            .find("mlp_layer_types: \"wide\" is not supported") != std::string::npos);
  CHECK(with("inkling", "num_experts_per_tok", 6).find("is more than there are experts") !=
        std::string::npos);
  CHECK(with("inkling", "unpadded_vocab_size", 97).find("is more than vocab_size") !=
        std::string::npos);
  CHECK(with("inkling", "shared_expert_sink", false).find("shared_expert_sink") !=
        std::string::npos);
  CHECK(with("inkling", "hidden_act", "relu").find("`relu` is not supported here") !=
        std::string::npos);
  CHECK(with("inkling", "tie_word_embeddings", true).find("tie_word_embeddings") !=
        std::string::npos);
  const std::tuple<const char*, const char*, double> numbers[] = {
      {"inkling", "rms_norm_eps", -1},
      {"inkling", "route_scale", 1e300},
      {"inkling", "route_scale", -2},
      {"inkling", "logits_mup_width_multiplier", 1e-320},
      {"inkling2", "log_scaling_alpha", 1e308},
      {"inkling2", "qk_l2_clip_threshold", 1e-320},
      {"inkling2", "rel_l2_clip_threshold", 0},
      {"inkling2_mini", "final_logit_softcapping", 1e300}};
  for (const auto& [family, key, value] : numbers) {
    CAPTURE(key);
    const auto said = with(family, key, value);
    CHECK(said.find(std::string(key) + ": ") != std::string::npos);
    CHECK(said.find(" is no number from ") != std::string::npos);
  }
  CHECK(with("inkling2", "scoring_func", "softmax").find("`softmax` is not supported") !=
        std::string::npos);
  CHECK(with("inkling2", "mlp_gate_softcap", 5).find("only 4 is supported") != std::string::npos);
  CHECK(with("inkling2", "swa_num_key_value_heads", 3).find("does not divide") !=
        std::string::npos);
  CHECK(with("inkling2_mini", "loop_layer_index_start", 1).find("a block of 2 layers among 6") !=
        std::string::npos);
  CHECK(with("inkling2_mini", "loop_layer_index_end", 2).find("loop_layer_index_end") !=
        std::string::npos);
  CHECK(
      with("inkling2_mini", "loop_num_passes", 1000).find("loop_num_passes: 1000 is no integer") !=
      std::string::npos);
  // Weights of another shape: named before anything of that size is made.
  const std::pair<const char*, const char*> wrong[] = {
      {"n_routed_experts", "model.layers.0.mlp.gate.weight"},
      {"rel_extent", "model.layers.1.self_attn.relative_position_bias.proj"},
      {"conv_kernel_size", "model.layers.0.self_attn.k_proj.sconv.conv1d.weight"},
      {"vocab_size", "model.embed_tokens.weight"}};
  const auto file = fixture("inkling2");
  for (const auto& [key, tensor] : wrong) {
    CAPTURE(key);
    auto c = config("inkling2");
    c[key] = c[key].get<int>() + 1;
    const auto changed = read_network_config(c.dump());
    REQUIRE_MESSAGE(changed, changed.error().message);
    const auto model = language_model::build(*changed, weights_of(file));
    REQUIRE(!model);
    CHECK(model.error().code == "model.bad_shape");
    CHECK(model.error().message.find(tensor) != std::string::npos);
  }
}
