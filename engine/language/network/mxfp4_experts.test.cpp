// GPT-OSS as it is published: experts of four bits with scales beside them, against transformers on the same
// numbers; what contradicts itself is named.
#include <algorithm>
#include <cmath>
#include <functional>

#include <nlohmann/json.hpp>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/model.hpp"
#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;

namespace {

struct fixture {
  safetensors_set file;
  network_config config;
  std::vector<stored_weights> weights;
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;
};

template <class T>
std::vector<T> numbers(const stored_weights& w) {
  const auto* from = reinterpret_cast<const T*>(w.bytes.data());
  return {from, from + w.bytes.size() / sizeof(T)};
}

fixture load() {
  auto file = safetensors_set::open(HOCKET_SOURCE_DIR
                                    "/engine/language/network/parity/gpt_oss_mxfp4.safetensors");
  REQUIRE(file);
  auto config = read_network_config(file->metadata().at("config"));
  REQUIRE_MESSAGE(config, config.error().message);
  fixture f{std::move(*file), std::move(*config), {}, {}, {}};
  for (const auto& t : f.file.tensors()) {
    if (t.name == "parity.tokens")
      f.tokens = numbers<std::int32_t>(t);
    else if (t.name == "parity.logits")
      f.logits = numbers<float>(t);
    else
      f.weights.push_back(t);
  }
  return f;
}

/// Scores of all tokens at once; one by one they are the same bits.
std::vector<float> scores(const fixture& f, block_types blocks) {
  const auto model = language_model::build(f.config, f.weights, blocks);
  REQUIRE_MESSAGE(model, model.error().message);
  language_sequence whole(*model), steps(*model);
  const reading all{&whole, f.tokens, scores_of::every};
  auto out = read_batch({&all, 1});
  REQUIRE(out);
  std::vector<float> one_by_one;
  for (const auto& token : f.tokens) {
    const auto next = steps.append({&token, 1});
    REQUIRE(next);
    one_by_one.insert(one_by_one.end(), next->begin(), next->end());
  }
  CHECK(one_by_one == (*out)[0]);
  return (*out)[0];
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = hocket::testing::larger(worst, std::abs(static_cast<double>(a[i]) - b[i]));
  return worst;
}

}  // namespace

TEST_CASE("MXFP4 experts of a checkpoint give the logits of transformers on the same numbers") {
  const auto f = load();
  const double widened = largest_difference(scores(f, block_types::widened), f.logits);
  const double kept = largest_difference(scores(f, block_types::kept), f.logits);
  MESSAGE("parity.gpt_oss_mxfp4.max_abs " << widened << "; with products of few bits " << kept);
  CHECK(widened < 1e-4);
  CHECK(kept > widened);  // rows are rounded to int8, as with a GGUF file
  CHECK(kept < 0.3);
}

TEST_CASE("MXFP4 experts: the layout of transformers' own saves is the same model") {
  auto f = load();
  const auto want = scores(f, block_types::kept);
  for (auto& t : f.weights)
    if (t.name.ends_with("_blocks")) t.shape = {t.shape[0], t.shape[1], t.shape[2] * t.shape[3]};
  CHECK(scores(f, block_types::kept) == want);
}

TEST_CASE("MXFP4 experts: what contradicts itself is refused with the tensor's name") {
  const auto good = load();
  const std::string first = "model.layers.1.mlp.experts.";
  const auto refusal = [&](const std::string& name,
                           const std::function<bool(stored_weights&)>& change) {
    auto weights = good.weights;
    const auto at = std::ranges::find(weights, first + name, &stored_weights::name);
    REQUIRE(at != weights.end());
    if (!change(*at)) weights.erase(at);
    const auto model = language_model::build(good.config, weights);
    return model ? std::string("none") : model.error().code + " " + model.error().message;
  };
  CHECK(refusal("down_proj_scales", [](auto&) { return false; }) ==
        "model.missing_tensor weights: no tensor " + first + "down_proj_scales");
  CHECK(refusal("gate_up_proj_scales", [](auto& t) {
          return t.shape[2] = 1, true;
        }).starts_with("model.bad_shape weights: " + first + "gate_up_proj_scales is [4, 64, 1]"));
  CHECK(refusal("down_proj_blocks", [](auto& t) { return t.type = tensor_type::i8, true; }) ==
        "model_file.unsupported_type weights: " + first + "down_proj_blocks is I8, it must be U8");
  std::vector<std::byte> bytes;
  CHECK(refusal("down_proj_scales", [&](auto& t) {
          bytes.assign(t.bytes.begin(), t.bytes.end());
          bytes[3] = std::byte{255};
          return t.bytes = bytes, true;
        }) == "model_file.bad_tensor weights: " + first + "down_proj_scales: 255 is no scale");
  auto config = nlohmann::json::parse(good.file.metadata().at("config"));
  config["intermediate_size"] = 48;
  const auto narrow = read_network_config(config.dump());
  REQUIRE(narrow);
  const auto model = language_model::build(*narrow, good.weights);
  REQUIRE(!model);
  CHECK(model.error().message.find("MXFP4 takes widths that 32 divides") != std::string::npos);
}
