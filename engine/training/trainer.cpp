#include "engine/training/trainer.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <mutex>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/tensor_file.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {  // splitmix64
  std::uint64_t z = a + 0x9e3779b97f4a7c15ull * (b + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/// What one worker differentiates, and what it found.
struct work {
  std::unique_ptr<trainable> model;
  std::vector<parameter> leaves;
  loss_sums sums;
  choice_counts choices;
  result<void> outcome;
};

}  // namespace

trainer::trainer(trainable& model, const trainer_config& config)
    : model_(model),
      config_(config),
      optimizer_(model.parameters(), config.optimizer),
      pool_(config.workers) {
  for (auto& p : model.parameters())
    if (p.weight) ops::refresh_half(*p.weight);
}

result<loss_sums> trainer::step(std::span<const training_example> examples, double rate_scale) {
  HOCKET_ASSERT(!examples.empty());
  std::vector<work> workers(config_.workers);
  for (auto& w : workers) {
    w.model = model_.alias();
    w.leaves = w.model->parameters();
    for (auto& p : w.leaves)
      if (!p.name.starts_with(config_.only)) p.value->set_requires_grad(false);
  }
  const double share = 1.0 / static_cast<double>(examples.size());
  std::atomic<std::size_t> next{0};
  pool_.run([&](int index) {
    auto& w = workers[index];
    const counted_choices counted(config_.balance > 0 ? &w.choices : nullptr);
    for (std::size_t i = next++; i < examples.size() && w.outcome; i = next++) {
      const auto number = static_cast<std::uint64_t>(steps_) * examples.size() + i;
      const auto loss = w.model->loss(examples[i], mix(config_.seed, number), w.sums);
      if (!loss)
        w.outcome = fail(loss);
      else if (!std::isfinite(loss->detach().item<double>()))
        w.outcome =
            fail("train.diverged", "the loss is not finite at step " + std::to_string(steps_));
      else if (loss->requires_grad())
        (*loss * share).backward();
    }
  });
  loss_sums sums;
  choice_counts choices;
  std::vector<at::Tensor> gradients(optimizer_.size());
  c10::NoGradGuard no_grad;
  for (auto& w : workers) {
    HOCKET_TRY(std::move(w.outcome));
    for (const auto& [name, value] : w.sums) sums[name] += value;
    for (const auto& [correction, rows] : w.choices) {
      auto& all = choices[correction];
      all.resize(rows.size());
      for (std::size_t e = 0; e < rows.size(); ++e) all[e] += rows[e];
    }
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const auto& g = w.leaves[i].value->grad();
      if (g.defined()) gradients[i] = gradients[i].defined() ? gradients[i].add_(g) : g;
    }
  }
  if (config_.average > 0 && averages_.empty()) begin_average();
  ++averaged_;
  const double clip = optimizer_.clip_factor(gradients);
  std::atomic<std::size_t> next_parameter{0};
  pool_.run([&](int) {
    for (std::size_t i = next_parameter++; i < gradients.size(); i = next_parameter++)
      if (gradients[i].defined()) {
        optimizer_.update(i, gradients[i], rate_scale, clip, steps_ + 1);
        if (!averages_.empty()) add_to_average(i);
      }
  });
  balance_experts(choices, sums);
  ++steps_;
  return sums;
}

void trainer::balance_experts(const choice_counts& counts, loss_sums& sums) {
  for (std::size_t i = 0; i < optimizer_.size(); ++i) {
    const auto& p = optimizer_.parameters()[i];
    const auto found = counts.find(p.value->data_ptr());
    if (found == counts.end() || !p.name.starts_with(config_.only)) continue;
    const auto& rows = found->second;
    const auto n = static_cast<std::int64_t>(rows.size());
    const auto total = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
    if (total == 0) continue;
    for (std::int64_t e = 0; e < n; ++e) {
      const auto over = rows[static_cast<std::size_t>(e)] * n - total;
      if (over != 0) p.value->select(0, e).add_(over > 0 ? -config_.balance : config_.balance);
    }
    sums["expert_layers"] += 1;
    sums["expert_peak"] += static_cast<double>(*std::max_element(rows.begin(), rows.end()) * n) /
                           static_cast<double>(total);
    if (!averages_.empty()) add_to_average(i);
  }
}

trainer::named trainer::everything() const {
  named_tensors all;
  for (const auto& p : optimizer_.parameters()) all.emplace_back(p.name, *p.value);
  for (auto& entry : optimizer_.state()) all.push_back(std::move(entry));
  return all;
}

trainer::named trainer::averages() const {
  named all;
  for (std::size_t i = 0; i < averages_.size(); ++i)
    all.emplace_back("average." + optimizer_.parameters()[i].name, averages_[i]);
  return all;
}

void trainer::begin_average() {
  c10::NoGradGuard no_grad;
  averages_.clear();
  for (const auto& p : optimizer_.parameters()) averages_.push_back(p.value->detach().clone());
  averaged_ = 0;
}

void trainer::add_to_average(std::size_t i) {
  c10::NoGradGuard no_grad;
  const auto t = static_cast<double>(averaged_);
  averages_[i].lerp_(*optimizer_.parameters()[i].value, 1 - std::min(config_.average, t / (t + 9)));
}

tensor_set trainer::save() const {
  auto all = everything();
  for (auto& entry : averages()) all.push_back(std::move(entry));
  std::map<std::string, std::string> said{{"step", std::to_string(steps_)}};
  if (!averages_.empty()) said["averaged"] = std::to_string(averaged_);
  return snapshot(all, std::move(said));
}

result<void> trainer::restore(const safetensors_file& checkpoint) {
  const auto step = checkpoint.metadata().find("step");
  std::int64_t steps = -1;
  if (step != checkpoint.metadata().end())
    std::from_chars(step->second.data(), step->second.data() + step->second.size(), steps);
  if (steps < 0) return fail("train.bad_checkpoint", "the checkpoint does not say its step");
  HOCKET_TRY(copy_tensors(checkpoint, everything()));
  if (config_.average > 0) {
    begin_average();
    if (const auto averaged = checkpoint.metadata().find("averaged");
        averaged != checkpoint.metadata().end()) {
      HOCKET_TRY(copy_tensors(checkpoint, averages()));
      averaged_ = -1;
      std::from_chars(averaged->second.data(), averaged->second.data() + averaged->second.size(),
                      averaged_);
      if (averaged_ < 0)
        return fail("train.bad_checkpoint",
                    "the checkpoint does not say over how many steps its "
                    "average goes");
    }
  }
  for (auto& p : optimizer_.parameters())
    if (p.weight) ops::refresh_half(*p.weight);
  steps_ = steps;
  return {};
}

tensor_set trainer::export_weights(bool half) const {
  named_tensors weights;
  for (std::size_t i = 0; i < optimizer_.size(); ++i) {
    const auto& value = averages_.empty() ? *optimizer_.parameters()[i].value : averages_[i];
    weights.emplace_back(optimizer_.parameters()[i].name,
                         half && value.dim() > 1 ? value.to(at::kBFloat16) : value);
  }
  return snapshot(weights, {{"step", std::to_string(steps_)}, {"weights", half ? "BF16" : "F32"}});
}

}  // namespace hocket::engine
