// Internal header of engine/: the step of Muon.
#pragma once

#include <ATen/ATen.h>

namespace hocket::engine {

/// The nearest matrix with orthonormal rows or columns, roughly: singular values land in 0.7 to 1.2.
/// g: [rows, columns] f32. *Source*: Jordan et al. 2024, five Newton-Schulz steps in bfloat16.
inline at::Tensor orthogonalise(const at::Tensor& g) {
  const bool tall = g.size(0) > g.size(1);
  auto x = (g / (g.norm().item<double>() + 1e-7)).to(at::kBFloat16);
  if (tall) x = x.t().contiguous();
  for (int i = 0; i < 5; ++i) {
    const auto a = at::mm(x, x.t());
    const auto b = a * -4.7750 + at::mm(a, a) * 2.0315;
    x = x * 3.4445 + at::mm(b, x);
  }
  return (tall ? x.t() : x).to(at::kFloat);
}

}  // namespace hocket::engine
