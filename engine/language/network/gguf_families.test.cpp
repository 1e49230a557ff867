// GGUF files of DeepSeek V3, Nemotron and Nemotron-H, laid out as llama.cpp's converter does it, give the logits
// of the checkpoints; what contradicts itself is named.
#include "engine/language/network/gguf_families.hpp"

#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "engine/language/network/gguf_fixture.test.hpp"

using namespace hocket::language::gguf_fixture;
using namespace hocket::language;

namespace {

std::vector<float> scores_of_config(const fixture& f, const std::vector<stored_weights>& tensors) {
  const auto model = language_model::build(f.config, tensors);
  REQUIRE_MESSAGE(model, model.error().message);
  language_sequence s(*model);
  const reading all{&s, f.tokens, scores_of::every};
  auto out = read_batch({&all, 1});
  REQUIRE(out);
  return (*out)[0];
}

/// All experts' matrices in one tensor of each kind; true for what becomes of it.
bool stack_experts(gguf_writer& w, const fixture& f, const std::string& name, int experts,
                   const std::vector<std::int64_t>& shape) {
  const auto at = name.find(".experts.");
  if (at == std::string::npos) return false;
  if (name.substr(at + 9, 2) != "0.") return true;
  const auto end = name.substr(at + 11);  // "up_proj.weight"
  std::vector<float> all;
  for (int e = 0; e < experts; ++e) {
    const auto& one = f.values.at(name.substr(0, at + 9) + std::to_string(e) + "." + end);
    all.insert(all.end(), one.begin(), one.end());
  }
  const auto layer = name.substr(name.find(".layers.") + 8, 1);
  w.add_tensor("blk." + layer + ".ffn_" + end.substr(0, end.find('_')) + "_exps.weight", f32,
               {static_cast<std::uint64_t>(shape[1]), static_cast<std::uint64_t>(shape[0]),
                static_cast<std::uint64_t>(experts)},
               as_bytes(all));
  return true;
}

/// What makes keys and values apart: the first turned round, head by head.
bool split_latent(gguf_writer& w, const std::string& name, const std::vector<float>& values) {
  const auto at = name.find(".self_attn.kv_b_proj.");
  if (at == std::string::npos) return false;
  constexpr int heads = 4, plain = 8, value = 12, rank = 16;
  std::vector<float> k, v;
  for (int h = 0; h < heads; ++h) {
    const float* rows = values.data() + h * (plain + value) * rank;
    for (int r = 0; r < rank; ++r)
      for (int i = 0; i < plain; ++i) k.push_back(rows[i * rank + r]);
    v.insert(v.end(), rows + plain * rank, rows + (plain + value) * rank);
  }
  const auto layer = "blk." + name.substr(13, at - 13);
  w.add_tensor(layer + ".attn_k_b.weight", f32, {plain, rank, heads}, as_bytes(k));
  w.add_tensor(layer + ".attn_v_b.weight", f32, {rank, value, heads}, as_bytes(v));
  return true;
}

struct deepseek_values {
  std::uint32_t gating = 2;
  std::string scaling = "yarn";
  float factor = 4, gain = 0.08f, slow = 0.04f;
};

/// `absorbed`: as it is written since attention is kept narrow, else as before.
std::string deepseek(const fixture& f, bool absorbed, const deepseek_values& v = {}) {
  gguf_writer w;
  const auto add = [&](const char* key, std::uint32_t n) {
    w.add("deepseek2." + std::string(key), n);
  };
  w.add("general.architecture", "deepseek2");
  add("block_count", 3), add("embedding_length", 48), add("feed_forward_length", 80);
  add("context_length", 128), add("attention.head_count", 4);
  add("attention.head_count_kv", absorbed ? 1 : 4);
  add("attention.key_length", absorbed ? 16 + 8 : 8 + 8);
  add("attention.value_length", absorbed ? 16 : 12);
  if (absorbed) add("attention.key_length_mla", 16), add("attention.value_length_mla", 12);
  add("attention.q_lora_rank", 24), add("attention.kv_lora_rank", 16);
  add("rope.dimension_count", 8), add("leading_dense_block_count", 1);
  add("expert_count", 8), add("expert_used_count", 3), add("expert_shared_count", 2);
  add("expert_feed_forward_length", 16), add("expert_group_count", 4);
  add("expert_group_used_count", 2), add("expert_gating_func", v.gating);
  w.add("deepseek2.expert_weights_norm", true);
  w.add("deepseek2.expert_weights_scale", 2.5f);
  w.add("deepseek2.attention.layer_norm_rms_epsilon", 1e-6f);
  w.add("deepseek2.rope.freq_base", 1e4f);
  w.add("deepseek2.rope.scaling.type", v.scaling);
  w.add("deepseek2.rope.scaling.factor", v.factor);
  w.add("deepseek2.rope.scaling.yarn_beta_fast", 0.4f);
  w.add("deepseek2.rope.scaling.yarn_beta_slow", v.slow);
  w.add("deepseek2.rope.scaling.original_context_length", std::uint32_t{32});
  w.add("deepseek2.rope.scaling.yarn_log_multiplier", v.gain);
  auto names = common_names;
  names.insert(names.begin(), {{"self_attn.q_a_proj", "attn_q_a"},
                               {"self_attn.q_a_layernorm", "attn_q_a_norm"},
                               {"self_attn.q_b_proj", "attn_q_b"},
                               {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
                               {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
                               {"self_attn.kv_b_proj", "attn_kv_b"},
                               {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
                               {"mlp.gate.weight", "ffn_gate_inp.weight"},
                               {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
                               {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
                               {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
                               {"post_attention_layernorm", "ffn_norm"}});
  add_tensors(w, f, names, [&](auto& to, const auto& name, const auto& values, const auto& shape) {
    return stack_experts(to, f, name, 8, shape) || (absorbed && split_latent(to, name, values));
  });
  return w.bytes();
}

/// The error of a file's config; empty where it is read.
std::string refusal(const std::string& bytes) {
  const auto file =
      gguf_file::parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "test");
  REQUIRE_MESSAGE(file, file.error().message);
  const auto config = read_network_config(*file);
  return config ? "" : config.error().message;
}

struct hybrid {
  std::vector<std::int32_t> kv_heads{0, 0, 2, 0}, widths{0, 0, 0, 16};
  std::uint32_t inner = 48, latent = 0;
  bool sparse = true;  ///< its feed-forwards are experts
};

std::string nemotron_h(const fixture& f, const std::vector<stored_weights>& tensors,
                       const hybrid& h) {
  gguf_writer w;
  const std::string name = h.sparse ? "nemotron_h_moe" : "nemotron_h";
  const auto add = [&](const char* key, std::uint32_t n) { w.add(name + "." + key, n); };
  w.add("general.architecture", name);
  add("block_count", static_cast<std::uint32_t>(h.kv_heads.size()));
  add("embedding_length", 48), add("context_length", 128);
  add("attention.head_count", 4), add("attention.key_length", 16);
  w.add_list(name + ".attention.head_count_kv", h.kv_heads);
  w.add_list(name + ".feed_forward_length", h.widths);
  add("ssm.conv_kernel", 4), add("ssm.state_size", 16), add("ssm.inner_size", h.inner);
  add("ssm.time_step_rank", 6), add("ssm.group_count", 2);
  if (h.sparse) {
    add("expert_count", 6), add("expert_used_count", 2), add("expert_feed_forward_length", 16);
    add("expert_shared_feed_forward_length", 24), add("expert_shared_count", 1);
    add("expert_group_count", 2), add("expert_group_used_count", 1);
    w.add(name + ".expert_weights_norm", true);
    w.add(name + ".expert_weights_scale", 2.5f);
  }
  if (h.latent > 0) add("moe_latent_size", h.latent);
  w.add(name + ".attention.layer_norm_rms_epsilon", 1e-5f);
  const std::vector<std::pair<std::string, std::string>> names{
      {"backbone.embeddings", "token_embd"},
      {"backbone.norm_f", "output_norm"},
      {"lm_head", "output"},
      {"mixer.in_proj", "ssm_in"},
      {"mixer.out_proj", "ssm_out"},
      {"mixer.conv1d.bias", "ssm_conv1d.bias"},
      {"mixer.dt_bias", "ssm_dt.bias"},
      {"mixer.q_proj", "attn_q"},
      {"mixer.k_proj", "attn_k"},
      {"mixer.v_proj", "attn_v"},
      {"mixer.o_proj", "attn_output"},
      {"mixer.gate.e_score_correction_bias", "exp_probs_b.bias"},
      {"mixer.gate", "ffn_gate_inp"},
      {"mixer.shared_experts.up_proj", "ffn_up_shexp"},
      {"mixer.shared_experts.down_proj", "ffn_down_shexp"},
      {"mixer.up_proj", "ffn_up"},
      {"mixer.down_proj", "ffn_down"}};
  for (const auto& t : tensors) {
    if (stack_experts(w, f, t.name, 6, t.shape)) continue;
    auto values = f.values.at(t.name);
    std::vector<std::uint64_t> shape(t.shape.rbegin(), t.shape.rend());
    auto to = t.name;
    if (to.starts_with("backbone.layers.")) to = "blk." + to.substr(16);
    const auto becomes = [&](const char* end, const char* theirs, std::vector<std::uint64_t> as) {
      const auto at = to.find(end);
      if (at == std::string::npos) return false;
      to.replace(at, std::string::npos, theirs);
      shape = std::move(as);
      return true;
    };
    if (becomes("mixer.A_log", "ssm_a", {1, 6}))
      for (auto& v : values) v = -std::exp(v);
    else if (!becomes("mixer.D", "ssm_d", {1, 6}) &&
             !becomes("mixer.norm.weight", "ssm_norm.weight", {24, 2}) &&
             !becomes("mixer.conv1d.weight", "ssm_conv1d.weight", {4, 112}) &&
             !(to.starts_with("blk.") && becomes("norm.weight", "attn_norm.weight", {48})))
      for (const auto& [ours, theirs] : names)
        if (const auto at = to.find(ours); at != std::string::npos) {
          to.replace(at, ours.size(), theirs);
          break;
        }
    w.add_tensor(to, f32, shape, as_bytes(values));
  }
  return w.bytes();
}

/// The fixture without one of its layers: its config and values, and its tensors under their new names.
std::pair<fixture, std::vector<stored_weights>> nemotron_h_without(int layer) {
  auto f = load("nemotron_h");
  auto& layers = f.config.trunk.layers;
  layers.erase(layers.begin() + layer);
  for (auto& l : layers)
    if (l.mixer == hocket::engine::mixer_kind::state_space) l.state_space.least_step = 0.001;
  std::vector<stored_weights> kept;
  std::map<std::string, std::vector<float>> values;
  for (auto t : f.file.tensors()) {
    if (t.name.starts_with("parity.")) continue;
    const auto value = f.values.at(t.name);
    if (t.name.starts_with("backbone.layers.")) {
      auto& digit = t.name[16];
      if (digit == '0' + layer) continue;
      if (digit > '0' + layer) --digit;
    }
    values[t.name] = value;
    kept.push_back(std::move(t));
  }
  f.values = std::move(values);
  return {std::move(f), std::move(kept)};
}

}  // namespace

TEST_CASE("a GGUF file of DeepSeek V3: latent attention whole and apart, groups of experts, YaRN") {
  auto f = load("deepseek_v3");
  auto told = nlohmann::json::parse(f.file.metadata().at("config"));
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (told.contains(key)) told[key]["beta_fast"] = 0.4, told[key]["beta_slow"] = 0.04;
  const auto fast = read_network_config(told.dump());
  REQUIRE_MESSAGE(fast, fast.error().message);
  CHECK(fast->trunk.rotary[0].frequency != f.config.trunk.rotary[0].frequency);
  f.config = *fast;
  f.config.trunk.rotary[0].gain = 1;  // the files tell mscale_all_dim alone
  const auto want = scores_of_config(f, f.file.tensors());
  for (const bool absorbed : {false, true}) {
    CAPTURE(absorbed);
    const double error = largest_difference(scores_of_file(deepseek(f, absorbed), f.tokens), want);
    MESSAGE("largest difference of a logit " << error);
    CHECK(error < 1e-4);
  }
  CHECK(refusal(deepseek(f, true, {.gating = 1})) ==
        "deepseek2.expert_gating_func: 1 (DeepSeek V2) is not supported; 2, sigmoid, is");
  CHECK(refusal(deepseek(f, true, {.scaling = "\xff"})).find("rope_scaling: `") !=
        std::string::npos);
  CHECK(refusal(deepseek(f, true, {.factor = INFINITY})) ==
        "deepseek2.rope.scaling.factor: no finite number");
  CHECK(refusal(deepseek(f, true, {.slow = NAN})) ==
        "deepseek2.rope.scaling.yarn_beta_slow: no finite number");
  CHECK(refusal(deepseek(f, true, {.gain = INFINITY}))
            .starts_with("the model's config: rope_scaling/mscale"));
}

TEST_CASE("a GGUF file of Nemotron: layer norms, squared ReLU, heads that turn in part") {
  auto f = load("nemotron");
  const auto written = [&](std::uint32_t turned) {
    gguf_writer w;
    add_sizes(w, f, "nemotron");
    w.add("nemotron.attention.layer_norm_epsilon", 1e-5f);
    w.add("nemotron.rope.freq_base", 1e4f);
    w.add("nemotron.rope.dimension_count", turned);
    w.add("nemotron.rope.scaling.type", "none");
    auto names = common_names;
    names.emplace_back("post_attention_layernorm", "ffn_norm");
    auto whole = load("nemotron");
    for (auto& [name, values] : whole.values)
      if (name.ends_with("norm.weight"))
        for (auto& v : values) v += 1;
    add_tensors(w, whole, names);
    return w.bytes();
  };
  const double error = largest_difference(scores_of_file(written(8), f.tokens), f.logits);
  MESSAGE("largest difference of a logit " << error);
  CHECK(error < 1e-4);
  for (const std::uint32_t wrong : {0, 1, 7, 18})
    CHECK(refusal(written(wrong)).starts_with("nemotron.rope.dimension_count: "));
}

TEST_CASE(
    "a GGUF file of Nemotron-H: the order of layers from its lists, decays, columns, experts") {
  // In such a file either all feed-forwards have experts or none: the fixture has one of each.
  const auto [dense_model, dense] = nemotron_h_without(4);
  const auto width = dense_model.config.trunk.layers[1].feed_forward.width;
  const hybrid dense_lists{.kv_heads = {0, 0, 0, 2}, .widths = {0, width, 0, 0}, .sparse = false};
  const auto [f, kept] = nemotron_h_without(1);
  for (const auto& [model, tensors, lists] :
       {std::tuple{&f, &kept, hybrid()}, std::tuple{&dense_model, &dense, dense_lists}}) {
    const bool sparse = lists.sparse;
    CAPTURE(sparse);
    const double error =
        largest_difference(scores_of_file(nemotron_h(*model, *tensors, lists), model->tokens),
                           scores_of_config(*model, *tensors));
    MESSAGE("largest difference of a logit " << error);
    CHECK(error < 1e-4);
  }
  CHECK(refusal(nemotron_h(f, kept, {.kv_heads = {0, 0, 2}}))
            .starts_with("nemotron_h_moe.block_count: 3, but there is blk.3."));
  CHECK(refusal(nemotron_h(f, kept, {.widths = {0, 0}})) ==
        "nemotron_h_moe.feed_forward_length: is no list of a number for each layer");
  CHECK(
      refusal(nemotron_h(f, kept, {.widths = {0, 0, 9, 16}})) ==
      "nemotron_h_moe.feed_forward_length: layer 2 has attention, too; that is not supported here");
  CHECK(refusal(nemotron_h(f, kept, {.inner = 47}))
            .starts_with("nemotron_h_moe.ssm.inner_size: 47 is no multiple of the 6"));
  CHECK(refusal(nemotron_h(f, kept, {.latent = 8})).find("moe_latent_size: is not supported") !=
        std::string::npos);
}
