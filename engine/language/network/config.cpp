#include "engine/language/network/config.hpp"

#include <cmath>
#include <functional>
#include <map>
#include <vector>

#include "engine/language/files/strict_json.hpp"
#include "engine/language/network/config_values.hpp"

namespace hocket::language {
namespace {

using engine::attention_config;
using engine::feed_forward_config;
using engine::rotary_config;

/// Rotary embedding of `dims` numbers from the keys `rope_theta` and `rope_scaling`, or the newer
/// `rope_parameters`, in `v`.
rotary_config read_rotary(values& v, int dims, double default_base, double positions) {
  static const json nothing = json::object();
  const bool newer = v.has("rope_parameters") && v.at("rope_parameters").is_object();
  const json& scaling = newer ? v.at("rope_parameters")
                        : v.has("rope_scaling") && v.at("rope_scaling").is_object()
                            ? v.at("rope_scaling")
                            : nothing;
  values s(scaling);
  const double base =
      newer && s.has("rope_theta") ? s.number("rope_theta") : v.number("rope_theta", default_base);
  if (!(base > 1)) v.note("rope_theta", "is not above 1");
  rotary_config r;
  r.frequency = engine::rotary_frequencies(base, dims);
  const auto kind = s.text("rope_type", s.text("type", "default"));
  const double original = s.number("original_max_position_embeddings", positions);
  if (kind == "linear") {
    for (double& f : r.frequency) f /= s.number("factor");
  } else if (kind == "llama3") {
    engine::scale_frequencies(
        r.frequency, {s.number("factor"), s.number("low_freq_factor"), s.number("high_freq_factor"),
                      s.number("original_max_position_embeddings")});
  } else if (kind == "yarn") {
    const double factor = s.number("factor");
    engine::scale_frequencies(r.frequency, base,
                              {factor, original, s.number("beta_fast", 32),
                               s.number("beta_slow", 1), s.flag("truncate", true)});
    const double m = s.number("mscale", 0), all = s.number("mscale_all_dim", 0);
    r.gain = s.has("attention_factor") ? s.number("attention_factor")
             : m != 0 && all != 0 ? engine::yarn_gain(factor, m) / engine::yarn_gain(factor, all)
                                  : engine::yarn_gain(factor);
  } else if (kind != "default") {
    v.note("rope_scaling", "`" + kind + "` is not supported; linear, llama3 and yarn are");
  }
  if (!s.problem.empty()) v.note("rope_scaling", s.problem);
  bool sound = std::isfinite(r.gain) && r.gain > 0;
  for (const double f : r.frequency) sound = sound && std::isfinite(f) && f > 0;
  if (!sound) v.note("rope_scaling", "no sound frequencies come of it");
  return r;
}

/// The window of layer i: `layer_types` where the file has it, else every layer that `slides` says.
std::function<bool(int)> sliding_layers(values& v, int layers, std::function<bool(int)> slides) {
  if (!v.has("layer_types")) return slides;
  const json& types = v.at("layer_types");
  if (!types.is_array() || static_cast<int>(types.size()) != layers) {
    v.note("layer_types", "is no list of num_hidden_layers entries");
    return slides;
  }
  std::vector<bool> slide;
  for (const auto& t : types) {
    if (t != "sliding_attention" && t != "full_attention")
      v.note("layer_types", t.dump() + " is not supported");
    slide.push_back(t == "sliding_attention");
  }
  return [slide](int i) { return slide[i]; };
}

void windows(values& v, draft& d, bool on, const std::function<bool(int)>& slides) {
  if (!on || !v.has("sliding_window")) return;
  const int window = v.size("sliding_window");
  d.per_layer = [window, is_sliding = sliding_layers(v, d.layers, slides)](
                    int i, engine::layer_config& layer) {
    if (is_sliding(i)) layer.attention.window = window;
  };
}

void read_experts(values& v, draft& d, const char* count, const char* width) {
  auto& e = d.feed.experts;
  e.count = static_cast<int>(v.integer(count, 1, 4096));
  e.chosen = v.size("num_experts_per_tok");
  if (e.chosen > e.count) v.note("num_experts_per_tok", "is more than there are experts");
  d.feed.width = v.size(width);
}

void llama(values& v, draft& d) {
  d.attention.bias = d.attention.out_bias = v.flag("attention_bias", false);
  d.feed.bias = v.flag("mlp_bias", false);
}
void mistral(values& v, draft& d) {
  windows(v, d, true, [](int) { return true; });
}
void qwen2(values& v, draft& d) {
  d.attention.bias = true;
  const auto from = v.integer("max_window_layers", 0, 1 << 20, 0);
  windows(v, d, v.flag("use_sliding_window", false), [from](int i) { return i >= from; });
}
void qwen3(values& v, draft& d) {
  d.attention.bias = d.attention.out_bias = v.flag("attention_bias", false);
  d.attention.qk_norm = true;
  const auto from = v.integer("max_window_layers", 0, 1 << 20, 0);
  windows(v, d, v.flag("use_sliding_window", false), [from](int i) { return i >= from; });
}
void qwen3_moe(values& v, draft& d) {
  qwen3(v, d);
  const int dense = d.feed.width;
  read_experts(v, d, v.has("num_experts") ? "num_experts" : "num_local_experts",
               "moe_intermediate_size");
  d.feed.experts.normalise = v.flag("norm_topk_prob", false);
  const auto step = v.integer("decoder_sparse_step", 1, 1 << 20, 1);
  std::vector<bool> only_dense(d.layers);
  if (v.has("mlp_only_layers") && v.at("mlp_only_layers").is_array())
    for (const auto& i : v.at("mlp_only_layers"))
      if (i.is_number_unsigned() && i.get<std::uint64_t>() < only_dense.size())
        only_dense[i.get<std::size_t>()] = true;
  d.per_layer = [=, before = d.per_layer](int i, engine::layer_config& layer) {
    if (before) before(i, layer);
    auto& f = layer.feed_forward;
    if (only_dense[i] || (i + 1) % step != 0) f.experts = {}, f.width = dense;
  };
}
void gpt_oss(values& v, draft& d) {
  d.attention.bias = d.attention.out_bias = v.flag("attention_bias", true);
  d.attention.sinks = true;
  if (v.number("swiglu_limit", 7) != 7 || v.number("swiglu_alpha", 1.702) != 1.702)
    v.note("swiglu_limit", "only 7, with swiglu_alpha 1.702, is supported");
  const int width = d.feed.width;
  read_experts(v, d, "num_local_experts", "intermediate_size");
  d.feed.width = width, d.feed.bias = true;
  d.feed.activation = engine::activation_kind::clamped_gated;
  d.feed.experts.router = engine::router_kind::chosen;
  d.feed.experts.router_bias = true;
  windows(v, d, true, [](int i) { return i % 2 == 0; });
}
void deepseek(values& v, draft& d) {
  auto& a = d.attention;
  a.latent.query_rank = v.has("q_lora_rank") ? v.size("q_lora_rank") : 0;
  a.latent.rank = v.size("kv_lora_rank");
  a.latent.plain_dim = static_cast<int>(v.integer("qk_nope_head_dim", 1, 254));
  a.latent.rotary_dim = static_cast<int>(v.integer("qk_rope_head_dim", 2, 254));
  if (a.latent.rotary_dim % 2 != 0) v.note("qk_rope_head_dim", "is not even");
  a.head_dim = a.latent.plain_dim + a.latent.rotary_dim;
  a.value_dim = v.size("v_head_dim"), a.kv_heads = a.heads;
  if (v.flag("attention_bias", false)) v.note("attention_bias", "is not supported here");
  const int dense = d.feed.width,
            from = static_cast<int>(v.integer("first_k_dense_replace", 0, 1 << 20, 0));
  auto& r = d.c.trunk.rotary[0];
  r = read_rotary(v, a.latent.rotary_dim, 10000, v.number("max_position_embeddings", 4096));
  r.first = a.latent.plain_dim, r.adjacent = v.flag("rope_interleave", true);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!v.has(key) || !v.at(key).is_object()) continue;
    values s(v.at(key));
    const double all = s.number("mscale_all_dim", 0);
    if (all == 0) continue;
    const double m = engine::yarn_gain(s.number("factor", 1), all);
    a.scale = m * m / std::sqrt(static_cast<double>(a.head_dim));
  }
  read_experts(v, d, "n_routed_experts", "moe_intermediate_size");
  auto& e = d.feed.experts;
  e.router = engine::router_kind::sigmoid;
  e.shared = static_cast<int>(v.integer("n_shared_experts", 0, 1 << 10, 0));
  e.normalise = v.flag("norm_topk_prob", true), e.scale = v.factor("routed_scaling_factor", 1);
  e.groups = v.size("n_group", 1), e.groups_chosen = v.size("topk_group", 1);
  if (e.count % e.groups != 0 || e.groups_chosen > e.groups ||
      e.chosen > e.count / e.groups * e.groups_chosen)
    v.note("n_group", "does not fit the number of experts");
  d.per_layer = [dense, from](int i, engine::layer_config& layer) {
    if (i < from) layer.feed_forward.experts = {}, layer.feed_forward.width = dense;
  };
}
void nemotron(values& v, draft& d) {
  auto& c = d.c;
  d.attention.bias = d.attention.out_bias = v.flag("attention_bias", false);
  d.feed.bias = v.flag("mlp_bias", false);
  d.feed.activation = engine::activation_kind::relu_squared;
  c.trunk.norm = engine::norm_kind::layer, c.gains_minus_one = true;
  c.trunk.norm_epsilon = v.epsilon("norm_eps", 1e-5);
}
void gemma3(values& v, draft& d) {
  auto& c = d.c;
  d.attention.qk_norm = true;
  d.attention.bias = d.attention.out_bias = v.flag("attention_bias", false);
  d.attention.scale = 1 / std::sqrt(v.factor("query_pre_attn_scalar", 256));
  d.attention.softcap = v.softcap("attn_logit_softcapping");
  d.feed.activation = engine::activation_kind::gelu_gated;
  c.gains_minus_one = c.trunk.branch_norms = true;
  c.embedding_scale = std::sqrt(static_cast<double>(c.trunk.width));
  c.logit_softcap = v.softcap("final_logit_softcapping");
  const double positions = v.number("max_position_embeddings", 131072);
  const int dim = d.attention.head_dim;
  const bool newer = v.has("rope_parameters") && v.at("rope_parameters").is_object() &&
                     v.at("rope_parameters").contains("full_attention");
  auto& rotary = c.trunk.rotary;
  rotary.resize(2);
  if (newer) {
    for (int i = 0; i < 2; ++i) {
      const char* key = i == 0 ? "full_attention" : "sliding_attention";
      const json part{{"rope_parameters", v.at("rope_parameters").value(key, json::object())}};
      values p(part);
      rotary[i] = read_rotary(p, dim, i == 0 ? 1e6 : 1e4, positions);
      if (!p.problem.empty()) v.note("rope_parameters", p.problem);
    }
  } else {
    rotary[0] = read_rotary(v, dim, 1e6, positions);
    const double base = v.number("rope_local_base_freq", 1e4);
    if (!(base > 1)) v.note("rope_local_base_freq", "is not above 1");
    rotary[1].frequency = engine::rotary_frequencies(base, dim);
  }
  const auto pattern = v.integer("sliding_window_pattern", 1, 1 << 20, 6);
  windows(v, d, true, [pattern](int i) { return (i + 1) % pattern != 0; });
  d.per_layer = [before = d.per_layer](int i, engine::layer_config& layer) {
    if (before) before(i, layer);
    layer.attention.rotary = layer.attention.window > 0 ? 1 : 0;
  };
}

const std::map<std::string, void (*)(values&, draft&)> families{
    {"llama", llama},
    {"mistral", mistral},
    {"qwen2", qwen2},
    {"qwen3", qwen3},
    {"qwen3_moe", qwen3_moe},
    {"gpt_oss", gpt_oss},
    {"deepseek_v3", deepseek},
    {"kimi_k2", deepseek},
    {"nemotron", nemotron},
    {"nemotron_h", read_nemotron_h},
    {"gemma3_text", gemma3},
    {"inkling_text", read_inkling},
    {"inkling2_text", read_inkling2},
    {"inkling2_loop_text", read_inkling2_loop}};

/// A model that hears and sees, too, holds the decoder's values in an object of its own.
const std::map<std::string, std::string> decoder_of{{"inkling_mm_model", "inkling_text"},
                                                    {"inkling2", "inkling2_text"},
                                                    {"inkling2_loop", "inkling2_loop_text"}};

json decoder_values(json whole) {
  const auto type = whole.find("model_type"), text = whole.find("text_config");
  if (type == whole.end() || !type->is_string() || text == whole.end() || !text->is_object())
    return whole;
  const auto decoder = decoder_of.find(type->get<std::string>());
  if (decoder == decoder_of.end()) return whole;
  json own = *text;
  own["model_type"] = decoder->second;
  return own;
}

void common(values& v, draft& d) {
  auto& c = d.c;
  const bool hybrid = c.family == "nemotron_h";  // its layers are a list
  d.layers = hybrid ? 0 : static_cast<int>(v.integer("num_hidden_layers", 1, 4096));
  c.vocabulary = v.size("vocab_size");
  c.trunk.width = v.size("hidden_size");
  c.trunk.norm_epsilon = v.epsilon("rms_norm_eps", 1e-6);
  auto& a = d.attention;
  a.heads = static_cast<int>(v.integer("num_attention_heads", 1, 4096));
  a.kv_heads = static_cast<int>(v.integer("num_key_value_heads", 1, 4096, a.heads));
  a.head_dim =
      hybrid
          ? static_cast<int>(
                v.integer(v.has("head_dim") ? "head_dim" : "attention_head_dim", 2, 256, 128))
          : static_cast<int>(v.integer("head_dim", 2, 256, std::max(2, c.trunk.width / a.heads)));
  if (a.heads % a.kv_heads != 0)
    v.note("num_key_value_heads", "does not divide num_attention_heads");
  d.feed.width = v.size("intermediate_size");
  const char* const acts = hybrid ? "mlp_hidden_act" : "hidden_act";
  const auto activation = v.text("hidden_activation", v.text(acts, ""));
  const std::string expected = c.family.starts_with("nemotron") ? "relu2"
                               : c.family == "gemma3_text"      ? "gelu_pytorch_tanh"
                                                                : "silu";
  if (!activation.empty() && activation != expected)
    v.note(acts, "`" + activation + "` is not supported here; `" + expected + "` is");
  double part = v.number("partial_rotary_factor", 1);
  if (v.has("rope_parameters") && v.at("rope_parameters").is_object())
    part = values(v.at("rope_parameters")).number("partial_rotary_factor", part);
  const bool within = part > 0 && part <= 1;
  const int dims = within ? static_cast<int>(a.head_dim * part) / 2 * 2 : 0;
  if (dims < 2)
    v.note("partial_rotary_factor", "is outside 0 to 1, or turns less than two numbers");
  const double positions = v.number("max_position_embeddings", 4096);
  if (c.family != "gemma3_text" && c.family != "deepseek_v3" && c.family != "kimi_k2")
    c.trunk.rotary = {read_rotary(v, std::max(2, dims), 10000, positions)};
  else
    c.trunk.rotary.resize(1);
}

}  // namespace

result<network_config> read_network_config(std::string_view text, std::int64_t context) {
  const auto whole = strict_json(plain_json(text), "the model's config");
  if (!whole) return fail("model.bad_config", whole.error().message);
  if (!whole->is_object()) return fail("model.bad_config", "the model's config is no JSON object");
  const json object = decoder_values(*whole);
  values v(object);
  draft d;
  d.c.family = v.text("model_type", "");
  const auto family = families.find(d.c.family);
  if (family == families.end()) {
    std::string known;
    for (const auto& [name, read] : families) known += (known.empty() ? "" : ", ") + name;
    return fail("model.unsupported",
                "model_type `" + d.c.family + "` is not supported; these are: " + known);
  }
  const bool inkling = d.c.family.starts_with("inkling");
  if (!inkling) common(v, d);
  d.c.tied = v.flag("tie_word_embeddings", d.c.family == "gemma3_text");
  const char* const reach =
      v.has("max_position_embeddings") ? "max_position_embeddings" : "model_max_length";
  const auto positions = v.integer(reach, 1, 1 << 24, 4096);
  d.c.trunk.context = context > 0 ? std::min(context, positions) : positions;
  if (v.problem.empty()) family->second(v, d);
  if (d.attention.head_dim > 256 || d.attention.values() > 256) v.note("head_dim", "is above 256");
  if (!v.problem.empty()) return fail("model.bad_config", "the model's config: " + v.problem);
  for (int i = 0; i < d.layers; ++i) {
    d.c.trunk.layers.push_back({d.attention, d.feed});
    if (d.per_layer) d.per_layer(i, d.c.trunk.layers.back());
  }
  return d.c;
}

}  // namespace hocket::language
