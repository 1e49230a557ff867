// State-space layers between their projections, on every path.
#include <ATen/ATen.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/kv_cache.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {
namespace {

kernels::scan_shape scan_shape_of(const scan_call& call) {
  const auto& c = call.config;
  return {.heads = c.heads,
          .head_dim = c.head_dim,
          .state = c.state,
          .groups = c.groups,
          .kernel = c.kernel,
          .least_step = static_cast<float>(c.least_step),
          .epsilon = static_cast<float>(call.epsilon)};
}

const float* numbers(const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

/// New rows of one stream: `rows` [count, row_width] at position `first` -> y [count, inner].
class stream_scan {
 public:
  stream_scan(const scan_call& call, state_memory& memory, std::int64_t first, std::int64_t count)
      : vectors_(call.vectors),
        shape_(scan_shape_of(call)),
        memory_(memory),
        first_(first),
        end_(first + count) {}

  void run(const float* rows, float* y) {
    const std::int64_t inner = shape_.inner(), width = inner + shape_.convolved() + shape_.heads;
    memory_.write(rows + inner, width, first_, end_ - first_);
    read_inputs();
    while (memory_.position() < end_) {
      const auto from = memory_.position();
      auto count = memory_.rows_at_once(first_, end_);
      if (from < first_) count = std::min(count, first_ - from);  // read again, and not told again
      move_on(count, from < first_ ? nullptr : y + (from - first_) * inner);
    }
    background_work::divide(end_ - first_, rows_, rows_, [&](std::int64_t i, std::int64_t last) {
      for (; i < last; ++i)
        kernels::infer_gated_norm(shape_, rows + i * width, numbers(vectors_.gain), y + i * inner);
    });
  }

 private:
  static constexpr std::int64_t rows_ = 8;  // between two looks at the gate

  /// What the convolutions give of each row from where the state is.
  void read_inputs() {
    begin_ = memory_.position();
    const auto count = end_ - begin_;
    inputs_.resize(static_cast<std::size_t>(count * shape_.convolved()));
    for (auto position = begin_; position < end_; ++position)
      steps_.push_back(memory_.row(position) + shape_.convolved());
    background_work::divide(count, rows_, rows_, [&](std::int64_t i, std::int64_t last) {
      std::vector<const float*> past(static_cast<std::size_t>(shape_.kernel));
      for (; i < last; ++i) {
        const auto position = begin_ + i;
        for (int j = 0; j < shape_.kernel; ++j)
          past[static_cast<std::size_t>(j)] = position >= j ? memory_.row(position - j) : nullptr;
        kernels::infer_scan_inputs(shape_, past.data(), numbers(vectors_.taps),
                                   numbers(vectors_.taps_bias),
                                   inputs_.data() + i * shape_.convolved());
      }
    });
  }

  void move_on(std::int64_t count, float* y) {
    const auto at = memory_.position() - begin_;
    float* const state = memory_.move_on(count, first_, end_);
    const kernels::scan_rows rows{inputs_.data() + at * shape_.convolved(), steps_.data() + at,
                                  count};
    constexpr std::int64_t products = 2'000'000, worth = 100'000;
    const auto of_head = std::max<std::int64_t>(1, count * shape_.head_dim * shape_.state);
    background_work::divide(shape_.heads, products / of_head, worth / of_head,
                            [&](std::int64_t head, std::int64_t last) {
                              kernels::infer_scan(shape_, rows, numbers(vectors_.step_bias),
                                                  numbers(vectors_.decay), numbers(vectors_.skip),
                                                  state, y, head, last);
                            });
  }

  const state_space_vectors& vectors_;
  const kernels::scan_shape shape_;
  state_memory& memory_;
  const std::int64_t first_, end_;
  std::int64_t begin_ = 0;
  std::vector<float> inputs_;
  std::vector<const float*> steps_;
};

/// Streaming path: streams from what they remember, whole sequences from nothing.
at::Tensor scan_rows(const at::Tensor& input, const scan_call& call) {
  const auto x = input.contiguous();
  auto y = at::empty({x.size(0), call.config.inner()}, at::kFloat);
  std::int64_t row = 0;
  const auto add = [&](state_memory& memory, std::int64_t first, std::int64_t count) {
    stream_scan(call, memory, first, count)
        .run(x.data_ptr<float>() + row * x.size(1), y.data_ptr<float>() + row * y.size(1));
    row += count;
  };
  for (const auto& s : call.rows.streams) add(s.memory->state(call.layer), s.first, s.count);
  for (const auto n : call.rows.whole()) {
    state_memory memory(call.config);
    add(memory, 0, n);
  }
  return y;
}

/// One sequence x [n, row_width] behind the convolutions' inputs and the state that came before it; both
/// become those behind it.
at::Tensor scan_after(at::Tensor& inputs, at::Tensor& state, const at::Tensor& x,
                      const scan_call& call) {
  const auto& c = call.config;
  const auto like = [&](const at::Tensor& t) { return t.to(x.options()); };
  const std::int64_t n = x.size(0), inner = c.inner(), in_group = std::int64_t{c.groups} * c.state;
  const auto all = at::cat({inputs, x.slice(1, inner, inner + c.convolved())}, 0);
  auto u = at::zeros({n, c.convolved()}, x.options());
  if (call.vectors.taps_bias.defined()) u = u + like(call.vectors.taps_bias);
  for (std::int64_t j = 0; j < c.kernel; ++j)
    u = u + like(call.vectors.taps)[j] * all.slice(0, c.kernel - 1 - j, c.kernel - 1 - j + n);
  u = at::silu(u);
  const auto by_head = [&](std::int64_t from) {
    return u.slice(1, from, from + in_group)
        .reshape({n, c.groups, c.state})
        .repeat_interleave(c.heads / c.groups, 1);
  };
  const auto channels = u.slice(1, 0, inner).reshape({n, c.heads, c.head_dim});
  const auto write = by_head(inner), read = by_head(inner + in_group);
  const auto steps = at::softplus(x.slice(1, inner + c.convolved()) + like(call.vectors.step_bias))
                         .clamp_min(c.least_step);
  // Rows apart: the gradient of a row that is taken out of all would be as large as all of them.
  const auto kept = at::exp(steps * like(call.vectors.decay)).unbind(0);
  const auto added = (steps.unsqueeze(2) * channels).unbind(0);
  const auto writes = write.unbind(0), reads = read.unbind(0);
  std::vector<at::Tensor> out;
  for (std::size_t t = 0; t < static_cast<std::size_t>(n); ++t) {
    state = state * kept[t].view({c.heads, 1, 1}) + added[t].unsqueeze(2) * writes[t].unsqueeze(1);
    out.push_back((state * reads[t].unsqueeze(1)).sum(2));
  }
  auto y = at::stack(out, 0) + like(call.vectors.skip).view({c.heads, 1}) * channels;
  y = (y.reshape({n, inner}) * at::silu(x.slice(1, 0, inner))).view({n, c.groups, -1});
  y = y * (y.square().mean(-1, true) + call.epsilon).rsqrt();
  inputs = all.slice(0, all.size(0) - (c.kernel - 1));
  return y.view({n, inner}) * like(call.vectors.gain);
}

at::Tensor scan_plainly(const at::Tensor& x, const scan_call& call) {
  const auto& c = call.config;
  const auto no_inputs = at::zeros({c.kernel - 1, c.convolved()}, x.options());
  const auto no_state = at::zeros({c.heads, c.head_dim, c.state}, x.options());
  std::vector<at::Tensor> outputs;
  std::int64_t row = 0;
  const auto add = [&](at::Tensor& inputs, at::Tensor& state, std::int64_t count) {
    outputs.push_back(scan_after(inputs, state, x.slice(0, row, row + count), call));
    row += count;
  };
  for (const auto& s : call.rows.streams) {
    auto& memory = s.memory->state(call.layer);
    if (s.first == 0 || !memory.plain_state.defined())
      memory.plain_inputs = no_inputs, memory.plain_state = no_state;
    add(memory.plain_inputs, memory.plain_state, s.count);
    memory.plain_inputs = memory.plain_inputs.clone();
  }
  for (const auto n : call.rows.whole()) {
    auto inputs = no_inputs, state = no_state;
    add(inputs, state, n);
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 0);
}

}  // namespace

at::Tensor scan(const at::Tensor& rows, const scan_call& call) {
  switch (path_of(rows)) {
    case path::streaming: return scan_rows(rows, call);
    case path::exact: break;
    case path::training: return scan_plainly(rows.to(at::kFloat), call);
    case path::plain: return scan_plainly(rows, call);
  }
  HOCKET_ASSERT(call.rows.streams.empty());  // gradients reach whole sequences only
  at::Tensor y;
  {
    c10::NoGradGuard off;
    y = scan_rows(rows.detach(), call);
  }
  return exact::recorded(y, {rows},
                         [config = call.config, vectors = call.vectors, epsilon = call.epsilon,
                          lengths = call.rows.whole()](const std::vector<at::Tensor>& in) {
                           const row_map whole{.streams = {}, .lengths = lengths};
                           return scan_plainly(in[0], {config, vectors, 0, epsilon, whole});
                         });
}

}  // namespace hocket::engine::ops
