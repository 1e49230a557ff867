// Inkling checkpoints from their headers alone: parity/published_headers.json has those of tiny ones that
// Hugging Face transformers saved. Headers of MXFP8 and NVFP4 are made here from their description;
// published_experts.test.cpp reads files of these types.
#include "engine/language/network/published.hpp"

#include <fstream>

#include <nlohmann/json.hpp>

#include <doctest/doctest.h>

using namespace hocket::language;
using nlohmann::json;

namespace {

using headers = std::vector<tensor_header>;

struct checkpoint {
  json config;
  headers tensors;
};

checkpoint load(const std::string& name) {
  std::ifstream file(HOCKET_SOURCE_DIR "/engine/language/network/parity/published_headers.json");
  const auto all = json::parse(file);
  checkpoint c{all.at(name).at("config"), {}};
  for (const auto& [tensor, header] : all.at(name).at("tensors").items())
    c.tensors.push_back({tensor, header[0], header[1]});
  return c;
}

std::string refusal(const json& config, const headers& tensors) {
  const auto read = read_network_config(config.dump());
  if (!read) return read.error().code + " " + read.error().message;
  const auto checked = check_tensors(*read, tensors);
  return checked ? "" : checked.error().code + " " + checked.error().message;
}

/// The experts of a checkpoint in few bits, as published: MXFP8, or NVFP4.
headers in_few_bits(headers all, bool four) {
  headers out;
  for (auto& t : all) {
    const bool experts = t.name.find(".mlp.experts.w") != std::string::npos;
    if (!experts) {
      out.push_back(t);
      continue;
    }
    auto scale = t.shape;
    scale.back() /= four ? 16 : 32;
    if (four) t.shape.back() /= 2;
    t.dtype = four ? "U8" : "F8_E4M3";
    out.push_back(t);
    out.push_back({t.name + "_scale", four ? "F8_E4M3" : "U8", scale});
    if (!four) continue;
    out.push_back({t.name + "_amax", "F32", {t.shape[0]}});
    out.push_back({t.name + "_outer_scale_denominator", "F32", {t.shape[0]}});
  }
  return out;
}

tensor_header& named(headers& all, const std::string& name) {
  for (auto& t : all)
    if (t.name == name) return t;
  FAIL("no tensor " << name);
  return all[0];
}

}  // namespace

TEST_CASE(
    "the checkpoints that transformers writes fit their configs, and every header is looked at") {
  for (const std::string name : {"inkling", "inkling2", "inkling2_mini"}) {
    CAPTURE(name);
    const auto c = load(name);
    CHECK(refusal(c.config, c.tensors) == "");
    for (const char* stranger : {"parity.logits", "lm_head.weight", "model.layers.0.more"}) {
      auto more = c.tensors;
      more.push_back({stranger, "F32", {1}});
      CHECK(refusal(c.config, more) ==
            std::string("model.unknown_tensor weights: the config has no "
                        "place for ") +
                stranger + " [1]");
    }
    for (std::size_t i = 0; i < c.tensors.size(); ++i) {
      const auto& t = c.tensors[i];
      if (!t.name.starts_with("model.llm.")) continue;
      CAPTURE(t.name);
      auto without = c.tensors, other = c.tensors, renamed = c.tensors;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK(refusal(c.config, without).find(t.name) != std::string::npos);
      other[i].shape[0] += 1;
      const auto wrong = refusal(c.config, other);
      CHECK(wrong.starts_with("model.bad_shape"));
      CHECK(wrong.find(t.name) != std::string::npos);
      renamed.push_back(t);
      renamed.back().name += ".more";
      CHECK(refusal(c.config, renamed).find("has no place for " + t.name + ".more") !=
            std::string::npos);
    }
  }
}

TEST_CASE("experts of few bits: their scales and factors are there and fit") {
  for (const bool four : {false, true}) {
    CAPTURE(four);
    auto c = load("inkling2");
    // Widths of whole groups: 64 and 32 instead of 48 and 16.
    c.config["text_config"]["hidden_size"] = 64;
    c.config["text_config"]["moe_intermediate_size"] = 32;
    for (auto& t : c.tensors)
      if (t.name.starts_with("model.llm."))
        for (auto& extent : t.shape)
          if (extent == 48) extent = 64;
    for (auto& t : c.tensors) {
      if (t.name.ends_with("experts.w13_weight")) t.shape = {4, 64, 64};
      if (t.name.ends_with("experts.w2_weight")) t.shape = {4, 64, 32};
    }
    REQUIRE(refusal(c.config, c.tensors) == "");
    const auto few = in_few_bits(c.tensors, four);
    CHECK(refusal(c.config, few) == "");
    const std::string weight = "model.llm.layers.1.mlp.experts.w13_weight";
    auto wrong = few;
    named(wrong, weight + "_scale").shape.back() += 1;
    CHECK(refusal(c.config, wrong)
              .find("model.bad_shape weights: " + weight + "_scale is [4, 64, ") == 0);
    wrong = few;
    named(wrong, weight + "_scale").name = "model.mtp.gone";
    CHECK(refusal(c.config, wrong).find("no tensor " + weight + "_scale, which ") !=
          std::string::npos);
    wrong = few;
    named(wrong, weight).shape.back() -= 1;
    CHECK(refusal(c.config, wrong).find(weight + " is [4, 64, ") != std::string::npos);
    wrong = few;
    named(wrong, weight + "_scale").dtype = "I64";
    CHECK(refusal(c.config, wrong).find("_scale is of type I64; the weights need ") !=
          std::string::npos);
  }
}

TEST_CASE("a config that contradicts a checkpoint is refused by the tensor's name") {
  const auto c = load("inkling2_mini");
  const auto with = [&](const char* key, const json& value) {
    auto config = c.config;
    config["text_config"][key] = value;
    return refusal(config, c.tensors);
  };
  CHECK(with("hidden_size", 4608)
            .find("model.llm.embed.weight is [96, 48], the config needs "
                  "[96, 4608]") != std::string::npos);
  CHECK(with("n_routed_experts", 384).find("mlp.gate.weight is [3, 48]") != std::string::npos);
  CHECK(with("loop_gate_rank", 64).find("controllers.attn.down_weight is [5, 96]") !=
        std::string::npos);
  auto fewer = c.config;
  fewer["text_config"]["num_hidden_layers"] = 4;
  fewer["text_config"]["layer_types"].erase(5);
  fewer["text_config"]["layer_types"].erase(4);
  CHECK(refusal(fewer, c.tensors).find("the config has no place for model.llm.") !=
        std::string::npos);
  CHECK(
      with("num_hidden_layers", 1 << 20).find("num_hidden_layers: 1048576 is no integer from 1") !=
      std::string::npos);
}
