// The model definition.
#include "engine/transformer/transformer.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/ops_paths.hpp"

namespace hocket::engine {
namespace {

at::Tensor linear(const at::Tensor& x, const transformer::linear_weights& w,
                  adapters_by_row adapters) {
  const auto y = ops::linear(x, w.weight, adapters);
  return w.bias.defined() ? y + w.bias : y;
}

/// The adapters of some rows, by their places among those; `rows` ascends.
std::vector<adapter_rows> among(adapters_by_row all, const std::vector<std::int64_t>& rows) {
  std::vector<adapter_rows> found;
  for (const auto& span : all) {
    const auto place = [&](std::int64_t row) {
      return std::lower_bound(rows.begin(), rows.end(), row) - rows.begin();
    };
    const adapter_rows part{place(span.begin), place(span.end), span.taken};
    if (part.begin < part.end) found.push_back(part);
  }
  return found;
}

}  // namespace

at::Tensor transformer::forward(at::Tensor x, const row_map& rows) const {
  std::vector<rotation> turns;
  const auto positions = rows.positions();
  for (const auto& r : config_.rotary) turns.push_back(ops::rotate(r, positions, x));
  if (config_.depth.layers > 0) return normalise(through_blocks(x, turns, rows), final_norm_);
  for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
    background_work::pass_or_stop();
    const visit at{i, i, turns, rows};
    const auto& layer = config_.layers[i];
    if (layer.mixer == mixer_kind::attention)
      x = ops::add(x, attention({normalise(x, layers_[i].attention.norm), {}, {}}, at));
    if (layer.mixer == mixer_kind::state_space)
      x = ops::add(x, state_space(normalise(x, layers_[i].attention.norm), at));
    if (layer.feeds()) x = ops::add(x, feed_forward(normalise(x, layers_[i].feed.norm), at));
  }
  return normalise(x, final_norm_);
}

at::Tensor transformer::normalise(const at::Tensor& x, const norm_weights& w) const {
  if (config_.norm == norm_kind::layer)
    return ops::layer_norm(x, w.gain, w.shift, config_.norm_epsilon);
  return ops::rms_norm(x, w.gain, config_.norm_epsilon);
}

at::Tensor transformer::attention(const three& x, const visit& at) const {
  const auto& w = layers_[at.layer].attention;
  const auto& config = config_.layers[at.layer].attention;
  const auto& adapters = at.rows.adapters;
  at::Tensor qkv;
  if (config.latent.rank > 0)
    qkv = latent_qkv(x.queries, at.layer, at.rows);
  else
    qkv = config.apart ? apart_qkv(x, at) : linear(x.queries, w.qkv, adapters);
  auto mixed = attend_to(qkv, at);
  if (config.gated) mixed = ops::gate(mixed, linear(x.queries, w.apart.gate, adapters));
  const auto out =
      convolved_branch(linear(mixed, w.out, adapters), w.kernel, convolved::attention, at);
  return config_.branch_norms ? normalise(out, w.branch_norm) : out;
}

at::Tensor transformer::state_space(const at::Tensor& x, const visit& at) const {
  const auto& w = layers_[at.layer].state_space;
  const auto mixed =
      ops::scan(linear(x, w.in, at.rows.adapters), {.config = config_.layers[at.layer].state_space,
                                                    .vectors = w.vectors,
                                                    .layer = at.memory,
                                                    .epsilon = config_.norm_epsilon,
                                                    .rows = at.rows});
  return linear(mixed, w.out, at.rows.adapters);
}

at::Tensor transformer::attend_to(const at::Tensor& qkv, const visit& at) const {
  const auto& config = config_.layers[at.layer].attention;
  const bool turn = config.rotary >= 0;
  return ops::attend(qkv, {.config = config,
                           .vectors = layers_[at.layer].attention.vectors,
                           .rotary = turn ? &config_.rotary[config.rotary] : nullptr,
                           .turn = turn ? &at.turns[config.rotary] : nullptr,
                           .layer = at.memory,
                           .epsilon = config_.norm_epsilon,
                           .rows = at.rows,
                           .pages = config_.pages,
                           .half_gradients = config_.bfloat16});
}

at::Tensor transformer::latent_qkv(const at::Tensor& x, int i, const row_map& rows) const {
  const auto& w = layers_[i].attention.latent;
  const auto& a = config_.layers[i].attention;
  const std::int64_t n = x.size(0), plain = a.latent.plain_dim, rank = a.latent.rank;
  auto q = x;
  if (a.latent.query_rank > 0) q = normalise(linear(x, w.query_down, rows.adapters), w.query_norm);
  q = linear(q, w.query_up, rows.adapters);
  const auto narrow = linear(x, w.down, rows.adapters);
  const auto wide =
      linear(normalise(narrow.slice(1, 0, rank).contiguous(), w.norm), w.up, rows.adapters)
          .view({n, a.heads, plain + a.values()});
  const auto shared = narrow.slice(1, rank).unsqueeze(1).expand({n, a.heads, -1});
  const auto k = at::cat({wide.slice(2, 0, plain), shared.to(wide.scalar_type())}, 2);
  return at::cat({q, k.flatten(1), wide.slice(2, plain).flatten(1)}, 1);
}

at::Tensor transformer::feed_forward(const at::Tensor& x, const visit& at) const {
  const auto& w = layers_[at.layer].feed;
  const auto& config = config_.layers[at.layer].feed_forward;
  at::Tensor out, shared_weight;
  if (config.experts.count > 0) {
    auto choice = ops::route(linear(x, w.router, at.rows.adapters), w.correction, config.experts,
                             at.rows.adapters);
    if (w.scale.defined()) {
      choice.weight = choice.weight * w.scale;
      if (choice.shared.defined()) choice.shared = choice.shared * w.scale;
    }
    out = experts(x, at.layer, at.rows, choice);
    shared_weight = choice.shared;
  }
  if (config.experts.count == 0 || config.experts.shared > 0) {
    const auto dense = shared(x, at.layer, at.rows, shared_weight);
    out = out.defined() ? out + dense : w.scale.defined() ? dense * w.scale : dense;
  }
  out = convolved_branch(out, w.kernel, convolved::feed, at);
  return config_.branch_norms ? normalise(out, w.branch_norm) : out;
}

/// The feed-forward, or the shared experts, of whose hidden numbers each takes its part of `weight`.
at::Tensor transformer::shared(const at::Tensor& x, int i, const row_map& rows,
                               const at::Tensor& weight) const {
  const auto& w = layers_[i].feed.dense;
  const auto& config = config_.layers[i].feed_forward;
  auto hidden = ops::activate(linear(x, w.up, rows.adapters), config.activation, rows.adapters);
  if (weight.defined())
    hidden = (hidden.view({x.size(0), config.experts.shared, config.width}) * weight.unsqueeze(2))
                 .flatten(1);
  return linear(hidden, w.down, rows.adapters);
}

at::Tensor transformer::experts(const at::Tensor& x, int i, const row_map& rows,
                                const ops::routing& choice) const {
  const auto& w = layers_[i].feed;
  const auto& config = config_.layers[i].feed_forward;
  const std::int64_t n = x.size(0), chosen = config.experts.chosen;
  std::vector<taken_rows> parts;
  for (int e = 0; e < config.experts.count; ++e) {  // ascending: a row's sum has one order
    taken_rows taken{e, {}, {}};
    for (std::int64_t j = 0; j < n * chosen; ++j)
      if (choice.expert[j] == e) taken.row.push_back(j / chosen), taken.place.push_back(j);
    if (!taken.row.empty()) parts.push_back(std::move(taken));
  }
  const auto of_all =
      w.peers ? experts_of_all(x, i, rows, choice, parts) : std::vector<at::Tensor>();
  auto out = at::zeros_like(x);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto y = w.peers ? of_all[p] : expert(x, i, rows, choice, parts[p]);
    const auto row = at::tensor(parts[p].row, at::kLong).to(x.device());
    out = out.index_add(0, row, y.to(out.scalar_type()));
  }
  return out;
}

/// What an expert adds to the rows that it takes, weighted.
at::Tensor transformer::expert(const at::Tensor& x, int i, const row_map& rows,
                               const ops::routing& choice, const taken_rows& taken) const {
  const auto& w = layers_[i].feed.experts[static_cast<std::size_t>(taken.expert)];
  const auto row = at::tensor(taken.row, at::kLong).to(x.device());
  const auto place = at::tensor(taken.place, at::kLong).to(x.device());
  const auto weight = choice.weight.flatten().index_select(0, place);
  const auto adapters = among(rows.adapters, taken.row);
  const auto hidden = ops::activate(linear(x.index_select(0, row), w.up, adapters),
                                    config_.layers[i].feed_forward.activation, adapters);
  return linear(hidden, w.down, adapters) * weight.unsqueeze(1);
}

/// The same of each part, by the process that has the expert.
std::vector<at::Tensor> transformer::experts_of_all(const at::Tensor& x, int i, const row_map& rows,
                                                    const ops::routing& choice,
                                                    const std::vector<taken_rows>& parts) const {
  auto& peers = *layers_[i].feed.peers;
  const auto size = static_cast<std::size_t>(peers.size());
  const auto owner_of = [&](const taken_rows& taken) {
    return static_cast<std::size_t>(taken.expert) % size;
  };
  std::vector<at::Tensor> mine{at::empty({0, x.size(1)}, at::kFloat)};
  std::vector<std::size_t> counts(size);
  for (const auto& taken : parts) {
    counts[owner_of(taken)] += taken.row.size();
    if (owner_of(taken) == static_cast<std::size_t>(peers.rank()))
      mine.push_back(expert(x, i, rows, choice, taken));
  }
  const auto all = ops::rows_of_all(peers, at::cat(mine, 0), counts, x.size(1));
  std::vector<std::int64_t> next(size);
  for (std::size_t r = 1; r < size; ++r)
    next[r] = next[r - 1] + static_cast<std::int64_t>(counts[r - 1]);
  std::vector<at::Tensor> out;
  for (const auto& taken : parts) {
    auto& begin = next[owner_of(taken)];
    const auto end = begin + static_cast<std::int64_t>(taken.row.size());
    out.push_back(all.slice(0, begin, end));
    begin = end;
  }
  return out;
}

at::Tensor transformer::convolved_branch(const at::Tensor& x, const at::Tensor& taps,
                                         convolved which, const visit& at) const {
  if (!taps.defined()) return x;
  const auto& config = config_.layers[at.layer].convolution;
  return ops::convolve(x, taps, {}, {which, at.memory, config.kernel, config.scale, at.rows});
}

}  // namespace hocket::engine
