#include "engine/training/optimizer.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/orthogonal.hpp"

namespace hocket::engine {

optimizer::optimizer(std::vector<parameter> parameters, const optimizer_config& config)
    : config_(config), parameters_(std::move(parameters)) {
  for (const auto& p : parameters_) {
    moments m{at::zeros_like(*p.value), {}};
    if (p.kind != parameter_kind::hidden) m.second = at::zeros_like(*p.value);
    moments_.push_back(std::move(m));
  }
}

double optimizer::clip_factor(const std::vector<at::Tensor>& gradients) const {
  double sum = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i].kind != parameter_kind::hidden && gradients[i].defined())
      sum += std::pow(gradients[i].norm().item<double>(), 2);
  return std::min(1.0, config_.clip / (std::sqrt(sum) + 1e-9));
}

void optimizer::update(std::size_t i, const at::Tensor& gradient, double scale, double clip_factor,
                       std::int64_t step) {
  c10::NoGradGuard no_grad;
  const auto& p = parameters_[i];
  if (p.kind == parameter_kind::hidden)
    muon(p, moments_[i], gradient, config_.matrix_rate * scale);
  else
    adam(p, moments_[i], gradient * clip_factor, config_.rate * scale, step);
  if (p.weight) ops::refresh_half(*p.weight);
}

void optimizer::muon(const parameter& p, moments& m, const at::Tensor& gradient, double rate) {
  m.first.mul_(config_.matrix_momentum).add_(gradient);
  const auto nesterov = gradient + m.first * config_.matrix_momentum;
  p.value->mul_(1 - rate * config_.matrix_decay);
  const std::int64_t rows = p.value->size(0) / p.pieces;
  for (std::int64_t piece = 0; piece < p.pieces; ++piece) {
    const auto step = orthogonalise(nesterov.slice(0, piece * rows, (piece + 1) * rows));
    const double shape =
        std::sqrt(std::max(1.0, static_cast<double>(rows) / static_cast<double>(step.size(1))));
    p.value->slice(0, piece * rows, (piece + 1) * rows).add_(step, -rate * shape);
  }
}

void optimizer::adam(const parameter& p, moments& m, const at::Tensor& gradient, double rate,
                     std::int64_t step) {
  m.first.mul_(config_.beta1).add_(gradient, 1 - config_.beta1);
  m.second.mul_(config_.beta2).addcmul_(gradient, gradient, 1 - config_.beta2);
  const double correction1 = 1 - std::pow(config_.beta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(config_.beta2, static_cast<double>(step));
  if (p.kind != parameter_kind::vector) p.value->mul_(1 - rate * config_.decay);
  const auto denominator = (m.second / correction2).sqrt_().add_(1e-9);
  p.value->addcdiv_(m.first, denominator, -rate / correction1);
}

std::vector<std::pair<std::string, at::Tensor>> optimizer::state() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& m = moments_[i];
    if (!m.second.defined()) {
      all.emplace_back("momentum." + parameters_[i].name, m.first);
    } else {
      all.emplace_back("first." + parameters_[i].name, m.first);
      all.emplace_back("second." + parameters_[i].name, m.second);
    }
  }
  return all;
}

}  // namespace hocket::engine
