// Exact path of ops.hpp: the streaming path's results with gradients. What a gradient needs besides a
// product is computed again from the saved inputs, by the formulas of the plain path.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include "engine/transformer/exact_kernels.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/ops_low_rank.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops {

at::Tensor unpack(const matrix& w, std::int64_t in) {
  if (!w.packed.defined()) return {};
  if (w.ranks) return unpack_ranks(w, in);
  constexpr std::int64_t tile = 64;
  HOCKET_ASSERT(w.packed.numel() == kernels::packed_size(w.out, in));
  if (w.pairs)
    return w.packed.view({-1, in / 2, tile, 2})
        .permute({0, 2, 1, 3})
        .to(at::kFloat, false, true, at::MemoryFormat::Contiguous)
        .reshape({-1, in})
        .slice(0, 0, w.out);
  // Tile by tile [in, 64]; a last one in part is filled up with zeros. See kernels::place_in_tile.
  if (w.packed.scalar_type() == at::kBFloat16)
    return w.packed.view({-1, in, tile / 32, 16, 2})
        .permute({0, 2, 4, 3, 1})
        .to(at::kFloat, false, true, at::MemoryFormat::Contiguous)
        .reshape({-1, in})
        .slice(0, 0, w.out);
  return w.packed.view({-1, in, tile})
      .transpose(1, 2)
      .to(at::kFloat, false, true, at::MemoryFormat::Contiguous)
      .reshape({-1, in})
      .slice(0, 0, w.out);
}

namespace exact {
namespace {

using torch::autograd::variable_list;
using backward_of = std::function<variable_list(const at::Tensor& gradient)>;

/// A step of a history whose gradients a function gives.
struct step : torch::autograd::Node {
  explicit step(backward_of b) : backward(std::move(b)) {}
  variable_list apply(variable_list&& gradients) override {
    if (!gradients[0].defined()) return variable_list(num_outputs());
    return backward(gradients[0].contiguous());
  }
  void release_variables() override { backward = nullptr; }
  std::string name() const override { return "hocket_exact"; }
  backward_of backward;
};

bool any_gradient(const std::vector<at::Tensor>& inputs) {
  for (const auto& t : inputs)
    if (t.defined() && t.requires_grad()) return true;
  return false;
}

at::Tensor with_history(const at::Tensor& value, const std::vector<at::Tensor>& inputs,
                        backward_of backward) {
  if (!any_gradient(inputs)) return value;
  std::shared_ptr<step> node(new step(std::move(backward)), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  auto y = value;
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace

at::Tensor recorded(const at::Tensor& value, const std::vector<at::Tensor>& inputs,
                    std::function<at::Tensor(const std::vector<at::Tensor>&)> formula) {
  std::vector<at::Tensor> saved;
  for (const auto& t : inputs) saved.push_back(t.detach());
  return with_history(value, inputs, [saved, formula](const at::Tensor& g) {
    at::AutoGradMode on(true);
    const use_path plain(path::plain);
    variable_list leaves;
    for (const auto& t : saved) leaves.push_back(t.detach().requires_grad_(true));
    return torch::autograd::grad({formula(leaves)}, leaves, {g});
  });
}

namespace {

/// g [n, out] weight [out, in], block by block: a product may round a row by how many there are.
at::Tensor by_blocks(const at::Tensor& g, const at::Tensor& weight,
                     const std::vector<std::int64_t>& ends) {
  if (ends.size() < 2) return at::mm(g, weight);
  auto out = at::empty({g.size(0), weight.size(1)}, g.options());
  std::int64_t begin = 0;
  for (const auto end : ends) {
    auto part = out.slice(0, begin, end);
    at::mm_out(part, g.slice(0, begin, end), weight);
    begin = end;
  }
  return out;
}

std::vector<std::int64_t> ends_of(adapters_by_row blocks, std::int64_t rows) {
  std::vector<std::int64_t> ends;
  const auto add = [&](std::int64_t end) {
    if (end > (ends.empty() ? 0 : ends.back())) ends.push_back(end);
  };
  for (const auto& b : blocks) add(b.begin), add(b.end);
  add(rows);
  return ends;
}

/// The gradient by a product's input from that by its output.
at::Tensor by_input(const at::Tensor& g, const matrix& w, std::int64_t in,
                    const std::vector<std::int64_t>& ends) {
  if (w.packed_back.defined()) {
    // A product of the streaming path, which keeps rows apart by itself.
    matrix back;
    back.packed = w.packed_back;
    back.pairs = true;
    back.out = in;
    return streaming::linear(g, back);
  }
  return by_blocks(g, w.value.defined() ? w.value.detach() : unpack(w, in), ends);
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const matrix& w, adapters_by_row adapters) {
  at::Tensor y;
  std::shared_ptr<const part_history> parts;
  {
    c10::NoGradGuard off;
    y = streaming::linear(x.detach(), w);
    parts = std::make_shared<part_history>(x.detach(), y, parts_of(w, adapters));
  }
  const bool learns = w.value.defined() && w.value.requires_grad();
  std::vector<at::Tensor> inputs{x};
  if (learns) inputs.push_back(w.value);
  parts->add_inputs(inputs);
  const auto input = learns ? x.detach() : at::Tensor();
  const bool wants = x.requires_grad();
  const std::int64_t in = x.size(1);
  const auto ends = ends_of(adapters, x.size(0));
  return with_history(y, inputs, [w, input, learns, wants, in, ends, parts](const at::Tensor& g) {
    c10::NoGradGuard off;
    variable_list out(1);
    if (wants) out[0] = by_input(g, w, in, ends);
    if (learns) out.push_back(at::mm(g.t(), input));
    parts->add_gradients(g, out[0], in, w.packed_back.defined(), out);
    return out;
  });
}

namespace {

/// One input, one output: `value` of it now, `formula` for its gradient.
template <class Value, class Formula>
at::Tensor of_one(const at::Tensor& x, Value value, Formula formula) {
  at::Tensor y;
  {
    c10::NoGradGuard off;
    y = value(x.detach());
  }
  return recorded(y, {x}, [formula](const std::vector<at::Tensor>& in) { return formula(in[0]); });
}

/// The same with a kernel for the gradient of some rows: backward(g, x, by x, rows).
template <class Value, class Backward>
at::Tensor by_kernel(const at::Tensor& x, Value value, Backward backward) {
  const auto saved = x.detach().contiguous();
  at::Tensor y;
  {
    c10::NoGradGuard off;
    y = value(saved);
  }
  return with_history(y, {x}, [saved, backward](const at::Tensor& g) {
    const auto by_x = at::empty_like(saved);
    if (saved.numel() == 0) return variable_list{by_x};
    const std::int64_t width = saved.size(-1), n = saved.numel() / width, wide = g.numel() / n;
    by_rows(n, width, [&](std::int64_t first, std::int64_t last) {
      backward(g.data_ptr<float>() + first * wide, saved.data_ptr<float>() + first * width,
               by_x.data_ptr<float>() + first * width, last - first);
    });
    return variable_list{by_x};
  });
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  return by_kernel(
      x, [&](const at::Tensor& in) { return streaming::rms_norm(in, gain, epsilon); },
      [gain, epsilon, d = x.size(-1)](const float* g, const float* in, float* by_x,
                                      std::int64_t n) {
        kernels::exact_rms_norm_backward(g, in, gain.defined() ? gain.data_ptr<float>() : nullptr,
                                         by_x, n, d, static_cast<float>(epsilon));
      });
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& shift,
                      double epsilon) {
  return of_one(
      x, [&](const at::Tensor& in) { return streaming::layer_norm(in, gain, shift, epsilon); },
      [gain, shift, epsilon](const at::Tensor& in) {
        return ops::layer_norm(in, gain, shift, epsilon);
      });
}

at::Tensor recorded_rows(
    const at::Tensor& value, const at::Tensor& input, adapters_by_row blocks,
    std::function<at::Tensor(const at::Tensor&, std::int64_t, std::int64_t)> formula) {
  const auto saved = input.detach();
  const auto ends = ends_of(blocks, saved.size(0));
  return with_history(value, {input}, [saved, ends, formula](const at::Tensor& g) {
    at::AutoGradMode on(true);
    const use_path plain(path::plain);
    auto out = at::empty_like(saved);
    std::int64_t begin = 0;
    for (const auto end : ends) {
      const auto leaf = saved.slice(0, begin, end).detach().requires_grad_(true);
      const auto by_rows =
          torch::autograd::grad({formula(leaf, begin, end)}, {leaf}, {g.slice(0, begin, end)});
      out.slice(0, begin, end).copy_(by_rows[0]);
      begin = end;
    }
    return variable_list{out};
  });
}

at::Tensor activate(const at::Tensor& x, activation_kind kind, adapters_by_row blocks) {
  if (kind == activation_kind::silu_gated)
    return by_kernel(
        x, [&](const at::Tensor& in) { return streaming::activate(in, kind); },
        [f = x.size(1) / 2](const float* g, const float* in, float* by_x, std::int64_t n) {
          kernels::exact_swiglu_backward(g, in, by_x, n, f);
        });
  at::Tensor y;
  {
    c10::NoGradGuard off;
    y = streaming::activate(x.detach(), kind);
  }
  return recorded_rows(y, x, blocks, [kind](const at::Tensor& in, std::int64_t, std::int64_t) {
    return ops::activate(in, kind);
  });
}

at::Tensor silu(const at::Tensor& x) {
  return by_kernel(
      x, [&](const at::Tensor& in) { return streaming::silu(in); },
      [d = x.size(-1)](const float* g, const float* in, float* by_x, std::int64_t n) {
        kernels::exact_silu_backward(g, in, by_x, n, d);
      });
}

at::Tensor attend(const at::Tensor& qkv, const attention_call& call) {
  HOCKET_ASSERT(call.rows.streams.empty());  // gradients reach whole sequences only
  // `call` refers to what lives as long as the model, and to these two, which do not.
  struct lasting {
    row_map rows;
    rotation turn;
  };
  const auto kept = std::make_shared<lasting>();
  kept->rows.lengths = call.rows.whole();
  if (call.turn) kept->turn = *call.turn;
  const auto& config = call.config;
  const auto& vectors = call.vectors;
  if (call.half_gradients && training::has_gradient_kernels(call)) {
    at::Tensor y;
    const auto in = qkv.detach().contiguous();
    {
      c10::NoGradGuard off;
      y = streaming::attend(in, call);
    }
    return with_history(y, {qkv}, [kept, in, again = call](const at::Tensor& g) {
      return variable_list{training::attend_gradient(in, g, again, kept->rows.lengths,
                                                     again.turn ? &kept->turn : nullptr)};
    });
  }
  return of_one(
      qkv, [&](const at::Tensor& in) { return streaming::attend(in, call); },
      [kept, &config, &vectors, rotary = call.rotary, turns = call.turn != nullptr,
       layer = call.layer, epsilon = call.epsilon](const at::Tensor& in) {
        return plain::attend(in, {.config = config,
                                  .vectors = vectors,
                                  .rotary = rotary,
                                  .turn = turns ? &kept->turn : nullptr,
                                  .layer = layer,
                                  .epsilon = epsilon,
                                  .rows = kept->rows});
      });
}

}  // namespace exact
}  // namespace hocket::engine::ops
