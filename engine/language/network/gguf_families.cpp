#include "engine/language/network/gguf_families.hpp"

#include <algorithm>
#include <utility>

namespace hocket::language {
namespace {

using nlohmann::json;
using names = std::map<std::string, std::string, std::less<>>;
using key_names = std::initializer_list<std::pair<const char*, const char*>>;

/// What a layer's tensors are called here and there.
const names common_tensor_names{
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},       {"ffn_gate_inp", "mlp.gate"}};

void add_integers(const gguf_file& file, const std::string& prefix, json& object, key_names keys) {
  for (const auto& [gguf, key] : keys)
    if (const auto v = file.integer(prefix + gguf)) object[key] = *v;
}
bool has_tensor(const gguf_file& file, const char* end) {
  return std::ranges::any_of(file.tensors(), [&](const auto& t) { return t.name.ends_with(end); });
}
tl::unexpected<error> bad(const std::string& key, const std::string& why) {
  return fail("model.bad_config", key + ": " + why);
}
void move_key(json& object, const char* from, const char* to) {
  if (!object.contains(from)) return;
  object[to] = object[from];
  object.erase(from);
}

result<void> add_qwen3_moe(const gguf_file&, const std::string&, json& object) {
  object["norm_topk_prob"] = true;
  return {};
}

result<void> add_gpt_oss(const gguf_file&, const std::string&, json& object) {
  object["num_local_experts"] = object.value("num_experts", std::int64_t{0});
  object["intermediate_size"] = object.value("moe_intermediate_size", std::int64_t{0});
  if (object.contains("rope_scaling")) object["rope_scaling"]["truncate"] = false;
  return {};
}

result<void> add_gemma3(const gguf_file&, const std::string&, json& object) {
  // Only the 27 B model, of 62 layers, scales its queries by something else than their width.
  const bool largest = object["num_hidden_layers"] == 62;
  const auto heads = object["num_attention_heads"].get<std::int64_t>();
  object["query_pre_attn_scalar"] = !largest && object.contains("head_dim")
                                        ? object["head_dim"].get<std::int64_t>()
                                        : object["hidden_size"].get<std::int64_t>() / heads;
  return {};
}

/// A group of experts' keys that DeepSeek and Nemotron-H have.
void add_experts(const gguf_file& file, const std::string& prefix, json& object) {
  add_integers(file, prefix, object,
               {{"expert_count", "n_routed_experts"},
                {"expert_shared_count", "n_shared_experts"},
                {"expert_group_count", "n_group"},
                {"expert_group_used_count", "topk_group"}});
  object["norm_topk_prob"] = file.flag(prefix + "expert_weights_norm").value_or(false);
  if (const auto v = file.number(prefix + "expert_weights_scale"))
    object["routed_scaling_factor"] = *v;
}

/// DeepSeek V3 and Kimi K2. Their writers call latent attention one head of keys as wide as what is cached.
result<void> add_deepseek(const gguf_file& file, const std::string& prefix, json& object) {
  const auto gating = file.integer(prefix + "expert_gating_func").value_or(1);
  if (gating != 2)
    return bad(prefix + "expert_gating_func",
               std::to_string(gating) + " (DeepSeek V2) is not supported; 2, sigmoid, is");
  const auto turned = file.integer(prefix + "rope.dimension_count").value_or(0);
  // Files from before attention was kept narrow have no key of their own for whole heads.
  const auto first_of = [&](const char* newer, const char* older) {
    const auto v = file.integer(prefix + newer);
    return v ? *v : file.integer(prefix + older).value_or(0);
  };
  const auto key = first_of("attention.key_length_mla", "attention.key_length");
  if (turned < 2 || turned >= key || key > 256)
    return bad(prefix + "attention.key_length_mla",
               std::to_string(key) + ", with rope.dimension_count " + std::to_string(turned) +
                   ", is no head of latent attention of up to 256");
  add_integers(file, prefix, object,
               {{"attention.q_lora_rank", "q_lora_rank"},
                {"attention.kv_lora_rank", "kv_lora_rank"},
                {"leading_dense_block_count", "first_k_dense_replace"}});
  add_experts(file, prefix, object);
  object["qk_rope_head_dim"] = turned, object["qk_nope_head_dim"] = key - turned;
  object["v_head_dim"] = first_of("attention.value_length_mla", "attention.value_length");
  object.erase("head_dim"), object.erase("num_key_value_heads");
  // They write a tenth of mscale_all_dim, and nothing of mscale, which released models set to the same.
  if (const auto m = file.number(prefix + "rope.scaling.yarn_log_multiplier");
      m && object.contains("rope_scaling"))
    object["rope_scaling"]["mscale"] = object["rope_scaling"]["mscale_all_dim"] = *m * 10;
  return {};
}

result<void> add_nemotron(const gguf_file& file, const std::string& prefix, json& object) {
  if (const auto v = file.number(prefix + "attention.layer_norm_epsilon")) object["norm_eps"] = *v;
  object["mlp_bias"] = has_tensor(file, ".ffn_up.bias");
  const auto whole =
      object.value("head_dim", object["hidden_size"].get<std::int64_t>() /
                                   object["num_attention_heads"].get<std::int64_t>());
  const auto turned = file.integer(prefix + "rope.dimension_count").value_or(whole);
  if (turned < 2 || turned > whole || turned % 2 != 0)
    return bad(prefix + "rope.dimension_count",
               std::to_string(turned) + " is no even part of a head of " + std::to_string(whole));
  // Half a number more, for who reads it rounds down.
  object["partial_rotary_factor"] =
      (static_cast<double>(turned) + 0.5) / static_cast<double>(whole);
  if (turned == whole) object["partial_rotary_factor"] = 1;
  return {};
}

/// The order of layers from two lists: heads of keys, and widths of feed-forwards.
result<std::string> order_of(const gguf_file& file, const std::string& prefix, std::size_t layers,
                             char feed, json& object) {
  const auto* heads = file.numbers(prefix + "attention.head_count_kv");
  const auto* widths = file.numbers(prefix + "feed_forward_length");
  for (const auto& [list, key] :
       {std::pair{heads, "attention.head_count_kv"}, std::pair{widths, "feed_forward_length"}})
    if (!list || list->count < layers)
      return bad(prefix + key, "is no list of a number for each layer");
  std::string order;
  std::int64_t most_heads = 0, most_width = 0;
  for (std::size_t i = 0; i < layers; ++i) {
    const auto h = heads->integer_at(i), w = widths->integer_at(i);
    if (h > 0 && w > 0)
      return bad(prefix + "feed_forward_length",
                 "layer " + std::to_string(i) + " has attention, too; that is not supported here");
    order += h > 0 ? '*' : w > 0 ? feed : 'M';
    most_heads = std::max(most_heads, h), most_width = std::max(most_width, w);
  }
  if (most_heads > 0) object["num_key_value_heads"] = most_heads;
  object["intermediate_size"] = std::max<std::int64_t>(1, most_width);
  return order;
}

result<void> add_nemotron_h(const gguf_file& file, const std::string& prefix, json& object) {
  const auto sparse = file.integer(prefix + "expert_count").value_or(0) > 0;
  // Layers that predict further tokens come last, and are not read.
  const auto all = object["num_hidden_layers"].get<std::int64_t>(),
             further = file.integer(prefix + "nextn_predict_layers").value_or(0);
  if (further < 0 || further >= all)
    return bad(prefix + "nextn_predict_layers",
               "is no part of the " + std::to_string(all) + " layers");
  const auto layers = all - further;
  object["num_hidden_layers"] = layers;
  const auto order =
      order_of(file, prefix, static_cast<std::size_t>(layers), sparse ? 'E' : '-', object);
  if (!order) return fail(order);
  object["hybrid_override_pattern"] = *order;
  move_key(object, "rms_norm_eps", "layer_norm_epsilon");
  add_integers(file, prefix, object,
               {{"ssm.conv_kernel", "conv_kernel"},
                {"ssm.state_size", "ssm_state_size"},
                {"ssm.time_step_rank", "mamba_num_heads"},
                {"ssm.group_count", "n_groups"},
                {"moe_latent_size", "moe_latent_size"},
                {"expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size"}});
  const auto inner = file.integer(prefix + "ssm.inner_size").value_or(0);
  const auto heads = object.value("mamba_num_heads", std::int64_t{0});
  if (heads < 1 || inner < heads || inner % heads != 0)
    return bad(prefix + "ssm.inner_size", std::to_string(inner) + " is no multiple of the " +
                                              std::to_string(heads) + " of ssm.time_step_rank");
  object["mamba_head_dim"] = inner / heads;
  object["use_conv_bias"] = has_tensor(file, ".ssm_conv1d.bias");
  object["use_bias"] = has_tensor(file, ".ssm_in.bias");
  object["mlp_bias"] = has_tensor(file, ".ffn_up.bias");
  object["attention_bias"] = has_tensor(file, ".attn_output.bias");
  if (sparse) add_experts(file, prefix, object);
  return {};
}

const gguf_family deepseek_files{.model_type = "deepseek_v3",
                                 .names = {{"attn_q_a", "self_attn.q_a_proj"},
                                           {"attn_q_a_norm", "self_attn.q_a_layernorm"},
                                           {"attn_q_b", "self_attn.q_b_proj"},
                                           {"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
                                           {"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
                                           {"attn_kv_b", "self_attn.kv_b_proj"},
                                           {"attn_k_b", "self_attn.k_b_proj"},
                                           {"attn_v_b", "self_attn.v_b_proj"},
                                           {"exp_probs_b", "mlp.gate.e_score_correction_bias="},
                                           {"ffn_gate_shexp", "mlp.shared_experts.gate_proj"},
                                           {"ffn_up_shexp", "mlp.shared_experts.up_proj"},
                                           {"ffn_down_shexp", "mlp.shared_experts.down_proj"}},
                                 .add = add_deepseek,
                                 .own_rotation = true};
const gguf_family nemotron_h_files{.model_type = "nemotron_h",
                                   .names = {{"attn_norm", "norm"},
                                             {"attn_q", "mixer.q_proj"},
                                             {"attn_k", "mixer.k_proj"},
                                             {"attn_v", "mixer.v_proj"},
                                             {"attn_output", "mixer.o_proj"},
                                             {"ffn_up", "mixer.up_proj"},
                                             {"ffn_down", "mixer.down_proj"},
                                             {"ffn_gate_inp", "mixer.gate"},
                                             {"exp_probs_b", "mixer.gate.e_score_correction_bias="},
                                             {"ffn_up_shexp", "mixer.shared_experts.up_proj"},
                                             {"ffn_down_shexp", "mixer.shared_experts.down_proj"},
                                             {"ssm_in", "mixer.in_proj"},
                                             {"ssm_conv1d", "mixer.conv1d"},
                                             {"ssm_dt", "mixer.dt_bias="},
                                             {"ssm_a", "mixer.A="},
                                             {"ssm_d", "mixer.D="},
                                             {"ssm_norm", "mixer.norm"},
                                             {"ssm_out", "mixer.out_proj"}},
                                   .layers = "backbone.layers.",
                                   .feed = "mixer.",
                                   .table = "backbone.embeddings",
                                   .norm = "backbone.norm_f",
                                   .add = add_nemotron_h,
                                   .own_rotation = true};

const std::map<std::string, gguf_family, std::less<>> gguf_families{
    {"llama", {.model_type = "llama"}},
    {"qwen2", {.model_type = "qwen2"}},
    {"qwen3", {.model_type = "qwen3"}},
    {"qwen3moe", {.model_type = "qwen3_moe", .add = add_qwen3_moe}},
    {"gpt-oss",
     {.model_type = "gpt_oss",
      .names = {{"post_attention_norm", "post_attention_layernorm"},
                {"ffn_gate_inp", "mlp.router"},
                {"attn_sinks", "self_attn.sinks="}},
      .add = add_gpt_oss}},
    {"gemma3",
     {.model_type = "gemma3_text",
      .names = {{"post_attention_norm", "post_attention_layernorm"},
                {"ffn_norm", "pre_feedforward_layernorm"},
                {"post_ffw_norm", "post_feedforward_layernorm"}},
      .add = add_gemma3}},
    {"deepseek2", deepseek_files},
    {"nemotron", {.model_type = "nemotron", .add = add_nemotron, .own_rotation = true}},
    {"nemotron_h", nemotron_h_files},
    {"nemotron_h_moe", nemotron_h_files}};

}  // namespace

std::string gguf_family::name_of(std::string_view part, const std::string& end) const {
  auto found = names.find(part);
  if (found == names.end()) {
    found = common_tensor_names.find(part);
    if (found == common_tensor_names.end()) return "";
  }
  const auto& name = found->second;
  return name.ends_with('=') ? name.substr(0, name.size() - 1) : name + end;
}

const gguf_family* gguf_family_of(std::string_view architecture) {
  const auto found = gguf_families.find(architecture);
  return found == gguf_families.end() ? nullptr : &found->second;
}

std::string gguf_architectures() {
  std::string all;
  for (const auto& [name, family] : gguf_families) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace hocket::language
