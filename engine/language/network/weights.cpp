#include "engine/language/network/weights.hpp"

#include <algorithm>
#include <optional>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/language/files/dequantize.hpp"
#include "engine/language/network/groups.hpp"
#include "graph/core/assert.hpp"

namespace hocket::language {
namespace {

using engine::transformer;

/// Reads tensors until one is missing or has another shape; then says which.
class reader {
 public:
  /// `looks`: at names and shapes alone; no number is read, and tensors are empty.
  reader(const network_config& config, const tensor_source& source, block_types blocks,
         bool looks = false)
      : config_(config), source_(source), blocks_(blocks), looks_(looks) {}

  bool failed() const { return failed_; }
  bool has(const std::string& name) const { return source_(name) != nullptr; }
  /// Nothing can be made of what was read.
  bool has_nothing() const { return failed_ || looks_; }

  /// The tensor as fp32; an empty one after a failure, so that nothing is allocated for a shape that
  /// only the config knows.
  at::Tensor tensor(const std::string& name, at::IntArrayRef shape) {
    const auto* found = stored(name, shape);
    if (!found || looks_) return at::empty({0});
    auto t = at::empty(shape, at::kFloat);
    const auto read = dequantize(found->type, found->bytes,
                                 {t.data_ptr<float>(), static_cast<std::size_t>(t.numel())});
    if (!read) note(read.error().code, name + ": " + read.error().message);
    return t;
  }

  transformer::norm_weights norm(const std::string& name, std::int64_t width) {
    transformer::norm_weights w{gain(name + ".weight", width), {}};
    if (config_.trunk.norm == engine::norm_kind::layer) w.shift = tensor(name + ".bias", {width});
    return w;
  }
  at::Tensor gain(const std::string& name, std::int64_t width) {
    const auto t = tensor(name, {width});
    return config_.gains_minus_one ? t + 1 : t;
  }
  /// The table of tokens: widened, or as the file has it where that is narrower, or no copy at all
  /// where the head holds the same numbers.
  void table(const std::string& name, std::int64_t rows, std::int64_t width, network_weights& w) {
    const auto* found = stored(name, {rows, width});
    if (has_nothing()) return;
    const bool half =
        found && (found->type == tensor_type::f16 || found->type == tensor_type::bf16);
    const bool narrow =
        found && (traits_of(found->type).elements > 1 || (half && blocks_ == block_types::rounded));
    if (!narrow || blocks_ == block_types::widened) {
      w.table = tensor(name, {rows, width});
    } else if (!config_.tied) {
      w.stored_table = {found->type, {found->bytes.begin(), found->bytes.end()}};
    }
  }

  /// Linear layers of the same input, one under the other.
  void linear(const std::vector<std::pair<std::string, std::int64_t>>& parts, std::int64_t in,
              bool bias, transformer::linear_weights& w) {
    std::vector<const stored_weights*> rows;
    std::vector<at::Tensor> biases;
    for (const auto& [name, out] : parts) {
      rows.push_back(stored(name + ".weight", {out, in}));
      if (bias) biases.push_back(tensor(name + ".bias", {out}));
    }
    if (bias) w.bias = at::cat(biases, 0);
    if (has_nothing()) return;
    if (blocks_ != block_types::widened && pack_groups(w.weight, rows, in)) return;
    std::vector<at::Tensor> values;
    for (const auto& [name, out] : parts) values.push_back(tensor(name + ".weight", {out, in}));
    if (failed_) return;
    bool narrow = blocks_ == block_types::rounded;
    for (const auto* part : rows) narrow &= part->type == tensor_type::bf16;
    w.weight.value = at::cat(values, 0);
    if (narrow)
      engine::ops::pack_as_pairs(w.weight, true);
    else
      engine::ops::pack(w.weight, true);
    w.weight.value = at::Tensor();
  }
  void head(const std::string& name, std::int64_t rows, std::int64_t in, engine::matrix& m) {
    transformer::linear_weights w;
    linear({{name, rows}}, in, false, w);
    m = w.weight;
  }
  void set(transformer::linear_weights& w, const at::Tensor& value, const at::Tensor& bias) {
    w.bias = bias;
    pack(w.weight, value);
  }
  void pack(engine::matrix& m, const at::Tensor& value) {
    m.value = value;
    engine::ops::pack(m, true);
    m.value = at::Tensor();
  }

  result<void> outcome() const {
    if (failed_) return fail(code_, "weights: " + problem_);
    return {};
  }

 private:
  const stored_weights* stored(const std::string& name, at::IntArrayRef shape) {
    if (failed_) return nullptr;
    const auto* found = source_(name);
    if (!found)
      note("model.missing_tensor", "no tensor " + name);
    else if (at::IntArrayRef(found->shape) != shape)
      note("model.bad_shape",
           name + " is " + text(found->shape) + ", the config needs " + text(shape));
    return failed_ ? nullptr : found;
  }

  /// Packs rows of block types as they are, those of one shape together; false where some are of
  /// another kind.
  static bool pack_groups(engine::matrix& m, const std::vector<const stored_weights*>& parts,
                          std::int64_t in) {
    for (const auto* part : parts)
      if (!groups_of(part->type)) return false;
    std::int64_t out = 0;
    std::shared_ptr<const engine::kernels::grouped_weights> stack;
    for (auto end = parts.end(); end != parts.begin();) {
      auto begin = end - 1;
      while (begin != parts.begin() && groups_of((*(begin - 1))->type) == groups_of((*begin)->type))
        --begin;
      auto packed = pack_alike({begin, end}, in);
      if (!packed) return false;
      out += packed->out;
      packed->below = std::move(stack);
      stack = std::make_shared<const engine::kernels::grouped_weights>(std::move(*packed));
      end = begin;
    }
    m.out = out;
    m.grouped = std::move(stack);
    return true;
  }

  static std::optional<engine::kernels::grouped_weights> pack_alike(
      const std::vector<const stored_weights*>& parts, std::int64_t in) {
    std::int64_t out = 0, first = 0;
    for (const auto* part : parts) out += part->shape[0];
    bool fits = true;
    std::size_t at = 0;
    auto packed = engine::kernels::pack_grouped(
        out, in, *groups_of(parts[0]->type),
        [&](std::int64_t row, engine::kernels::grouped_row& into) {
          while (row - first == parts[at]->shape[0]) first += parts[at++]->shape[0];
          const auto size = parts[at]->bytes.size() / static_cast<std::size_t>(parts[at]->shape[0]);
          const auto begin = static_cast<std::size_t>(row - first) * size;
          fits &= read_groups(parts[at]->type, parts[at]->bytes.subspan(begin, size), into);
        });
    if (!fits) return {};
    return packed;
  }

  static std::string text(at::IntArrayRef shape) {
    std::string s = "[";
    for (const auto n : shape) s += (s.size() > 1 ? ", " : "") + std::to_string(n);
    return s + "]";
  }
  void note(const std::string& code, const std::string& problem) {
    if (!failed_) code_ = code, problem_ = problem;
    failed_ = true;
  }

  const network_config& config_;
  const tensor_source& source_;
  const block_types blocks_;
  const bool looks_;
  bool failed_ = false;
  std::string code_, problem_;
};

void read_attention(reader& r, const std::string& name, const network_config& c,
                    const engine::attention_config& a, transformer::attention_weights& w) {
  const std::int64_t d = c.trunk.width;
  const auto p = name + "self_attn.";
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
  if (r.has_nothing()) return;
  const auto apart = [](const at::Tensor& t) {
    return at::cat({t.slice(0, 0, t.size(0), 2), t.slice(0, 1, t.size(0), 2)}, 0);
  };
  for (std::int64_t e = 0; e < n; ++e) {
    r.set(w.experts[e].up, apart(up[e].t()), apart(up_bias[e]));
    r.set(w.experts[e].down, down[e].t(), down_bias[e].clone());
  }
}

void read_feed_forward(reader& r, const std::string& name, const network_config& c,
                       const engine::feed_forward_config& f, transformer::feed_forward_weights& w) {
  const std::int64_t d = c.trunk.width;
  const auto& e = f.experts;
  const auto p = name + "mlp.";
  if (e.count == 0) return read_dense(r, p, d, f.width, f, w.dense);
  const auto router = c.family == "gpt_oss" ? p + "router" : p + "gate";
  r.linear({{router, e.count}}, d, e.router_bias, w.router);
  if (e.router == engine::router_kind::sigmoid)
    w.correction = r.tensor(router + ".e_score_correction_bias", {e.count});
  if (r.failed()) return;
  w.experts.resize(e.count);
  if (c.family == "gpt_oss" && !r.has(p + "experts.0.up_proj.weight"))
    return read_fused_experts(r, p + "experts.", d, f, w);
  for (int i = 0; i < e.count; ++i)
    read_dense(r, p + "experts." + std::to_string(i) + ".", d, f.width, f, w.experts[i]);
  if (e.shared > 0)
    read_dense(r, p + "shared_experts.", d, std::int64_t{e.shared} * f.width, f, w.dense);
}

/// The transformer has numbered its own matrices; the head's and those of experts come after them.
void number_rest(network_weights& w, const network_config& c) {
  int id = 0;
  for (std::size_t i = 0; i < c.trunk.layers.size(); ++i)
    id = std::max(id, w.trunk.layer_at(static_cast<int>(i)).feed.dense.down.weight.id);
  w.head.id = ++id;
  for (std::size_t i = 0; i < c.trunk.layers.size(); ++i)
    for (auto& e : w.trunk.layer_at(static_cast<int>(i)).feed.experts)
      e.up.weight.id = ++id, e.down.weight.id = ++id;
}

result<void> read_all(reader& r, const network_config& c, network_weights& w) {
  const std::int64_t d = c.trunk.width;
  r.table("model.embed_tokens.weight", c.vocabulary, d, w);
  for (std::size_t i = 0; i < c.trunk.layers.size(); ++i) {
    const auto name = "model.layers." + std::to_string(i) + ".";
    const auto& config = c.trunk.layers[i];
    auto& [attention, feed] = w.trunk.layer_at(static_cast<int>(i));
    read_attention(r, name, c, config.attention, attention);
    read_feed_forward(r, name, c, config.feed_forward, feed);
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
  w.trunk.final_norm() = r.norm("model.norm", d);
  r.head(c.tied ? "model.embed_tokens" : "lm_head", c.vocabulary, d, w.head);
  return r.outcome();
}

}  // namespace

result<network_weights> read_weights(const network_config& c, const tensor_source& source,
                                     block_types blocks) {
  c10::NoGradGuard no_grad;
  network_weights w{{}, {}, transformer(c.trunk), {}};
  reader r(c, source, blocks);
  HOCKET_TRY(read_all(r, c, w));
  number_rest(w, c);
  return w;
}

result<void> check_weights(const network_config& c, const tensor_source& source) {
  c10::NoGradGuard no_grad;
  network_weights w{{}, {}, transformer(c.trunk), {}};
  reader r(c, source, block_types::kept, true);
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
    const auto size = w.stored_table.bytes.size() / static_cast<std::size_t>(c.vocabulary);
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
  return c.embedding_scale != 1 ? x * c.embedding_scale : x;
}

}  // namespace hocket::language
