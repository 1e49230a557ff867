#include "engine/lora/peft/peft.hpp"

#include <cmath>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace hocket::lora;

namespace {

/// A whole config with these keys, or instead of its own.
std::string config_with(const std::string& more) {
  auto j = nlohmann::ordered_json::parse(
      R"({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]})");
  j.update(nlohmann::ordered_json::parse("{" + more + "}"));
  return j.dump();
}

std::string problem(const std::string& text) {
  const auto c = read_peft_config(text);
  return c ? "" : c.error().message;
}

}  // namespace

TEST_CASE("a config comes back as it was written") {
  auto c =
      read_peft_config(config_with(R"("use_rslora": true, "rank_pattern": {"layers.1.*q_proj": 2},
    "alpha_pattern": {"q_proj": 3.5}, "exclude_modules": ["layers.3.q_proj"])"));
  REQUIRE(c);
  const auto again = read_peft_config(write_peft_config(*c));
  REQUIRE(again);
  CHECK(write_peft_config(*again) == write_peft_config(*c));
  CHECK(again->rank_of("model.layers.1.self_attn.q_proj") == 2);
  CHECK(again->rank_of("model.layers.2.self_attn.q_proj") == 8);
  CHECK(again->scale_of("model.layers.2.self_attn.q_proj") ==
        doctest::Approx(3.5 / std::sqrt(8.0)));
  CHECK(*selects(*again, "model.layers.2.self_attn.q_proj"));
  CHECK(!*selects(*again, "model.layers.2.self_attn.eq_proj"));
  CHECK(!*selects(*again, "layers.3.q_proj"));
}

TEST_CASE("targets by name, by expression, or all of them") {
  lora_config c;
  c.expression = R"(.*\.(q|v)_proj)";
  CHECK(*selects(c, "model.layers.0.self_attn.v_proj"));
  CHECK(!*selects(c, "model.layers.0.self_attn.v_proj.more"));
  c.expression = "(a+)+$";
  CHECK(selects(c, std::string(5000, 'a') + "b").error().code == "lora.bad_config");
  c.expression = "(";
  CHECK(!selects(c, "x"));
  lora_config all;
  all.all_linear = true;
  CHECK(*selects(all, "model.layers.0.mlp.up_proj"));
  CHECK(!*selects(all, "lm_head"));
}

TEST_CASE("what would change the result is refused by name") {
  CHECK(problem(config_with("")) == "");
  CHECK(problem("[]") == "adapter_config.json: not a JSON object");
  CHECK(problem("{") == "adapter_config.json: no valid JSON at byte 2");
  CHECK(problem(R"({"r": 8, "r": 4})") == "adapter_config.json: the key `r` is there twice");
  const std::string deep(1 << 20, '['), back(1 << 20, ']');  // copied, too much for any stack
  CHECK(problem(R"({"r": 8, "base_model_name_or_path": )" + deep + back + "}") ==
        "adapter_config.json: nested over 64 levels");
  CHECK(problem(config_with(R"("use_dora": true)")) ==
        "adapter_config.json: use_dora = true is not supported");
  CHECK(problem(config_with(R"("bias": "all")")) ==
        "adapter_config.json: bias = \"all\" is not supported");
  CHECK(problem(config_with(R"("modules_to_save": ["lm_head"])")) ==
        "adapter_config.json: modules_to_save = [\"lm_head\"] is not supported");
  CHECK(problem(config_with(R"("peft_type": "IA3")")) ==
        "adapter_config.json: peft_type = \"IA3\" is not supported");
  CHECK(problem(config_with(R"("r": 0)")) == "adapter_config.json: r must be 1 to 65536");
  CHECK(problem(config_with(R"("lora_alpha": "x")")) ==
        "adapter_config.json: lora_alpha must be a number");
  CHECK(problem(config_with(R"("target_modules": [])")) ==
        "adapter_config.json: target_modules must be names, an expression or \"all-linear\"");
  CHECK(problem(config_with(R"("rank_pattern": {"(": 3})")).find("`(.*\\.)?(()`") == 0);
}
