// Short causal convolutions, on every path. A running stream remembers their inputs by position, so
// that it can go back, be copied and be read again after a pass that was given up.
#include <ATen/ATen.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/kv_cache.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {
namespace {

/// Streaming path: a row after the other, from the inputs that its stream remembers.
at::Tensor convolve_rows(const at::Tensor& input, const at::Tensor& taps, const at::Tensor& own,
                         const convolution_call& call) {
  const auto x = input.contiguous();
  const auto mine = own.defined() ? own.contiguous() : own;
  const std::int64_t channels = x.size(1);
  const std::int64_t heads = own.defined() ? own.size(1) / call.kernel : 1;
  auto y = at::empty_like(x);
  std::vector<const float*> past(static_cast<std::size_t>(call.kernel));
  const auto one = [&](std::int64_t row) {
    kernels::infer_convolve(past.data(), taps.data_ptr<float>(),
                            mine.defined() ? mine.data_ptr<float>() + row * mine.size(1) : nullptr,
                            channels / heads, y.data_ptr<float>() + row * channels, channels,
                            call.kernel, static_cast<float>(call.scale));
  };
  const float* const from = x.data_ptr<float>();
  std::int64_t row = 0;
  for (const auto& s : call.rows.streams) {
    background_work::pass();
    auto& memory = s.memory->convolution(call.layer, call.which);
    memory.write(from + row * channels, s.first, s.count);
    for (auto position = s.first; position < s.first + s.count; ++position, ++row) {
      for (int j = 0; j < call.kernel; ++j)
        past[j] = position >= j ? memory.row(position - j) : nullptr;
      one(row);
    }
  }
  for (const auto length : call.rows.whole())
    for (std::int64_t position = 0; position < length; ++position, ++row) {
      for (int j = 0; j < call.kernel; ++j)
        past[j] = position >= j ? from + (row - j) * channels : nullptr;
      one(row);
    }
  return y;
}

/// One sequence x [n, channels] behind what came before it, [kernel - 1, channels].
at::Tensor convolve_after(const at::Tensor& before, const at::Tensor& x, const at::Tensor& taps,
                          const at::Tensor& own, const convolution_call& call) {
  const std::int64_t n = x.size(0), channels = x.size(1), kernel = call.kernel;
  const auto all = at::cat({before, x}, 0);
  auto sum = x;
  for (std::int64_t j = 0; j < kernel; ++j) {
    auto tap = taps[j].unsqueeze(0).to(x.scalar_type());
    if (own.defined()) {
      const std::int64_t heads = own.size(1) / kernel;
      const auto by_head = own.view({n, heads, kernel}).select(2, j);
      tap = tap + by_head.repeat_interleave(channels / heads, 1);
    }
    sum = sum + tap * all.slice(0, kernel - 1 - j, kernel - 1 - j + n);
  }
  return sum * call.scale;
}

at::Tensor convolve_plainly(const at::Tensor& x, const at::Tensor& taps, const at::Tensor& own,
                            const convolution_call& call) {
  std::vector<at::Tensor> outputs;
  const auto nothing = at::zeros({call.kernel - 1, x.size(1)}, x.options());
  const auto part = [](const at::Tensor& t, std::int64_t row, std::int64_t n) {
    return t.defined() ? t.slice(0, row, row + n) : t;
  };
  std::int64_t row = 0;
  for (const auto& s : call.rows.streams) {
    auto& before = s.memory->convolution(call.layer, call.which).plain;
    if (!before.defined() || s.first == 0) before = nothing;
    const auto rows = part(x, row, s.count);
    outputs.push_back(convolve_after(before, rows, taps, part(own, row, s.count), call));
    const auto all = at::cat({before, rows}, 0);
    before = all.slice(0, all.size(0) - (call.kernel - 1)).clone();
    row += s.count;
  }
  for (const auto n : call.rows.whole()) {
    outputs.push_back(convolve_after(nothing, part(x, row, n), taps, part(own, row, n), call));
    row += n;
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& taps, const at::Tensor& own,
                    const convolution_call& call) {
  switch (path_of(x)) {
    case path::streaming: return convolve_rows(x, taps, own, call);
    case path::exact: break;
    case path::training: return convolve_plainly(x.to(at::kFloat), taps, own, call);
    case path::plain: return convolve_plainly(x, taps, own, call);
  }
  HOCKET_ASSERT(call.rows.streams.empty());  // gradients reach whole sequences only
  std::vector<at::Tensor> inputs{x};
  if (own.defined()) inputs.push_back(own);
  at::Tensor y;
  {
    c10::NoGradGuard off;
    y = convolve_rows(x.detach(), taps, own.defined() ? own.detach() : own, call);
  }
  return exact::recorded(y, inputs,
                         [taps, which = call.which, kernel = call.kernel, scale = call.scale,
                          lengths = call.rows.whole()](const std::vector<at::Tensor>& in) {
                           const row_map rows{.streams = {}, .lengths = lengths};
                           return convolve_plainly(in[0], taps,
                                                   in.size() > 1 ? in[1] : at::Tensor(),
                                                   {which, 0, kernel, scale, rows});
                         });
}

}  // namespace hocket::engine::ops
