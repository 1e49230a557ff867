// The published Inkling models' config.json: two kinds of layers, experts, blocks, a loop.
#include <cmath>
#include <string>
#include <vector>

#include "engine/language/network/config_values.hpp"

namespace hocket::language {
namespace {

using engine::attention_config;
using engine::layer_config;

constexpr int most_positions = 1 << 20;

/// Whether each layer sees a window: `layer_types`, or `local_layer_ids`, or all but every sixth.
std::vector<bool> windowed_layers(values& v, int layers) {
  std::vector<bool> windowed;
  for (int i = 0; i < layers; ++i) windowed.push_back((i + 1) % 6 != 0);
  if (v.has("layer_types")) {
    const auto& types = v.at("layer_types");
    if (!types.is_array() || types.size() != windowed.size()) {
      v.note("layer_types", "is no list of num_hidden_layers entries");
      return windowed;
    }
    for (std::size_t i = 0; i < windowed.size(); ++i) {
      if (types[i] != "hybrid_sliding" && types[i] != "hybrid")
        v.note("layer_types", types[i].dump() + " is not supported; hybrid and hybrid_sliding are");
      windowed[i] = types[i] == "hybrid_sliding";
    }
  } else if (v.has("local_layer_ids")) {
    windowed.assign(windowed.size(), false);
    for (const auto& id : v.at("local_layer_ids")) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= windowed.size()) {
        v.note("local_layer_ids", id.dump() + " is no layer");
        return windowed;
      }
      windowed[id.get<std::size_t>()] = true;
    }
  }
  return windowed;
}

/// Which layers have no experts: `mlp_layer_types`, or the first `dense_mlp_idx`.
std::vector<bool> dense_layers(values& v, int layers) {
  std::vector<bool> dense(static_cast<std::size_t>(layers));
  const auto first = v.integer("dense_mlp_idx", 0, layers, 0);
  for (std::int64_t i = 0; i < first; ++i) dense[static_cast<std::size_t>(i)] = true;
  if (!v.has("mlp_layer_types")) return dense;
  const auto& types = v.at("mlp_layer_types");
  if (!types.is_array() || types.size() != dense.size()) {
    v.note("mlp_layer_types", "is no list of num_hidden_layers entries");
    return dense;
  }
  for (std::size_t i = 0; i < dense.size(); ++i) {
    if (types[i] != "dense" && types[i] != "sparse")
      v.note("mlp_layer_types", types[i].dump() + " is not supported; dense and sparse are");
    dense[i] = types[i] == "dense";
  }
  return dense;
}

void check_heads(values& v, const char* key, const attention_config& a) {
  if (a.heads % a.kv_heads != 0) v.note(key, "does not divide the number of heads");
}

/// The two kinds of attention; `all` sees every position, `sliding` a window.
void read_attention(values& v, attention_config& all, attention_config& sliding) {
  all.apart = true, all.rotary = -1;
  all.relative_rank = static_cast<int>(v.integer("d_rel", 1, 256, 16));
  sliding = all;
  all.heads = static_cast<int>(v.integer("num_attention_heads", 1, 4096));
  all.kv_heads = static_cast<int>(v.integer("num_key_value_heads", 1, 4096));
  all.head_dim = static_cast<int>(v.integer("head_dim", 2, 256));
  all.relative_extent = static_cast<int>(v.integer("rel_extent", 1, most_positions, 1024));
  if (v.has("log_scaling_n_floor")) {
    all.lengths.from = static_cast<double>(v.integer("log_scaling_n_floor", 1, 1 << 30));
    all.lengths.rate = v.number("log_scaling_alpha", 0, 1e3, 0.1);
  }
  sliding.heads = static_cast<int>(v.integer("swa_num_attention_heads", 1, 4096, all.heads));
  sliding.kv_heads = static_cast<int>(v.integer("swa_num_key_value_heads", 1, 4096, all.kv_heads));
  sliding.head_dim = static_cast<int>(v.integer("swa_head_dim", 2, 256, all.head_dim));
  const char* const window =
      v.has("sliding_window_size") ? "sliding_window_size" : "sliding_window";
  sliding.window = static_cast<int>(v.integer(window, 1, most_positions));
  sliding.relative_extent = sliding.window;
  check_heads(v, "num_key_value_heads", all);
  check_heads(v, "swa_num_key_value_heads", sliding);
}

void read_experts(values& v, draft& d) {
  auto& e = d.feed.experts;
  const char* const count = v.has("n_routed_experts") ? "n_routed_experts" : "num_local_experts";
  e.count = static_cast<int>(v.integer(count, 1, 4096));
  e.chosen = static_cast<int>(v.integer("num_experts_per_tok", 1, 4096));
  if (e.chosen > e.count) v.note("num_experts_per_tok", "is more than there are experts");
  e.router = engine::router_kind::sigmoid;
  e.scale = v.factor(v.has("route_scale") ? "route_scale" : "routed_scaling_factor", 8);
}

/// What all three have: sizes, attention, short convolutions, experts.
struct common_parts {
  attention_config all, sliding;
  std::vector<bool> windowed;
};
common_parts read_common(values& v, draft& d) {
  auto& c = d.c;
  d.layers = static_cast<int>(v.integer("num_hidden_layers", 1, 4096));
  c.table_rows = v.size("vocab_size");
  c.vocabulary = v.has("unpadded_vocab_size") ? v.size("unpadded_vocab_size") : c.table_rows;
  if (c.vocabulary > c.table_rows) v.note("unpadded_vocab_size", "is more than vocab_size");
  c.trunk.width = v.size("hidden_size");
  c.trunk.norm_epsilon = v.epsilon("rms_norm_eps", 1e-6);
  c.embedding_norm = true;
  if (v.flag("tie_word_embeddings", false)) v.note("tie_word_embeddings", "is not supported here");
  const auto activation = v.text("hidden_act", "silu");
  if (activation != "silu")
    v.note("hidden_act", "`" + activation + "` is not supported here; `silu` is");
  common_parts parts;
  parts.windowed = windowed_layers(v, d.layers);
  read_attention(v, parts.all, parts.sliding);
  d.attention = parts.all;
  read_experts(v, d);
  return parts;
}

int read_kernel(values& v) {
  return static_cast<int>(
      v.integer(v.has("conv_kernel_size") ? "conv_kernel_size" : "sconv_kernel_size", 1, 64, 4));
}

}  // namespace

void read_inkling(values& v, draft& d) {
  auto parts = read_common(v, d);
  for (auto* a : {&parts.all, &parts.sliding}) a->qk_norm = true, a->scale = 1.0 / a->head_dim;
  // Checkpoints call the experts' width `intermediate_size` where a dense layer's has a key of its own.
  const bool own = v.has("dense_intermediate_size");
  const int dense = v.size(own ? "dense_intermediate_size" : "intermediate_size", 1);
  d.feed.width = v.size(own ? "intermediate_size" : "moe_intermediate_size");
  d.feed.scaled = true;
  auto& e = d.feed.experts;
  e.shared = static_cast<int>(v.integer("n_shared_experts", 0, 256, 2));
  e.shared_scored = e.shared > 0;
  if (!v.flag("shared_expert_sink", true)) v.note("shared_expert_sink", "false is not supported");
  d.c.logit_scale = 1 / v.factor("logits_mup_width_multiplier", 24);
  const int kernel = read_kernel(v);
  d.per_layer = [=, plain = dense_layers(v, d.layers)](int i, layer_config& layer) {
    layer.attention = parts.windowed[static_cast<std::size_t>(i)] ? parts.sliding : parts.all;
    layer.convolution.kernel = kernel;
    auto& f = layer.feed_forward;
    if (plain[static_cast<std::size_t>(i)]) f.experts = {}, f.width = dense;
  };
}

void read_inkling2(values& v, draft& d) {
  auto parts = read_common(v, d);
  const double clip = v.factor("qk_l2_clip_threshold", std::sqrt(512.0));
  const double relative = v.factor("rel_l2_clip_threshold", 8);
  for (auto* a : {&parts.all, &parts.sliding})
    a->clip = clip, a->relative_clip = relative, a->gated = a->row_sinks = true;
  if (parts.all.lengths.from == 0) v.note("log_scaling_n_floor", "missing");
  d.feed.width =
      v.size(v.has("moe_intermediate_size") ? "moe_intermediate_size" : "intermediate_size");
  d.feed.activation = engine::activation_kind::capped_gated;
  if (v.number("mlp_gate_softcap", 4) != 4) v.note("mlp_gate_softcap", "only 4 is supported");
  if (v.number("mlp_up_softcap", 25) != 25) v.note("mlp_up_softcap", "only 25 is supported");
  const auto score = v.text("scoring_func", "sigmoid");
  if (score != "sigmoid") v.note("scoring_func", "`" + score + "` is not supported; `sigmoid` is");
  d.c.logit_softcap = v.factor("final_logit_softcapping", 30);
  d.c.trunk.depth.layers = static_cast<int>(v.integer("n_layers_per_attn_res_block", 1, 4096, 6));
  engine::convolution_config convolution{.kernel = read_kernel(v)};
  convolution.scale = 1 / std::sqrt(convolution.kernel + 1.0);
  convolution.dynamic_scale = 1 / std::sqrt(2 * convolution.kernel + 1.0);
  d.per_layer = [=](int i, layer_config& layer) {
    const bool windowed = parts.windowed[static_cast<std::size_t>(i)];
    layer.attention = windowed ? parts.sliding : parts.all;
    layer.convolution = convolution;
    layer.convolution.dynamic = !windowed;
  };
}

void read_inkling2_loop(values& v, draft& d) {
  read_inkling2(v, d);
  auto& loop = d.c.trunk.loop;
  const auto read = [&](values& in, const char* begin, const char* end, const char* passes,
                        const char* rank) {
    loop.begin = static_cast<int>(in.integer(begin, 1, d.layers, 6));
    loop.end = static_cast<int>(in.integer(end, 1, d.layers, 18));
    loop.passes = static_cast<int>(in.integer(passes, 1, 64, 3));
    loop.gate_rank = static_cast<int>(in.integer(rank, 1, 1 << 16, 64));
  };
  if (v.has("loop_config") && v.at("loop_config").is_object()) {
    values own(v.at("loop_config"));
    read(own, "core_start", "core_end", "num_passes", "gate_rank");
    if (!own.problem.empty()) v.note("loop_config", own.problem);
  } else {
    read(v, "loop_layer_index_start", "loop_layer_index_end", "loop_num_passes", "loop_gate_rank");
  }
  const int block = d.c.trunk.depth.layers;
  if (loop.begin % block != 0 || loop.end % block != 0 || loop.end <= loop.begin ||
      loop.end > d.layers)
    v.note("loop_layer_index_end", "the loop does not begin and end at a block of " +
                                       std::to_string(block) + " layers among " +
                                       std::to_string(d.layers));
}

}  // namespace hocket::language
