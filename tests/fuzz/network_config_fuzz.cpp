#include <cmath>

#include "engine/language/files/gguf_writer.hpp"
#include "engine/language/network/gguf.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a byte that says what follows: a config.json, or a GGUF file with metadata and tensors.
namespace hocket::fuzz {
namespace {

using language::gguf_file, language::gguf_writer;
using decoder = language::network_config;

bool within(std::int64_t n, std::int64_t low, std::int64_t high) { return n >= low && n <= high; }
bool is_sound(double x) { return std::isfinite(x) && x > 0; }

void check(const engine::attention_config& a, std::size_t rotaries) {
  HOCKET_ASSERT(within(a.kv_heads, 1, 4096) && a.heads % a.kv_heads == 0);
  HOCKET_ASSERT(within(a.head_dim, 2, 256) && within(a.values(), 1, 256));
  HOCKET_ASSERT(within(a.rotary, -1, static_cast<std::int64_t>(rotaries) - 1));
  HOCKET_ASSERT(a.window >= 0 && a.relative_extent >= 0 && a.relative_rank >= 0);
  HOCKET_ASSERT(std::isfinite(a.scale) && a.scale >= 0 && std::isfinite(a.softcap));
  HOCKET_ASSERT(a.qkv_width() > 0 && a.out_width() > 0);
}

void check(const engine::feed_forward_config& f) {
  const auto& e = f.experts;
  HOCKET_ASSERT(within(f.width, 0, 1 << 24) && within(e.count, 0, 4096));
  if (e.count == 0) return;
  HOCKET_ASSERT(f.width > 0 && within(e.chosen, 1, e.count) && is_sound(e.scale));
  HOCKET_ASSERT(e.count % e.groups == 0 && within(e.groups_chosen, 1, e.groups));
  HOCKET_ASSERT(e.chosen <= e.count / e.groups * e.groups_chosen);
}

void check(const engine::state_space_config& s) {
  HOCKET_ASSERT(s.heads > 0 && s.heads % s.groups == 0 && s.kernel > 0);
  HOCKET_ASSERT(within(s.state_size(), 1, 1 << 26) && s.row_width() > 0);
  HOCKET_ASSERT(std::isfinite(s.least_step));
}

/// What was accepted is a network that can be built: nothing to divide by is nothing, no index leads out.
void use(const decoder& c) {
  const auto& t = c.trunk;
  const auto layers = static_cast<std::int64_t>(t.layers.size());
  HOCKET_ASSERT(within(layers, 1, 4096) && within(t.width, 1, 1 << 24));
  HOCKET_ASSERT(within(c.vocabulary, 1, 1 << 24) && within(c.table_rows, 0, 1 << 24));
  HOCKET_ASSERT(is_sound(t.norm_epsilon) && is_sound(c.logit_scale) && is_sound(c.embedding_scale));
  HOCKET_ASSERT(within(t.context, 1, 1 << 24));
  for (const auto& r : t.rotary) {
    HOCKET_ASSERT(r.frequency.size() <= 128 && is_sound(r.gain));
    for (const double f : r.frequency) HOCKET_ASSERT(is_sound(f));
  }
  for (const auto& l : t.layers) {
    if (l.mixer == engine::mixer_kind::attention) check(l.attention, t.rotary.size());
    if (l.mixer == engine::mixer_kind::state_space) check(l.state_space);
    check(l.feed_forward);
  }
  HOCKET_ASSERT(t.depth.layers >= 0 && t.loop.passes >= 1);
  HOCKET_ASSERT(within(t.loop.begin, 0, layers) && within(t.loop.end, t.loop.begin, layers));
  HOCKET_ASSERT(t.memories().size() <= 64 * static_cast<std::size_t>(layers));
}

void take(const result<decoder>& config) {
  if (config) return use(*config);
  HOCKET_ASSERT(config.error().code.starts_with("model.") && !config.error().message.empty());
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::string text(bytes.begin() + 1, bytes.end());
  if (bytes[0] != 'g') return take(language::read_network_config(text));
  const auto file = gguf_file::parse(std::as_bytes(std::span(text)), "fuzz.gguf");
  if (!file) return;
  take(language::read_network_config(*file));
  for (const auto& t : language::checkpoint_tensors(*file))
    HOCKET_ASSERT(!t.name.empty() && !t.shape.empty());
}

/// Two layers of an architecture with what else its files say.
gguf_writer small(const std::string& architecture) {
  const auto key = [&](const char* name) { return architecture + "." + name; };
  gguf_writer w;
  w.add("general.architecture", architecture);
  for (const auto& [name, value] : {std::pair{"block_count", 2u},
                                    {"embedding_length", 8u},
                                    {"feed_forward_length", 16u},
                                    {"attention.head_count", 2u},
                                    {"attention.head_count_kv", 1u},
                                    {"context_length", 64u}})
    w.add(key(name), value);
  w.add(key("attention.layer_norm_rms_epsilon"), 1e-6f);
  w.add(key("rope.freq_base"), 1e4f);
  w.add_tensor("token_embd.weight", 0, {8, 3}, std::string(96, '\1'));
  return w;
}

std::string of_llama() {
  auto w = small("llama");
  w.add("llama.rope.scaling.type", "yarn");
  w.add("llama.rope.scaling.factor", 4.0f);
  w.add_tensor("rope_freqs.weight", 0, {2}, std::string("\0\0\x80\x3f\0\0\0\x40", 8));
  w.add_tensor("blk.0.attn_q.weight", 0, {8, 8}, std::string(256, '\1'));
  return w.bytes();
}

std::string of_experts() {
  auto w = small("deepseek2");
  for (const auto& [name, value] : {std::pair{"expert_count", 4u},
                                    {"expert_used_count", 2u},
                                    {"expert_feed_forward_length", 4u},
                                    {"expert_shared_count", 1u},
                                    {"expert_group_count", 2u},
                                    {"expert_group_used_count", 1u},
                                    {"expert_gating_func", 2u},
                                    {"attention.kv_lora_rank", 4u},
                                    {"attention.key_length", 6u},
                                    {"attention.value_length", 4u},
                                    {"rope.dimension_count", 2u}})
    w.add("deepseek2." + std::string(name), value);
  w.add_tensor("blk.1.ffn_up_exps.weight", 0, {8, 4, 4}, std::string(512, '\1'));
  return w.bytes();
}

/// One of each family, with the keys that it alone has.
std::vector<std::string> seeds() {
  const std::string sizes =
      R"("num_hidden_layers":2,"vocab_size":96,"hidden_size":48,"num_attention_heads":4,)"
      R"("num_key_value_heads":2,"head_dim":16,"intermediate_size":80,"rms_norm_eps":1e-6,)"
      R"("max_position_embeddings":128,)";
  const std::string experts = R"("num_experts_per_tok":2,"moe_intermediate_size":16,)";
  const std::string inkling =
      R"("d_rel":3,"rel_extent":11,"n_routed_experts":4,"sliding_window_size":8,"route_scale":2.5,)"
      R"("unpadded_vocab_size":90,"log_scaling_n_floor":6,"swa_head_dim":8,"conv_kernel_size":4,)"
      R"("layer_types":["hybrid_sliding","hybrid"],)";
  const auto config = [&](const std::string& more, const char* type) {
    return "j{" + sizes + more + R"("model_type":")" + type + "\"}";
  };
  const auto hybrid = [&](const std::string& layers) {
    return config(
        experts + R"("hybrid_override_pattern":")" + layers +
            R"(","mamba_num_heads":6,"mamba_head_dim":8,"ssm_state_size":16,"n_groups":2,)"
            R"("n_routed_experts":4,"moe_shared_expert_intermediate_size":24,)",
        "nemotron_h");
  };
  return {
      config(R"("rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,)"
             R"("high_freq_factor":4,"original_max_position_embeddings":32},"rope_theta":5e5,)",
             "llama"),
      config(R"("sliding_window":8,)", "mistral"),
      config(R"("use_sliding_window":true,"sliding_window":8,"max_window_layers":1,)", "qwen2"),
      config(experts + R"("num_experts":4,"mlp_only_layers":[1],"norm_topk_prob":true,)",
             "qwen3_moe"),
      config(R"("num_local_experts":4,"num_experts_per_tok":2,"sliding_window":8,"swiglu_limit":7,)"
             R"("layer_types":["sliding_attention","full_attention"],"rope_scaling":{"factor":4,)"
             R"("rope_type":"yarn","beta_fast":32,"beta_slow":1,"truncate":false},)",
             "gpt_oss"),
      config(experts + R"("n_routed_experts":8,"n_shared_experts":2,"n_group":4,"topk_group":2,)"
                       R"("kv_lora_rank":16,"q_lora_rank":24,"qk_nope_head_dim":8,"v_head_dim":12,)"
                       R"("qk_rope_head_dim":8,"first_k_dense_replace":1,"rope_parameters":{)"
                       R"("rope_type":"yarn","factor":4,"mscale":1,"mscale_all_dim":0.8},)",
             "deepseek_v3"),
      config(R"("partial_rotary_factor":0.5,"norm_eps":1e-5,"hidden_act":"relu2",)", "nemotron"),
      hybrid("M*"),
      hybrid("-E"),
      config(R"("sliding_window":8,"query_pre_attn_scalar":24,"rope_local_base_freq":1e4,)"
             R"("final_logit_softcapping":30,"sliding_window_pattern":2,)",
             "gemma3_text"),
      config(experts + inkling + R"("dense_mlp_idx":1,"n_shared_experts":2,)", "inkling_text"),
      config(experts + inkling + R"("n_layers_per_attn_res_block":1,)", "inkling2_text"),
      config(experts + inkling +
                 R"("n_layers_per_attn_res_block":1,"loop_layer_index_start":1,)"
                 R"("loop_layer_index_end":2,"loop_num_passes":3,"loop_gate_rank":5,)",
             "inkling2_loop_text"),
      "g" + of_llama(),
      "g" + of_experts()};
}

}  // namespace

extern const target network_config;
const target network_config = {"network_config", run, seeds};

}  // namespace hocket::fuzz
