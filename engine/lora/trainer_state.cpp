#include "engine/lora/trainer_state.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/variable.h>

#include "engine/transformer/orthogonal.hpp"

namespace hocket::lora {

learning_adapter::learning_adapter(adapter_weights w) : weights(std::move(w)) {
  for (auto& e : weights.entries)
    for (auto& [letter, matrix] : {std::pair{"A", &e.part->down}, {"B", &e.part->up}}) {
      matrix->value.set_requires_grad(true);
      tensors.push_back({e.where.name + ".lora_" + letter,
                         matrix->value,
                         at::zeros_like(matrix->value.detach()),
                         at::zeros_like(matrix->value.detach()),
                         {}});
    }
}

engine::named_tensors learning_adapter::moments() const {
  engine::named_tensors all;
  for (const auto& t : tensors) {
    all.emplace_back("first." + t.name, t.first);
    all.emplace_back("second." + t.name, t.second);
  }
  return all;
}

void learning_adapter::clear_gradients() {
  for (auto& t : tensors) t.value.mutable_grad() = at::Tensor();
}

result<void> learning_adapter::take_gradients() {
  for (const auto& t : tensors)
    if (t.value.grad().defined() && !t.value.grad().isfinite().all().item<bool>()) {
      clear_gradients();
      return fail("lora.not_finite",
                  "NonFiniteInTensor: the gradient of " + t.name + " is not finite");
    }
  for (auto& t : tensors) {
    const auto g = t.value.grad();
    if (!g.defined()) continue;
    t.pending = t.pending.defined() ? t.pending.add_(g) : g.detach();
  }
  clear_gradients();
  return {};
}

double learning_adapter::gradient_norm() const {
  double sum = 0;
  for (const auto& t : tensors)
    if (t.pending.defined()) {
      const double norm = t.pending.to(at::kDouble).norm().item<double>();
      sum += norm * norm;
    }
  return std::sqrt(sum);
}

void learning_adapter::adam(learning& t, const adam_params& p, double scale) {
  auto value = t.value.detach();
  value.mul_(1 - p.learning_rate * p.weight_decay);
  t.first.mul_(p.beta1), t.second.mul_(p.beta2);
  if (t.pending.defined()) {
    const auto g = scale == 1 ? t.pending : t.pending * scale;
    t.first.add_(g, 1 - p.beta1);
    t.second.addcmul_(g, g, 1 - p.beta2);
  }
  const double steps_now = static_cast<double>(steps);
  const double c1 = 1 - std::pow(p.beta1, steps_now), c2 = 1 - std::pow(p.beta2, steps_now);
  const auto denominator = (t.second / c2).sqrt_().add_(p.eps);
  // A number that never had a gradient stays where it is, also with an epsilon of 0.
  const auto move = at::where(t.first.eq(0), at::zeros_like(t.first), t.first / c1 / denominator);
  value.add_(move, -p.learning_rate);
  t.pending = at::Tensor();
}

void learning_adapter::muon(learning& t, const muon_params& p, double scale) {
  auto value = t.value.detach();
  value.mul_(1 - p.learning_rate * p.weight_decay);
  t.first.mul_(p.momentum);
  auto ahead = t.first * p.momentum;
  if (t.pending.defined()) {
    const auto g = scale == 1 ? t.pending : t.pending * scale;
    t.first.add_(g);
    ahead = t.first * p.momentum + g;
  }
  t.pending = at::Tensor();
  // What never had a gradient stays where it is.
  if (ahead.norm().item<double>() == 0) return;
  const auto rows = static_cast<double>(value.size(0)),
             columns = static_cast<double>(value.size(1));
  value.add_(engine::orthogonalise(ahead),
             -p.learning_rate * std::sqrt(std::max(1.0, rows / columns)));
}

template <class Move>
std::map<std::string, double> learning_adapter::step_all(double rate, double clip, Move move) {
  c10::NoGradGuard off;
  const double norm = gradient_norm();
  const double scale = clip > 0 ? std::min(1.0, clip / (norm + 1e-6)) : 1.0;
  ++steps;
  for (auto& t : tensors) move(t, scale);
  weights.pack();
  return {{"optim/grad_norm", norm},
          {"optim/learning_rate", rate},
          {"optim/step", static_cast<double>(steps)}};
}

result<std::map<std::string, double>> learning_adapter::step(const adam_params& p) {
  HOCKET_TRY(lora::check(p));
  return guarded([&]() -> result<std::map<std::string, double>> {
    return step_all(p.learning_rate, p.grad_clip_norm,
                    [&](auto& t, double scale) { adam(t, p, scale); });
  });
}

result<std::map<std::string, double>> learning_adapter::step(const muon_params& p) {
  HOCKET_TRY(lora::check(p));
  return guarded([&]() -> result<std::map<std::string, double>> {
    return step_all(p.learning_rate, p.grad_clip_norm,
                    [&](auto& t, double scale) { muon(t, p, scale); });
  });
}

std::string learning_adapter::optimizer_state() const {
  auto named = moments();
  named.emplace_back("steps", at::full({1}, static_cast<double>(steps), at::kFloat));
  const auto set = engine::snapshot(named, {});
  return engine::safetensors_bytes(set.tensors, set.metadata);
}

result<void> learning_adapter::read_optimizer(const std::string& file) {
  auto wanted = moments();
  const auto count = at::zeros({1}, at::kFloat);
  wanted.emplace_back("steps", count);
  HOCKET_TRY(read_tensors(file, "optimizer.safetensors", wanted));
  steps = static_cast<std::int64_t>(count.item<float>());
  return {};
}

result<void> trainer::state::check_all(const loss_config& loss,
                                       std::span<const training_datum> data) const {
  for (std::size_t i = 0; i < data.size(); ++i) {
    HOCKET_TRY(lora::check(loss, data[i], i, model->config().vocabulary));
    const auto n = static_cast<std::int64_t>(data[i].tokens.size());
    if (n > model->config().trunk.context)
      return fail("loss.bad_input",
                  fmt::format("datum {}: {} tokens exceed the model's context window of {}", i, n,
                              model->config().trunk.context));
  }
  return {};
}

}  // namespace hocket::lora
