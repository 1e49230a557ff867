#include "engine/lora/modules.hpp"

#include "engine/language/network/weights.hpp"

namespace hocket::lora {
namespace {

using engine::transformer;

/// Collects modules in the order in which a matrix stacks them.
class collector {
 public:
  struct part {
    std::string name;
    std::int64_t out;
  };
  void add(const engine::matrix& w, std::int64_t in, const std::vector<part>& parts) {
    std::int64_t first = 0;
    for (const auto& p : parts) {
      all.push_back({p.name, w.id, first, p.out, in, w.grouped || w.divided});
      first += p.out;
    }
  }
  std::vector<module> all;
};

/// Inkling: what the first generation calls `k_proj` is `k_proj.linear` in the second.
void add_apart(collector& c, const std::string& p, std::int64_t d,
               const engine::attention_config& a, const transformer::attention_weights& w) {
  const std::string of = a.gated ? ".linear" : "";
  const std::int64_t queries = std::int64_t{a.heads} * a.head_dim;
  const std::int64_t mixes = std::int64_t{a.heads} * a.relative_rank;
  std::vector<collector::part> parts{{p + "q_proj" + of, queries}};
  parts.push_back({p + (a.gated ? "relative_position_bias.linear" : "r_proj"), mixes});
  if (a.row_sinks) parts.push_back({p + "sink_proj", a.heads});
  c.add(w.apart.queries.weight, d, parts);
  c.add(w.apart.keys.weight, d, {{p + "k_proj" + of, a.key_width()}});
  c.add(w.apart.values.weight, d, {{p + "v_proj" + of, a.value_width()}});
  if (a.gated) c.add(w.apart.gate.weight, d, {{p + "o_proj.gate_proj", a.out_width()}});
  c.add(w.out.weight, a.out_width(), {{p + "o_proj" + of, d}});
}

void add_attention(collector& c, const std::string& p, std::int64_t d,
                   const engine::attention_config& a, const transformer::attention_weights& w) {
  if (a.apart) return add_apart(c, p, d, a, w);
  const std::int64_t queries = std::int64_t{a.heads} * a.head_dim;
  if (a.latent.rank > 0) {
    const auto& l = w.latent;
    const std::int64_t narrow = a.latent.query_rank;
    if (narrow > 0) {
      c.add(l.query_down.weight, d, {{p + "q_a_proj", narrow}});
      c.add(l.query_up.weight, narrow, {{p + "q_b_proj", queries}});
    } else {
      c.add(l.query_up.weight, d, {{p + "q_proj", queries}});
    }
    c.add(l.down.weight, d, {{p + "kv_a_proj_with_mqa", a.latent.rank + a.latent.rotary_dim}});
    c.add(l.up.weight, a.latent.rank,
          {{p + "kv_b_proj", std::int64_t{a.heads} * (a.latent.plain_dim + a.values())}});
  } else {
    c.add(
        w.qkv.weight, d,
        {{p + "q_proj", queries}, {p + "k_proj", a.key_width()}, {p + "v_proj", a.value_width()}});
  }
  c.add(w.out.weight, a.out_width(), {{p + "o_proj", d}});
}

void add_dense(collector& c, const std::string& p, std::int64_t d, std::int64_t width,
               const engine::feed_forward_config& f, const transformer::dense_weights& w) {
  if (engine::is_gated(f.activation))
    c.add(w.up.weight, d, {{p + "gate_proj", width}, {p + "up_proj", width}});
  else
    c.add(w.up.weight, d, {{p + "up_proj", width}});
  c.add(w.down.weight, width, {{p + "down_proj", d}});
}

void add_feed_forward(collector& c, const std::string& p, std::int64_t d, bool fused,
                      const engine::feed_forward_config& f,
                      const transformer::feed_forward_weights& w) {
  const auto& e = f.experts;
  if (e.count == 0) return add_dense(c, p, d, f.width, f, w.dense);
  for (int i = 0; i < e.count && !fused; ++i)
    add_dense(c, p + "experts." + std::to_string(i) + ".", d, f.width, f, w.experts[i]);
  const auto shared = e.shared_width > 0 ? e.shared_width : std::int64_t{e.shared} * f.width;
  if (e.shared > 0 && !fused) add_dense(c, p + "shared_experts.", d, shared, f, w.dense);
}

/// Nemotron-H: each layer is one branch. The vectors of a Mamba-2 layer are no modules.
void add_branch(collector& c, const std::string& p, std::int64_t d,
                const engine::layer_config& shape, const transformer::layer& w) {
  if (shape.mixer == engine::mixer_kind::attention)
    add_attention(c, p, d, shape.attention, w.attention);
  if (shape.mixer == engine::mixer_kind::state_space) {
    const auto& s = shape.state_space;
    c.add(w.state_space.in.weight, d, {{p + "in_proj", s.row_width()}});
    c.add(w.state_space.out.weight, s.inner(), {{p + "out_proj", d}});
  }
  if (shape.feeds()) add_feed_forward(c, p, d, false, shape.feed_forward, w.feed);
}

}  // namespace

std::vector<module> modules_of(const language::language_model& model) {
  const auto& config = model.config();
  const auto& w = model.weights();
  auto& trunk = const_cast<transformer&>(w.trunk);  // layer_at only reads
  collector c;
  for (std::size_t i = 0; i < config.trunk.layers.size(); ++i) {
    const auto name = "model.layers." + std::to_string(i) + ".";
    const auto& layer = trunk.layer_at(static_cast<int>(i));
    const auto& shape = config.trunk.layers[i];
    if (config.family == "nemotron_h") {
      add_branch(c, name + "mixer.", config.trunk.width, shape, layer);
      continue;
    }
    add_attention(c, name + "self_attn.", config.trunk.width, shape.attention, layer.attention);
    add_feed_forward(c, name + "mlp.", config.trunk.width,
                     config.family == "gpt_oss" || shape.attention.apart, shape.feed_forward,
                     layer.feed);
  }
  c.add(w.head, config.trunk.width, {{"lm_head", config.vocabulary}});
  return c.all;
}

}  // namespace hocket::lora
