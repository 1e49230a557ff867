#include "engine/language/network/weights.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/language/files/dequantize.hpp"
#include "engine/language/network/weight_reader.hpp"
#include "graph/core/assert.hpp"

namespace hocket::language {
namespace {

using engine::transformer;

using reader = weight_reader;

/// GGUF files of DeepSeek hold what makes keys and what makes values apart, and the first turned round:
/// [heads, rank, plain_dim], [heads, values, rank].
void read_absorbed(reader& r, const std::string& p, const engine::attention_config& a,
                   transformer::linear_weights& up) {
  const auto keys = r.tensor(p + "k_b_proj.weight", {a.heads, a.latent.rank, a.latent.plain_dim});
  const auto values = r.tensor(p + "v_b_proj.weight", {a.heads, a.values(), a.latent.rank});
  if (r.failed()) return;
  r.pack(up.weight, at::cat({keys.transpose(1, 2), values}, 1).flatten(0, 1).contiguous());
}

void read_attention(reader& r, const std::string& p, const network_config& c,
                    const engine::attention_config& a, transformer::attention_weights& w) {
  const std::int64_t d = c.trunk.width;
  if (a.latent.rank > 0) {
    auto& l = w.latent;
    const std::int64_t queries = std::int64_t{a.heads} * a.head_dim, q = a.latent.query_rank;
    if (q > 0) {
      r.linear({{p + "q_a_proj", q}}, d, false, l.query_down);
      l.query_norm = r.norm(p + "q_a_layernorm", q);
      r.linear({{p + "q_b_proj", queries}}, q, false, l.query_up);
    } else {
      r.linear({{p + "q_proj", queries}}, d, false, l.query_up);
    }
    r.linear({{p + "kv_a_proj_with_mqa", a.latent.rank + a.latent.rotary_dim}}, d, false, l.down);
    l.norm = r.norm(p + "kv_a_layernorm", a.latent.rank);
    if (r.has(p + "k_b_proj.weight"))
      read_absorbed(r, p, a, l.up);
    else
      r.linear({{p + "kv_b_proj", std::int64_t{a.heads} * (a.latent.plain_dim + a.values())}},
               a.latent.rank, false, l.up);
  } else {
    r.linear({{p + "q_proj", std::int64_t{a.heads} * a.head_dim},
              {p + "k_proj", a.key_width()},
              {p + "v_proj", a.value_width()}},
             d, a.bias, w.qkv);
  }
  r.linear({{p + "o_proj", d}}, a.out_width(), a.out_bias, w.out);
  if (a.qk_norm) {
    w.vectors.q_gain = r.gain(p + "q_norm.weight", a.head_dim);
    w.vectors.k_gain = r.gain(p + "k_norm.weight", a.head_dim);
  }
  if (a.sinks) w.vectors.sinks = r.tensor(p + "sinks", {a.heads});
}

void read_dense(reader& r, const std::string& name, std::int64_t d, std::int64_t width,
                const engine::feed_forward_config& f, transformer::dense_weights& w) {
  if (engine::is_gated(f.activation))
    r.linear({{name + "gate_proj", width}, {name + "up_proj", width}}, d, f.bias, w.up);
  else
    r.linear({{name + "up_proj", width}}, d, f.bias, w.up);
  r.linear({{name + "down_proj", d}}, width, f.bias, w.down);
}

/// GPT-OSS: all experts in one tensor, [experts, in, out], gates and ups in turns.
void read_fused_experts(reader& r, const std::string& name, std::int64_t d,
                        const engine::feed_forward_config& f,
                        transformer::feed_forward_weights& w) {
  const std::int64_t n = f.experts.count, width = f.width;
  const auto up = r.tensor(name + "gate_up_proj", {n, d, 2 * width});
  const auto up_bias = r.tensor(name + "gate_up_proj_bias", {n, 2 * width});
  const auto down = r.tensor(name + "down_proj", {n, width, d});
  const auto down_bias = r.tensor(name + "down_proj_bias", {n, d});
  if (r.failed()) return;
  const auto apart = [](const at::Tensor& t) {
    return at::cat({t.slice(0, 0, t.size(0), 2), t.slice(0, 1, t.size(0), 2)}, 0);
  };
  for (std::int64_t e = 0; e < n; ++e) {
    r.set(w.experts[e].up, apart(up[e].t()), apart(up_bias[e]));
    r.set(w.experts[e].down, down[e].t(), down_bias[e].clone());
  }
}

void read_feed_forward(reader& r, const std::string& p, const network_config& c,
                       const engine::feed_forward_config& f, transformer::feed_forward_weights& w) {
  const std::int64_t d = c.trunk.width;
  const auto& e = f.experts;
  if (e.count == 0) return read_dense(r, p, d, f.width, f, w.dense);
  const auto router = c.family == "gpt_oss" ? p + "router" : p + "gate";
  r.router(router, e.count, d, e.router_bias, w.router);
  if (e.router == engine::router_kind::sigmoid)
    w.correction = r.tensor(router + ".e_score_correction_bias", {e.count});
  w.experts.resize(e.count);
  if (c.family == "gpt_oss" && r.has(p + "experts.gate_up_proj_blocks"))
    return read_mxfp4_experts(r, p + "experts.", d, f, w);
  if (c.family == "gpt_oss" && !r.has(p + "experts.0.up_proj.weight"))
    return read_fused_experts(r, p + "experts.", d, f, w);
  for (int i = 0; i < e.count; ++i)
    read_dense(r, p + "experts." + std::to_string(i) + ".", d, f.width, f, w.experts[i]);
  const auto shared = e.shared_width > 0 ? e.shared_width : std::int64_t{e.shared} * f.width;
  if (e.shared > 0) read_dense(r, p + "shared_experts.", d, shared, f, w.dense);
}

/// Nemotron-H: a Mamba-2 layer.
void read_state_space(reader& r, const std::string& p, std::int64_t d,
                      const engine::state_space_config& s, transformer::state_space_weights& w) {
  r.linear({{p + "in_proj", s.row_width()}}, d, s.bias, w.in);
  r.linear({{p + "out_proj", d}}, s.inner(), s.bias, w.out);
  auto& v = w.vectors;
  v.taps = r.tensor(p + "conv1d.weight", {s.convolved(), 1, s.kernel});
  if (s.taps_bias) v.taps_bias = r.tensor(p + "conv1d.bias", {s.convolved()});
  v.step_bias = r.tensor(p + "dt_bias", {s.heads});
  v.skip = r.tensor(p + "D", {s.heads});
  v.gain = r.tensor(p + "norm.weight", {s.inner()});
  // GGUF files hold the decay itself.
  const bool itself = r.has(p + "A");
  v.decay = r.tensor(p + (itself ? "A" : "A_log"), {s.heads});
  if (r.failed()) return;
  v.taps = v.taps.squeeze(1).t().flip(0).contiguous();
  if (!itself) v.decay = -v.decay.exp();
}

/// Nemotron-H: each layer is one branch.
void read_branch(reader& r, const std::string& name, const network_config& c, int i,
                 transformer::layer& w) {
  const auto& layer = c.trunk.layers[static_cast<std::size_t>(i)];
  const auto p = name + "mixer.";
  auto& norm = layer.mixer == engine::mixer_kind::none ? w.feed.norm : w.attention.norm;
  norm = r.norm(name + "norm", c.trunk.width);
  switch (layer.mixer) {
    case engine::mixer_kind::attention:
      return read_attention(r, p, c, layer.attention, w.attention);
    case engine::mixer_kind::state_space:
      return read_state_space(r, p, c.trunk.width, layer.state_space, w.state_space);
    case engine::mixer_kind::none: return read_feed_forward(r, p, c, layer.feed_forward, w.feed);
  }
}

/// The transformer has numbered its own matrices; the head's and those of experts come after them.
void number_rest(network_weights& w, const network_config& c) {
  int id = w.trunk.matrices();
  w.head.id = id++;
  for (std::size_t i = 0; i < c.trunk.layers.size(); ++i)
    for (auto& e : w.trunk.layer_at(static_cast<int>(i)).feed.experts)
      e.up.weight.id = id++, e.down.weight.id = id++;
}

result<void> read_all(reader& r, const network_config& c, network_weights& w) {
  const std::int64_t d = c.trunk.width;
  const std::int64_t rows = c.table_rows > 0 ? c.table_rows : c.vocabulary;
  const bool hybrid = c.family == "nemotron_h";
  const std::string table = hybrid ? "backbone.embeddings" : "model.embed_tokens";
  r.table(table + ".weight", rows, d, w);
  if (c.embedding_norm) w.table_gain = r.gain("model.embed_tokens.embed_norm.weight", d);
  for (std::size_t i = 0; i < c.trunk.layers.size(); ++i) {
    const auto name = (hybrid ? "backbone.layers." : "model.layers.") + std::to_string(i) + ".";
    const auto& config = c.trunk.layers[i];
    if (hybrid) {
      read_branch(r, name, c, static_cast<int>(i), w.trunk.layer_at(static_cast<int>(i)));
      HOCKET_TRY(r.outcome());
      continue;
    }
    if (config.attention.apart) {
      read_inkling_layer(r, c, static_cast<int>(i), w.trunk.layer_at(static_cast<int>(i)));
      HOCKET_TRY(r.outcome());
      continue;
    }
    auto& attention = w.trunk.layer_at(static_cast<int>(i)).attention;
    auto& feed = w.trunk.layer_at(static_cast<int>(i)).feed;
    read_attention(r, name + "self_attn.", c, config.attention, attention);
    read_feed_forward(r, name + "mlp.", c, config.feed_forward, feed);
    attention.norm = r.norm(name + "input_layernorm", d);
    if (c.trunk.branch_norms) {
      attention.branch_norm = r.norm(name + "post_attention_layernorm", d);
      feed.norm = r.norm(name + "pre_feedforward_layernorm", d);
      feed.branch_norm = r.norm(name + "post_feedforward_layernorm", d);
    } else {
      feed.norm = r.norm(name + "post_attention_layernorm", d);
    }
    HOCKET_TRY(r.outcome());
  }
  w.trunk.final_norm() = r.norm(hybrid ? "backbone.norm_f" : "model.norm", d);
  if (c.trunk.depth.layers > 0)
    w.trunk.final_asks() = r.tensor("model.final_input.query", {d}).unsqueeze(0);
  r.head(c.tied ? table : "lm_head", c.vocabulary, rows, d, w.head);
  return r.outcome();
}

}  // namespace

result<network_weights> read_weights(const network_config& c, const tensor_source& source,
                                     block_types blocks) {
  c10::NoGradGuard no_grad;
  network_weights w{{}, {}, {}, transformer(c.trunk), {}, {}};
  reader r(c, source, blocks);
  HOCKET_TRY(read_all(r, c, w));
  number_rest(w, c);
  return w;
}

result<void> check_weights(const network_config& c, const tensor_source& source) {
  c10::NoGradGuard no_grad;
  network_weights w{{}, {}, {}, transformer(c.trunk), {}, {}};
  auto r = reader::only_looking(c, source);
  return read_all(r, c, w);
}

at::Tensor embed(const network_weights& w, const network_config& c,
                 std::span<const std::int64_t> ids) {
  const auto n = static_cast<std::int64_t>(ids.size()), width = std::int64_t{c.trunk.width};
  at::Tensor x;
  if (w.table.defined()) {
    x = at::embedding(w.table, at::tensor(at::IntArrayRef(ids.data(), ids.size()), at::kLong));
  } else if (!w.stored_table.bytes.empty()) {
    x = at::empty({n, width}, at::kFloat);
    const auto rows = static_cast<std::size_t>(c.table_rows > 0 ? c.table_rows : c.vocabulary);
    const auto size = w.stored_table.bytes.size() / rows;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto row =
          std::span(w.stored_table.bytes).subspan(static_cast<std::size_t>(ids[i]) * size, size);
      const auto read =
          dequantize(w.stored_table.type, row,
                     {x.data_ptr<float>() + i * width, static_cast<std::size_t>(width)});
      HOCKET_ASSERT(read.has_value());
    }
  } else {
    x = engine::ops::packed_rows(w.head, width, ids);
  }
  if (c.embedding_norm) x = engine::ops::rms_norm(x, w.table_gain, c.trunk.norm_epsilon);
  return c.embedding_scale != 1 ? x * c.embedding_scale : x;
}

}  // namespace hocket::language
