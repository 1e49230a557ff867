// Clips, gates and reading from blocks, on every path; formulas are in ops.hpp.
#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/transformer/kernels.hpp"
#include "engine/transformer/ops_paths.hpp"

namespace hocket::engine::ops {
namespace {

using tensors = std::vector<at::Tensor>;

/// `stream` where rows must not depend on each other, `plainly` elsewhere; both of the same inputs.
template <class Stream, class Plain>
at::Tensor on_path(const tensors& inputs, Stream stream, Plain plainly) {
  const auto way = path_of(inputs[0]);
  if (way != path::streaming && way != path::exact) return plainly(inputs);
  tensors rows;
  at::Tensor y;
  {
    c10::NoGradGuard off;
    for (const auto& t : inputs) rows.push_back(t.detach().to(at::kFloat).contiguous());
    y = stream(rows);
  }
  return way == path::exact ? exact::recorded(y, inputs, plainly) : y;
}

const float* data(const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

}  // namespace

at::Tensor clip(const at::Tensor& x, const at::Tensor& gain, std::int64_t heads, double limit) {
  const std::int64_t n = x.size(0), d = x.size(1) / heads;
  return on_path(
      {x},
      [&](const tensors& in) {
        auto y = at::empty_like(in[0]);
        kernels::infer_clip(data(in[0]), data(gain), y.data_ptr<float>(), n, heads, d,
                            static_cast<float>(limit));
        return y;
      },
      [=](const tensors& in) {
        const auto scaled = gain.defined() ? in[0] * gain : in[0];
        const auto rows = scaled.reshape({n, heads, d});
        const auto norm = rows.square().sum(-1, true).sqrt();
        return (rows * (limit / (norm + 1e-6)).clamp_max(1)).reshape({n, heads * d});
      });
}

at::Tensor gate(const at::Tensor& x, const at::Tensor& by) {
  return on_path(
      {x, by},
      [](const tensors& in) {
        auto y = at::empty_like(in[0]);
        kernels::infer_gate(data(in[0]), data(in[1]), y.data_ptr<float>(), y.size(0), y.size(1));
        return y;
      },
      [](const tensors& in) { return in[0] * at::sigmoid(in[1]); });
}

at::Tensor mix(const at::Tensor& x, const at::Tensor& message, const at::Tensor& forget,
               const at::Tensor& take) {
  return on_path(
      {x, message, forget, take},
      [](const tensors& in) {
        auto y = at::empty_like(in[0]);
        kernels::infer_mix(data(in[0]), data(in[1]), data(in[2]), data(in[3]), y.data_ptr<float>(),
                           y.size(0), y.size(1));
        return y;
      },
      [](const tensors& in) { return (1 - at::tanh(in[2])) * in[0] + at::tanh(in[3]) * in[1]; });
}

std::vector<at::Tensor> look_back(const tensors& sources, const at::Tensor& queries,
                                  double epsilon) {
  const auto found = on_path(
      sources,
      [&](const tensors& in) {
        const std::int64_t n = in[0].size(0), d = in[0].size(1), q = queries.size(0);
        auto y = at::empty({q, n, d}, at::kFloat);
        std::vector<const float*> from(in.size());
        std::vector<float*> to(static_cast<std::size_t>(q));
        for (std::int64_t row = 0; row < n; ++row) {
          for (std::size_t s = 0; s < in.size(); ++s) from[s] = data(in[s]) + row * d;
          for (std::int64_t k = 0; k < q; ++k)
            to[static_cast<std::size_t>(k)] = y.data_ptr<float>() + (k * n + row) * d;
          kernels::infer_look_back(from.data(), static_cast<std::int64_t>(in.size()), data(queries),
                                   q, d, static_cast<float>(epsilon), to.data());
        }
        return y;
      },
      [=](const tensors& in) {
        auto all = at::stack(in, 1);  // [n, sources, d]
        all = all * (all.square().mean(-1, true) + epsilon).rsqrt();
        const auto asked = queries.to(all.scalar_type());
        const auto scores =
            at::matmul(asked, all.transpose(1, 2)) / std::sqrt(static_cast<double>(all.size(2)));
        return at::matmul(at::softmax(scores, -1), all).transpose(0, 1);
      });
  tensors each;
  for (std::int64_t k = 0; k < queries.size(0); ++k) each.push_back(found[k]);
  return each;
}

}  // namespace hocket::engine::ops
