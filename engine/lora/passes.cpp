#include "engine/lora/passes.hpp"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "engine/language/network/weights.hpp"
#include "engine/language/sampling/sampler.hpp"

namespace hocket::lora {
namespace {

/// Rows of states whose scores are computed at once: the vocabulary is wide.
constexpr std::int64_t head_rows = 64;

/// Sequences side by side, filled up to the longest; nothing looks at what comes after its end.
class pass {
 public:
  pass(const language::language_model& model, const engine::adapter& adapter,
       std::span<const training_datum* const> data)
      : model_(model), adapter_(adapter), data_(data) {
    for (const auto* d : data)
      length_ = std::max(length_, static_cast<std::int64_t>(d->tokens.size()));
  }

  /// [sequences * length, width]
  at::Tensor states() const {
    std::vector<std::int64_t> ids;
    for (const auto* d : data_) {
      ids.insert(ids.end(), d->tokens.begin(), d->tokens.end());
      ids.resize(ids.size() + length_ - d->tokens.size(), 0);
    }
    const auto& w = model_.weights();
    auto x = language::embed(w, model_.config(), ids);
    engine::row_map rows{
        .sequences = static_cast<std::int64_t>(data_.size()), .length = length_, .streams = {}};
    rows.adapters = {{0, x.size(0), &adapter_}};
    return w.trunk.forward(x, rows);
  }

  std::vector<std::vector<double>> logprobs(const at::Tensor& states) const {
    c10::NoGradGuard off;
    std::vector<std::vector<double>> all;
    for (std::size_t i = 0; i < data_.size(); ++i) {
      std::vector<double> own;
      const auto rows = rows_of(states, i);
      for (std::int64_t from = 0; from < rows.size(0); from += head_rows) {
        const auto to = std::min(from + head_rows, rows.size(0));
        const auto scores = language::scores_from(rows.slice(0, from, to), model_.config(),
                                                  model_.weights().head, &adapter_);
        gather(i, from, to, scores, own);
      }
      all.push_back(std::move(own));
    }
    return all;
  }

  /// Derivatives by the states, [sequences * length, width]; adds those by the head's adapter.
  at::Tensor head_backward(const at::Tensor& states,
                           const std::vector<std::vector<double>>& by_logprob) const {
    auto by_state = at::zeros_like(states);
    for (std::size_t i = 0; i < data_.size(); ++i) {
      const auto rows = rows_of(states, i), out = rows_of(by_state, i);
      for (std::int64_t from = 0; from < rows.size(0); from += head_rows) {
        const auto to = std::min(from + head_rows, rows.size(0));
        head_rows_backward(i, from, to, rows.slice(0, from, to), by_logprob[i],
                           out.slice(0, from, to));
      }
    }
    return by_state;
  }

 private:
  at::Tensor rows_of(const at::Tensor& all, std::size_t i) const {
    const auto first = static_cast<std::int64_t>(i) * length_;
    return all.slice(0, first, first + static_cast<std::int64_t>(data_[i]->tokens.size()));
  }
  const std::vector<double>& targets(std::size_t i) const {
    return data_[i]->inputs.at("target_tokens").values;
  }

  void gather(std::size_t i, std::int64_t from, std::int64_t to, std::span<const float> scores,
              std::vector<double>& into) const {
    const auto vocabulary = static_cast<std::size_t>(model_.config().vocabulary);
    const std::int64_t k = targets_per_token(*data_[i]);
    for (std::int64_t row = from; row < to; ++row) {
      const auto own =
          scores.subspan(static_cast<std::size_t>(row - from) * vocabulary, vocabulary);
      const language::log_softmax logprob(own);
      for (std::int64_t j = 0; j < k; ++j)
        into.push_back(logprob(own[static_cast<std::size_t>(targets(i)[row * k + j])]));
    }
  }

  void head_rows_backward(std::size_t i, std::int64_t from, std::int64_t to, const at::Tensor& rows,
                          const std::vector<double>& by_logprob, at::Tensor out) const {
    const std::int64_t n = to - from, k = targets_per_token(*data_[i]);
    const auto g = at::empty({n, k}, at::kFloat);
    const auto index = at::empty({n, k}, at::kLong);
    bool any = false;
    for (std::int64_t j = 0; j < n * k; ++j) {
      const auto value = by_logprob[static_cast<std::size_t>(from * k + j)];
      any |= value != 0;
      g.data_ptr<float>()[j] = static_cast<float>(value);
      index.data_ptr<std::int64_t>()[j] =
          static_cast<std::int64_t>(targets(i)[static_cast<std::size_t>(from * k + j)]);
    }
    if (!any) return;
    at::AutoGradMode on(true);
    const auto leaf = rows.detach().requires_grad_(true);
    const std::vector<engine::adapter_rows> taken{{0, n, &adapter_}};
    const auto raw = engine::ops::linear(leaf, model_.weights().head, taken);
    at::Tensor by_score;
    {
      c10::NoGradGuard off;
      const double cap = model_.config().logit_softcap;
      auto scores = raw.detach();
      if (cap > 0) scores = at::tanh(scores / cap) * cap;
      by_score = at::softmax(scores, 1).mul_(-g.sum(1, true)).scatter_add_(1, index, g);
      if (cap > 0) by_score.mul_(1 - (scores / cap).square());
    }
    torch::autograd::backward({raw}, {by_score});
    out.copy_(leaf.grad());
  }

  const language::language_model& model_;
  const engine::adapter& adapter_;
  std::span<const training_datum* const> data_;
  std::int64_t length_ = 0;
};

}  // namespace

std::vector<std::vector<double>> logprobs_of(const language::language_model& model,
                                             const engine::adapter& adapter,
                                             std::span<const training_datum* const> data) {
  c10::NoGradGuard off;
  const pass p(model, adapter, data);
  return p.logprobs(p.states());
}

std::vector<std::vector<double>> differentiate(const language::language_model& model,
                                               const engine::adapter& adapter,
                                               std::span<const training_datum* const> data,
                                               const loss_gradient& loss) {
  const pass p(model, adapter, data);
  at::AutoGradMode on(true);
  const engine::ops::exact_gradients exact;
  const auto states = p.states();
  const auto logprobs = p.logprobs(states.detach());
  std::vector<std::vector<double>> by_logprob;
  bool any = false;
  for (std::size_t i = 0; i < data.size(); ++i) {
    by_logprob.push_back(loss(i, logprobs[i]));
    for (const double g : by_logprob.back()) any |= g != 0;
  }
  if (!any) return logprobs;
  const auto by_state = p.head_backward(states.detach(), by_logprob);
  if (states.requires_grad()) torch::autograd::backward({states}, {by_state});
  return logprobs;
}

std::vector<std::vector<std::size_t>> passes_of(std::span<const training_datum> data,
                                                std::int64_t rows) {
  std::vector<std::size_t> order(data.size());
  std::iota(order.begin(), order.end(), 0);
  const auto length = [&](std::size_t i) {
    return static_cast<std::int64_t>(data[i].tokens.size());
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return length(a) < length(b); });
  std::vector<std::vector<std::size_t>> passes;
  for (const auto i : order) {  // ascending: this one is the longest of its pass
    const bool fits = !passes.empty() &&
                      (static_cast<std::int64_t>(passes.back().size()) + 1) * length(i) <= rows;
    if (!fits) passes.emplace_back();
    passes.back().push_back(i);
  }
  return passes;
}

}  // namespace hocket::lora
