// Muon for hidden matrices, AdamW for everything else. Internal header of engine/.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/transformer/ops.hpp"

namespace hocket::engine {

struct optimizer_config {
  double matrix_rate = 0.015;  ///< Muon: step of the orthogonalised momentum, see `step`
  double matrix_momentum = 0.95;
  double matrix_decay = 0.05;  ///< weights shrink by rate * decay per step
  double rate = 3e-3;          ///< AdamW: tables, heads, vectors
  double beta1 = 0.9, beta2 = 0.98;
  double decay = 0.01;  ///< AdamW: tables and heads only
  double clip = 1.0;    ///< AdamW: limit of the gradient's norm over its parameters
};

/// Updates parameters from summed gradients. Parameters are independent of each other, so `update`
/// may run for different ones on different threads. *Source*: Jordan et al. 2024 (Muon:
/// Newton-Schulz with 5 steps, coefficients 3.4445, -4.7750, 2.0315; step scaled by sqrt(max(1,
/// rows / columns))); Loshchilov & Hutter 2019 (AdamW).
class optimizer {
 public:
  optimizer(std::vector<parameter> parameters, const optimizer_config& config);

  /// Norm of the gradients that AdamW will take; gives the factor for `update`.
  double clip_factor(const std::vector<at::Tensor>& gradients) const;
  /// Applies gradient i to parameter i. `scale` multiplies both rates.
  void update(std::size_t i, const at::Tensor& gradient, double scale, double clip_factor,
              std::int64_t step);

  /// Moments by parameter name: "momentum.<name>" or "first.<name>", "second.<name>".
  std::vector<std::pair<std::string, at::Tensor>> state() const;
  std::size_t size() const { return parameters_.size(); }
  const std::vector<parameter>& parameters() const { return parameters_; }

 private:
  struct moments {
    at::Tensor first, second;  ///< Muon keeps only the first
  };
  void muon(const parameter& p, moments& m, const at::Tensor& gradient, double rate);
  void adam(const parameter& p, moments& m, const at::Tensor& gradient, double rate,
            std::int64_t step);

  optimizer_config config_;
  std::vector<parameter> parameters_;
  std::vector<moments> moments_;
};

}  // namespace hocket::engine
