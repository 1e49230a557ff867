// Which experts a row takes. The choice is made number by number on the CPU, so that it depends on
// nothing but the row.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/choice_count.hpp"
#include "engine/transformer/ops_paths.hpp"

namespace hocket::engine::ops {
namespace {

/// The `count` largest, by index; the first of equals.
std::vector<std::int64_t> best(const std::vector<double>& scores, std::int64_t count) {
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return scores[a] > scores[b]; });
  order.resize(count);
  return order;
}

/// Experts outside the groups with the largest sums of two count as 0 (DeepSeek-V3, section 2.1.2).
void limit_to_groups(std::vector<double>& scores, const experts_config& config) {
  const auto size = static_cast<std::int64_t>(scores.size()) / config.groups;
  std::vector<double> group;
  for (int g = 0; g < config.groups; ++g) {
    std::vector<double> members(scores.begin() + g * size, scores.begin() + (g + 1) * size);
    std::sort(members.rbegin(), members.rend());
    group.push_back(members[0] + (size > 1 ? members[1] : 0));
  }
  const auto kept = best(group, config.groups_chosen);
  for (std::int64_t e = 0; e < static_cast<std::int64_t>(scores.size()); ++e)
    if (std::find(kept.begin(), kept.end(), e / size) == kept.end()) scores[e] = 0;
}

/// Scores of all experts from their logits.
std::vector<double> score(const double* logits, std::int64_t count, const experts_config& config) {
  std::vector<double> s(logits, logits + count);
  if (config.router == router_kind::sigmoid) {
    for (double& v : s) v = 1 / (1 + std::exp(-v));
  } else if (config.router == router_kind::softmax) {
    const double top = *std::max_element(s.begin(), s.end());
    double sum = 0;
    for (double& v : s) sum += v = std::exp(v - top);
    for (double& v : s) v /= sum;
  }
  return s;
}

/// Weights of the chosen experts from their scores.
void weigh(std::vector<double>& chosen, const experts_config& config) {
  if (config.router == router_kind::chosen) {
    const double top = *std::max_element(chosen.begin(), chosen.end());
    for (double& v : chosen) v = std::exp(v - top);
  }
  if (config.normalise || config.router == router_kind::chosen) {
    const double sum = std::accumulate(chosen.begin(), chosen.end(), 0.0);
    for (double& v : chosen) v /= sum + 1e-20;
  }
  for (double& v : chosen) v *= config.scale;
}

/// `weigh` with gradients: the same formulas over logits [n, experts], index [n, chosen].
at::Tensor weigh(const at::Tensor& logits, const at::Tensor& index, const experts_config& config) {
  auto scores = logits;
  if (config.router == router_kind::sigmoid) scores = at::sigmoid(logits);
  if (config.router == router_kind::softmax) scores = at::softmax(logits, -1);
  auto w = scores.gather(1, index);
  if (config.router == router_kind::chosen)
    w = at::softmax(w, -1);
  else if (config.normalise)
    w = w / (w.sum(-1, true) + 1e-20);
  return w * config.scale;
}

}  // namespace

routing route(const at::Tensor& logits, const at::Tensor& correction,
              const experts_config& config) {
  return route(logits, correction, config, {});
}

routing route(const at::Tensor& logits, const at::Tensor& correction, const experts_config& config,
              adapters_by_row blocks) {
  const auto values = logits.detach().to(at::kCPU, at::kDouble).contiguous();
  const auto shift = correction.defined()
                         ? correction.detach().to(at::kCPU, at::kDouble).contiguous()
                         : at::Tensor();
  const std::int64_t n = values.size(0), chosen = config.chosen, scored = values.size(1);
  const std::int64_t shared = scored - config.count, weighed = chosen + shared;
  routing r;
  auto weight = at::empty({n, weighed}, at::kDouble);
  std::vector<std::int64_t> places;  // of all that is weighed
  for (std::int64_t t = 0; t < n; ++t) {
    const auto scores = score(values.data_ptr<double>() + t * scored, scored, config);
    std::vector<double> rank(scores.begin(), scores.begin() + config.count);
    for (std::size_t e = 0; shift.defined() && e < rank.size(); ++e)
      rank[e] += shift.data_ptr<double>()[e];
    if (config.groups > 1) limit_to_groups(rank, config);
    auto taken = best(rank, chosen);
    std::sort(taken.begin(), taken.end());
    r.expert.insert(r.expert.end(), taken.begin(), taken.end());
    for (auto e = config.count; e < scored; ++e) taken.push_back(e);
    std::vector<double> w;
    for (const auto e : taken) w.push_back(scores[e]);
    weigh(w, config);
    std::copy(w.begin(), w.end(), weight.data_ptr<double>() + t * weighed);
    places.insert(places.end(), taken.begin(), taken.end());
  }
  if (correction.defined())
    counted_choices::add(correction.data_ptr(), static_cast<std::size_t>(config.count), r.expert);
  if (path_of(logits) == path::exact) {
    const auto index = at::tensor(places, at::kLong).view({n, weighed});
    r.weight = exact::recorded_rows(
        weight.to(at::kFloat), logits, blocks,
        [index, config](const at::Tensor& rows, std::int64_t first, std::int64_t last) {
          return weigh(rows, index.slice(0, first, last), config);
        });
  } else if (c10::GradMode::is_enabled() && logits.requires_grad()) {
    const auto index = at::tensor(places, at::kLong).view({n, weighed}).to(logits.device());
    r.weight = weigh(logits, index, config);
  } else {
    r.weight = weight.to(logits.options());
  }
  if (shared > 0) {
    r.shared = r.weight.slice(1, chosen);
    r.weight = r.weight.slice(1, 0, chosen);
  }
  return r;
}

}  // namespace hocket::engine::ops
