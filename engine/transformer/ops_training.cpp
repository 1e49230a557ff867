// Training path of ops.hpp: autograd functions around the kernels.
#include <cmath>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "engine/transformer/background.hpp"
#include "engine/transformer/kernels.hpp"
#include "engine/transformer/ops_paths.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine::ops::training {
namespace {

using kernels::bf16;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// A learnt vector that a config may do without: autograd functions refuse undefined tensors.
using maybe = c10::optional<at::Tensor>;
maybe wrap(const at::Tensor& t) { return t.defined() ? maybe(t) : maybe(); }

bf16* half_data(const at::Tensor& t) { return reinterpret_cast<bf16*>(t.data_ptr<at::BFloat16>()); }
const float* float_data(const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }
at::Tensor as_half(const at::Tensor& t) { return t.to(at::kBFloat16).contiguous(); }
at::Tensor half_like(const at::Tensor& t, std::vector<std::int64_t> sizes) {
  return at::empty(sizes, t.options().dtype(at::kBFloat16).requires_grad(false));
}
at::Tensor float_like(const at::Tensor& t, std::vector<std::int64_t> sizes) {
  return at::empty(sizes, t.options().dtype(at::kFloat).requires_grad(false));
}

struct linear_function : Function<linear_function> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& /*w*/,
                            const at::Tensor& half) {
    auto input = as_half(x);
    ctx->save_for_backward({input, half});
    ctx->saved_data["float_input"] = x.scalar_type() == at::kFloat;
    return at::mm(input, half.t());
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto g = as_half(grads[0]);
    at::Tensor dx;
    if (ctx->needs_input_grad(0)) {
      dx = at::mm(g, saved[1]);
      if (ctx->saved_data["float_input"].toBool()) dx = dx.to(at::kFloat);
    }
    return {dx, at::mm(g.t(), saved[0]).to(at::kFloat), at::Tensor()};
  }
};

struct rms_norm_function : Function<rms_norm_function> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const maybe& learnt,
                            double epsilon) {
    const auto gain = learnt.value_or(at::Tensor());
    const auto input = x.contiguous();
    const std::int64_t d = input.size(-1), n = input.numel() / d;
    auto y = half_like(x, input.sizes().vec());
    auto inverse = float_like(x, {n});
    kernels::rms_norm(input.data_ptr<float>(), float_data(gain), half_data(y),
                      inverse.data_ptr<float>(), n, d, static_cast<float>(epsilon));
    ctx->save_for_backward({input, gain, inverse});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const std::int64_t d = saved[0].size(-1), n = saved[0].numel() / d;
    const auto g = as_half(grads[0]);
    auto dx = float_like(saved[0], saved[0].sizes().vec());
    at::Tensor dgain;
    if (saved[1].defined()) dgain = at::zeros({d}, dx.options());
    kernels::rms_norm_backward(half_data(g), saved[0].data_ptr<float>(), float_data(saved[1]),
                               saved[2].data_ptr<float>(), dx.data_ptr<float>(),
                               dgain.defined() ? dgain.data_ptr<float>() : nullptr, n, d);
    return {dx, dgain, at::Tensor()};
  }
};

struct swiglu_function : Function<swiglu_function> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    const auto input = as_half(x);
    const std::int64_t n = input.size(0), f = input.size(1) / 2;
    auto y = half_like(x, {n, f});
    kernels::swiglu(half_data(input), half_data(y), n, f);
    ctx->save_for_backward({input});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto g = as_half(grads[0]);
    auto dx = half_like(g, saved[0].sizes().vec());
    kernels::swiglu_backward(half_data(g), half_data(saved[0]), half_data(dx), g.size(0),
                             g.size(1));
    return {dx};
  }
};

struct add_function : Function<add_function> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& x, const at::Tensor& y) {
    const auto a = x.contiguous(), b = as_half(y);
    auto out = float_like(x, a.sizes().vec());
    kernels::add_bf16(a.data_ptr<float>(), half_data(b), out.data_ptr<float>(), a.numel());
    return out;
  }
  static variable_list backward(AutogradContext*, variable_list grads) {
    return {grads[0], grads[0].to(at::kBFloat16)};
  }
};

struct bag_function : Function<bag_function> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& table,
                            const at::Tensor& index) {
    const std::int64_t n = index.size(0), d = table.size(1);
    auto y = float_like(table, {n, d});
    kernels::bag(index.data_ptr<std::int32_t>(), table.data_ptr<float>(), y.data_ptr<float>(), n,
                 index.size(1), d);
    ctx->save_for_backward({index});
    ctx->saved_data["rows"] = table.size(0);
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto index = ctx->get_saved_variables()[0];
    const auto g = grads[0].contiguous();
    auto dtable = at::zeros({ctx->saved_data["rows"].toInt(), g.size(1)}, g.options());
    kernels::bag_backward(index.data_ptr<std::int32_t>(), g.data_ptr<float>(),
                          dtable.data_ptr<float>(), g.size(0), index.size(1), g.size(1));
    return {dtable, at::Tensor()};
  }
};

/// Everything of one attention layer that is not a differentiable input.
struct attention_job {
  attention_config config;
  double epsilon = 0;
  std::int64_t sequences = 0, length = 0;
  at::Tensor cosine, sine;  ///< of one sequence

  kernels::attention_shape shape(const at::Tensor& q_gain, const at::Tensor& k_gain,
                                 const at::Tensor& bias) const {
    return {.sequences = sequences,
            .length = length,
            .heads = config.heads,
            .kv_heads = config.kv_heads,
            .head_dim = config.head_dim,
            .window = config.window,
            .cosine = float_data(cosine),
            .sine = float_data(sine),
            .q_gain = float_data(q_gain),
            .k_gain = float_data(k_gain),
            .bias = float_data(bias),
            .extent = bias.defined() ? config.relative_extent : 0,
            .epsilon = static_cast<float>(epsilon)};
  }
};

struct attention_holder : torch::CustomClassHolder {
  explicit attention_holder(std::shared_ptr<attention_job> j) : job(std::move(j)) {}
  std::shared_ptr<attention_job> job;
};

struct attend_function : Function<attend_function> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& qkv, const maybe& q_learnt,
                            const maybe& k_learnt, const maybe& learnt_bias,
                            std::shared_ptr<attention_job> job) {
    const auto q_gain = q_learnt.value_or(at::Tensor()), k_gain = k_learnt.value_or(at::Tensor());
    const auto bias = learnt_bias.value_or(at::Tensor());
    const auto input = as_half(qkv);
    const auto& a = job->config;
    auto out = half_like(qkv, {input.size(0), a.heads * a.head_dim});
    auto lse = float_like(qkv, {job->sequences, a.heads, job->length});
    kernels::attention(job->shape(q_gain, k_gain, bias), half_data(input), half_data(out),
                       lse.data_ptr<float>());
    ctx->save_for_backward({input, q_gain, k_gain, bias, out, lse});
    ctx->saved_data["job"] =
        c10::IValue::make_capsule(c10::make_intrusive<attention_holder>(std::move(job)));
    return out;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto job =
        c10::static_intrusive_pointer_cast<attention_holder>(ctx->saved_data["job"].toCapsule())
            ->job;
    const auto g = as_half(grads[0]);
    auto dqkv = half_like(g, saved[0].sizes().vec());
    auto zeros = [](const at::Tensor& t) { return t.defined() ? at::zeros_like(t) : at::Tensor(); };
    auto dq = zeros(saved[1]), dk = zeros(saved[2]), db = zeros(saved[3]);
    auto data = [](at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; };
    kernels::attention_backward(job->shape(saved[1], saved[2], saved[3]), half_data(saved[0]),
                                half_data(saved[4]), saved[5].data_ptr<float>(), half_data(g),
                                half_data(dqkv), data(dq), data(dk), data(db));
    return {dqkv, dq, dk, db, at::Tensor()};
  }
};

/// What the training kernels know, but for how positions turn; all else takes the plain path.
bool has_kernels(const attention_call& call) {
  const auto& a = call.config;
  const bool turns_whole =
      !call.rotary || (call.rotary->first == 0 &&
                       2 * call.rotary->frequency.size() == static_cast<std::size_t>(a.head_dim));
  return turns_whole && a.values() == a.head_dim && !a.sinks && !a.row_sinks &&
         a.relative_rank == 0 && a.lengths.from == 0 && a.scale == 0 && a.softcap == 0 &&
         a.head_dim % 16 == 0;
}

bool turns_neighbours(const attention_call& call) { return call.rotary && call.rotary->adjacent; }

/// Where each number of a row lies once neighbours that turn together are half a head apart.
at::Tensor apart(const attention_config& a) {
  auto from = at::arange(a.qkv_width(), at::kLong);
  auto turned = from.slice(0, 0, (a.heads + a.kv_heads) * a.head_dim);
  turned.copy_(turned.view({-1, a.head_dim / 2, 2}).transpose(1, 2).flatten().clone());
  return from;
}

/// One head of keys of a sequence, with its queries.
struct head_task {
  std::int64_t first, length;  ///< its rows
  int kv;
  at::Tensor lse;
};

/// Its part of the gradient by `rows` [n, qkv_width], all in bfloat16.
void head_gradient(const head_task& t, const attention_call& call, const rotation* turn,
                   const at::Tensor& rows, const at::Tensor& out, const at::Tensor& by_out,
                   const at::Tensor& by_rows) {
  const auto of = [&](const at::Tensor& x) { return x.slice(0, t.first, t.first + t.length); };
  const auto& v = call.vectors;
  const attention_job job{call.config,
                          call.epsilon,
                          1,
                          t.length,
                          turn ? of(turn->cosine) : at::Tensor(),
                          turn ? of(turn->sine) : at::Tensor()};
  auto shape = job.shape(v.q_gain, v.k_gain, v.bias);
  shape.kv_first = t.kv, shape.kv_count = 1;
  kernels::attention(shape, half_data(of(rows)), half_data(of(out)), t.lse.data_ptr<float>());
  // Learnt vectors are frozen here; the kernel adds to their gradients all the same.
  const auto unused = [](const at::Tensor& x) {
    return x.defined() ? at::zeros_like(x) : at::Tensor();
  };
  const auto data = [](const at::Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; };
  const auto dq = unused(v.q_gain), dk = unused(v.k_gain), db = unused(v.bias);
  kernels::attention_backward(shape, half_data(of(rows)), half_data(of(out)),
                              t.lse.data_ptr<float>(), half_data(of(by_out)),
                              half_data(of(by_rows)), data(dq), data(dk), data(db));
}

}  // namespace

bool has_gradient_kernels(const attention_call& call) {
  return has_kernels(call) && !(turns_neighbours(call) && call.config.qk_norm);
}

at::Tensor attend_gradient(const at::Tensor& qkv, const at::Tensor& gradient,
                           const attention_call& call, const std::vector<std::int64_t>& lengths,
                           const rotation* turn) {
  const auto order = turns_neighbours(call) ? apart(call.config) : at::Tensor();
  auto rows = as_half(qkv);
  if (order.defined()) rows = rows.index_select(1, order);
  const auto by_out = as_half(gradient);
  const auto out = half_like(rows, by_out.sizes().vec()), by_rows = at::empty_like(rows);
  std::vector<head_task> tasks;
  std::int64_t first = 0;
  for (const auto n : lengths) {
    const auto lse = at::empty({call.config.heads, n}, at::kFloat);
    for (int kv = 0; kv < call.config.kv_heads; ++kv) tasks.push_back({first, n, kv, lse});
    first += n;
  }
  background_work::divide(
      static_cast<std::int64_t>(tasks.size()), 1, 1, [&](std::int64_t begin, std::int64_t end) {
        c10::NoGradGuard off;
        for (auto i = begin; i < end; ++i)
          head_gradient(tasks[static_cast<std::size_t>(i)], call, turn, rows, out, by_out, by_rows);
      });
  if (!order.defined()) return by_rows.to(at::kFloat);
  auto back = at::empty_like(qkv);
  back.index_copy_(1, order, by_rows.to(at::kFloat));
  return back;
}

at::Tensor linear(const at::Tensor& x, const matrix& w) {
  HOCKET_ASSERT(w.half.defined());
  return linear_function::apply(x, w.value, w.half);
}
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  return rms_norm_function::apply(x, wrap(gain), epsilon);
}
at::Tensor swiglu(const at::Tensor& x) { return swiglu_function::apply(x); }
at::Tensor add(const at::Tensor& x, const at::Tensor& y) { return add_function::apply(x, y); }
at::Tensor bag(const at::Tensor& index, const at::Tensor& table) {
  return bag_function::apply(table, index);
}
at::Tensor attend(const at::Tensor& qkv, const attention_call& call) {
  HOCKET_ASSERT(call.rows.streams.empty());
  if (!has_kernels(call) || turns_neighbours(call) || !call.rows.lengths.empty())
    return plain::attend(qkv.to(at::kFloat), call);
  auto job = std::make_shared<attention_job>();
  job->config = call.config;
  job->epsilon = call.epsilon;
  job->sequences = call.rows.sequences;
  job->length = call.rows.length;
  if (call.turn) {
    job->cosine = call.turn->cosine.slice(0, 0, job->length);
    job->sine = call.turn->sine.slice(0, 0, job->length);
  }
  const auto& v = call.vectors;
  return attend_function::apply(qkv, wrap(v.q_gain), wrap(v.k_gain), wrap(v.bias), job);
}

}  // namespace hocket::engine::ops::training
