#include "engine/lora/passes.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "engine/language/network/weights.hpp"
#include "engine/language/sampling/sampler.hpp"
#include "engine/transformer/background.hpp"
#include "engine/transformer/exact_kernels.hpp"

namespace hocket::lora {
namespace {

/// Rows of states whose scores are computed at once: the vocabulary is wide.
constexpr std::int64_t head_rows = 64;

/// Sequences one after the other.
class pass {
 public:
  pass(const language::language_model& model, std::span<const adapted_data> all) : model_(model) {
    std::int64_t row = 0;
    for (const auto& a : all) {
      const auto first = row;
      for (const auto* d : a.data) {
        const auto n = static_cast<std::int64_t>(d->tokens.size());
        own_.push_back({d, a.adapter, row});
        rows_.lengths.push_back(n);
        row += n;
      }
      rows_.adapters.push_back({first, row, a.adapter});
    }
  }

  /// [rows, width]
  at::Tensor states() const {
    std::vector<std::int64_t> ids;
    for (const auto& s : own_)
      ids.insert(ids.end(), s.datum->tokens.begin(), s.datum->tokens.end());
    const auto& w = model_.weights();
    return w.trunk.forward(language::embed(w, model_.config(), ids), rows_);
  }

  std::vector<std::vector<double>> logprobs(const at::Tensor& states) const {
    c10::NoGradGuard off;
    std::vector<std::vector<double>> all;
    for (std::size_t i = 0; i < own_.size(); ++i) {
      std::vector<double> own;
      const auto rows = rows_of(states, i);
      for (std::int64_t from = 0; from < rows.size(0); from += head_rows) {
        const auto to = std::min(from + head_rows, rows.size(0));
        const engine::adapter_rows taken{0, to - from, own_[i].adapter};
        const auto scores = language::scores_from(rows.slice(0, from, to), model_.config(),
                                                  model_.weights().head, {&taken, 1});
        gather(i, from, to, scores, own);
      }
      all.push_back(std::move(own));
    }
    return all;
  }

  /// Adds the gradients of all adapters.
  void backward(const at::Tensor& states,
                const std::vector<std::vector<double>>& by_logprob) const {
    const auto by_state = head_backward(states.detach(), by_logprob);
    if (states.requires_grad()) torch::autograd::backward({states}, {by_state});
  }

 private:
  /// Derivatives by the states, [rows, width]; adds those by the heads' adapters.
  at::Tensor head_backward(const at::Tensor& states,
                           const std::vector<std::vector<double>>& by_logprob) const {
    auto by_state = at::zeros_like(states);
    auto head = model_.weights().head;  // unpacked once for all rows
    if (!head.value.defined() && !head.packed_back.defined())
      head.value = engine::ops::unpack(head, states.size(1));
    for (std::size_t i = 0; i < own_.size(); ++i) {
      const auto rows = rows_of(states, i), out = rows_of(by_state, i);
      for (std::int64_t from = 0; from < rows.size(0); from += head_rows) {
        const auto to = std::min(from + head_rows, rows.size(0));
        head_rows_backward(i, from, to, head, rows.slice(0, from, to), by_logprob[i],
                           out.slice(0, from, to));
      }
    }
    return by_state;
  }

  struct sequence {
    const training_datum* datum;
    const engine::adapter* adapter;
    std::int64_t first;  ///< its first row
  };
  at::Tensor rows_of(const at::Tensor& all, std::size_t i) const {
    return all.slice(0, own_[i].first, own_[i].first + rows_.lengths[i]);
  }
  const std::vector<double>& targets(std::size_t i) const {
    return own_[i].datum->inputs.at("target_tokens").values;
  }

  void gather(std::size_t i, std::int64_t from, std::int64_t to, std::span<const float> scores,
              std::vector<double>& into) const {
    const auto vocabulary = static_cast<std::size_t>(model_.config().vocabulary);
    const std::int64_t k = targets_per_token(*own_[i].datum);
    const auto before = into.size();
    into.resize(before + static_cast<std::size_t>((to - from) * k));
    engine::background_work::divide(to - from, 8, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t row = first; row < last; ++row) {
        const auto own = scores.subspan(static_cast<std::size_t>(row) * vocabulary, vocabulary);
        const language::log_softmax logprob(own);
        for (std::int64_t j = 0; j < k; ++j)
          into[before + static_cast<std::size_t>(row * k + j)] =
              logprob(own[static_cast<std::size_t>(targets(i)[(from + row) * k + j])]);
      }
    });
  }

  void head_rows_backward(std::size_t i, std::int64_t from, std::int64_t to,
                          const engine::matrix& head, const at::Tensor& rows,
                          const std::vector<double>& by_logprob, at::Tensor out) const {
    const std::int64_t n = to - from, k = targets_per_token(*own_[i].datum);
    const auto own =
        std::span(by_logprob)
            .subspan(static_cast<std::size_t>(from * k), static_cast<std::size_t>(n * k));
    if (std::ranges::all_of(own, [](double v) { return v == 0; })) return;
    at::AutoGradMode on(true);
    const auto leaf = rows.detach().requires_grad_(true);
    const std::vector<engine::adapter_rows> taken{{0, n, own_[i].adapter}};
    auto raw = engine::ops::linear(leaf, head, taken);
    if (model_.config().logit_scale != 1) raw = raw * model_.config().logit_scale;
    torch::autograd::backward({raw}, {by_scores(raw.detach(), own, &targets(i)[from * k], k)});
    out.copy_(leaf.grad());
  }

  /// Derivatives by scores [n, vocabulary] of what has these derivatives by the log probabilities of its
  /// targets, `k` a row.
  at::Tensor by_scores(const at::Tensor& raw, std::span<const double> by_logprob,
                       const double* targets, std::int64_t k) const {
    c10::NoGradGuard off;
    const double cap = model_.config().logit_softcap;
    const auto scores = (cap > 0 ? at::tanh(raw / cap) * cap : raw).contiguous();
    auto by_score = at::empty_like(scores);
    const std::int64_t width = scores.size(1);
    const float* scored = scores.data_ptr<float>();
    float* into = by_score.data_ptr<float>();
    engine::background_work::divide(
        scores.size(0), 4, 1, [&](std::int64_t first, std::int64_t last) {
          for (auto row = first; row < last; ++row) {
            const double* own = &by_logprob[static_cast<std::size_t>(row * k)];
            const double all = std::accumulate(own, own + k, 0.0);
            float* y = into + row * width;
            engine::kernels::weighted_softmax(scored + row * width, y, width,
                                              static_cast<float>(-all));
            for (std::int64_t j = 0; j < k; ++j)
              y[static_cast<std::int64_t>(targets[row * k + j])] += static_cast<float>(own[j]);
          }
        });
    if (cap > 0) by_score.mul_(1 - (scores / cap).square());
    return by_score;
  }

  const language::language_model& model_;
  std::vector<sequence> own_;
  engine::row_map rows_;
};

}  // namespace

std::vector<std::vector<double>> logprobs_of(const language::language_model& model,
                                             std::span<const adapted_data> all) {
  c10::NoGradGuard off;
  const pass p(model, all);
  return p.logprobs(p.states());
}

std::vector<std::vector<double>> differentiate(const language::language_model& model,
                                               std::span<const adapted_data> all,
                                               const loss_gradient& loss) {
  at::AutoGradMode on(true);
  const engine::ops::exact_gradients exact;
  std::vector<std::vector<double>> logprobs, by_logprob;
  std::vector<adapted_data> learning;  // those that have a gradient
  {
    const pass p(model, all);
    const auto states = p.states();
    logprobs = p.logprobs(states.detach());
    std::size_t i = 0;
    for (const auto& a : all) {
      std::vector<std::vector<double>> own;
      bool any = false;
      for (std::size_t k = 0; k < a.data.size(); ++k, ++i) {
        own.push_back(loss(i, logprobs[i]));
        for (const double g : own.back()) any |= g != 0;
      }
      if (!any) continue;
      learning.push_back(a);
      std::ranges::move(own, std::back_inserter(by_logprob));
    }
    if (learning.size() == all.size()) {
      p.backward(states, by_logprob);
      return logprobs;
    }
  }
  // Zeros times what is not finite would be gradients of those that have none.
  if (learning.empty()) return logprobs;
  const pass again(model, learning);
  again.backward(again.states(), by_logprob);
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
  std::int64_t taken = 0;
  for (const auto i : order) {
    if (passes.empty() || taken + length(i) > rows) passes.emplace_back(), taken = 0;
    passes.back().push_back(i);
    taken += length(i);
  }
  return passes;
}

}  // namespace hocket::lora
