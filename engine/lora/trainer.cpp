#include "engine/lora/trainer.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/variable.h>

#include "engine/lora/adapter_files.hpp"
#include "engine/lora/passes.hpp"
#include "engine/transformer/orthogonal.hpp"
#include "engine/transformer/tensor_file.hpp"

namespace hocket::lora {

result<void> check(const adam_params& p) {
  const auto bad = [](const char* what) { return fail("lora.bad_params", what); };
  if (!std::isfinite(p.learning_rate) || p.learning_rate < 0)
    return bad("learning_rate must be 0 or more");
  if (!(p.beta1 >= 0 && p.beta1 < 1)) return bad("beta1 must be 0 to below 1");
  if (!(p.beta2 >= 0 && p.beta2 < 1)) return bad("beta2 must be 0 to below 1");
  if (!std::isfinite(p.eps) || p.eps < 0) return bad("eps must be 0 or more");
  if (!std::isfinite(p.weight_decay) || p.weight_decay < 0)
    return bad("weight_decay must be 0 or more");
  if (!std::isfinite(p.grad_clip_norm) || p.grad_clip_norm < 0)
    return bad("grad_clip_norm must be 0 or more");
  return {};
}

result<void> check(const muon_params& p) {
  // Ranges of the same keys are those of AdamW.
  HOCKET_TRY(check(adam_params{.learning_rate = p.learning_rate,
                               .weight_decay = p.weight_decay,
                               .grad_clip_norm = p.grad_clip_norm}));
  if (!(p.momentum >= 0 && p.momentum < 1))
    return fail("lora.bad_params", "momentum must be 0 to below 1");
  return {};
}

struct trainer::state {
  /// A tensor that learns.
  struct learning {
    std::string name;
    at::Tensor value, first, second;
    at::Tensor pending;  ///< undefined: zero
  };

  state(std::shared_ptr<const language::language_model> m, adapter_weights w)
      : model(std::move(m)), weights(std::move(w)) {
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

  /// What a checkpoint holds of the optimizer.
  engine::named_tensors moments() const {
    engine::named_tensors all;
    for (const auto& t : tensors) {
      all.emplace_back("first." + t.name, t.first);
      all.emplace_back("second." + t.name, t.second);
    }
    return all;
  }

  /// Adds the gradients of the last pass to the pending ones, or drops them.
  void clear_gradients() {
    for (auto& t : tensors) t.value.mutable_grad() = at::Tensor();
  }
  result<void> take_gradients() {
    for (const auto& t : tensors)
      if (t.value.grad().defined() && !t.value.grad().isfinite().all().item<bool>()) {
        clear_gradients();
        return fail("lora.not_finite",
                    "NonFiniteInTensor: the gradient of " + t.name + " is not finite");
      }
    for (auto& t : tensors) {
      const auto g = t.value.grad();
      if (!g.defined()) continue;
      t.pending = t.pending.defined() ? t.pending.add_(g) : g.detach().clone();
    }
    clear_gradients();
    return {};
  }
  double gradient_norm() const {
    double sum = 0;
    for (const auto& t : tensors)
      if (t.pending.defined()) {
        const double norm = t.pending.to(at::kDouble).norm().item<double>();
        sum += norm * norm;
      }
    return std::sqrt(sum);
  }
  void adam(learning& t, const adam_params& p, double scale) {
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

  void muon(learning& t, const muon_params& p, double scale) {
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
  /// A step of all, each by `move(tensor, scale of the gradients)`.
  template <class Move>
  result<std::map<std::string, double>> step(double rate, double clip, Move move) {
    c10::NoGradGuard off;
    const double norm = gradient_norm();
    const double scale = clip > 0 ? std::min(1.0, clip / (norm + 1e-6)) : 1.0;
    ++steps;
    for (auto& t : tensors) move(t, scale);
    weights.pack();
    return std::map<std::string, double>{{"optim/grad_norm", norm},
                                         {"optim/learning_rate", rate},
                                         {"optim/step", static_cast<double>(steps)}};
  }

  result<void> check_all(const loss_config& loss, std::span<const training_datum> data) const {
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

  std::shared_ptr<const language::language_model> model;
  adapter_weights weights;
  std::vector<learning> tensors;
  std::int64_t steps = 0;
};

trainer::trainer(std::unique_ptr<state> state) : state_(std::move(state)) {}
trainer::~trainer() = default;

namespace {

result<void> can_train(const language::language_model& model) {
  for (const auto& m : modules_of(model))
    if (m.few_bits)
      return fail("lora.few_bits",
                  m.name +
                      " has weights of few bits, through which no gradient passes: open the "
                      "model with its block types widened");
  return {};
}

std::vector<float> as_floats(const std::vector<double>& v) { return {v.begin(), v.end()}; }

template <class Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::Error& e) {
    return fail("lora.engine", e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return fail("lora.out_of_memory", "out of memory: send shorter sequences or fewer at once");
  }
}

}  // namespace

result<adapter_handle> open_adapter(const language::language_model& model,
                                    const adapter_files& files) {
  return guarded([&]() -> result<adapter_handle> {
    const auto w = read_adapter(model, files);
    if (!w) return fail(w);
    return w->packed();
  });
}

result<std::unique_ptr<trainer>> trainer::create(
    std::shared_ptr<const language::language_model> model, lora_config config, std::uint64_t seed) {
  return guarded([&]() -> result<std::unique_ptr<trainer>> {
    HOCKET_TRY(can_train(*model));
    auto w = allocate(*model, std::move(config));
    if (!w) return fail(w);
    initialise(*w, seed);
    return std::unique_ptr<trainer>(
        new trainer(std::make_unique<state>(std::move(model), std::move(*w))));
  });
}

result<std::unique_ptr<trainer>> trainer::open(
    std::shared_ptr<const language::language_model> model, const adapter_files& files,
    const std::string* optimizer) {
  return guarded([&]() -> result<std::unique_ptr<trainer>> {
    HOCKET_TRY(can_train(*model));
    auto w = read_adapter(*model, files);
    if (!w) return fail(w);
    auto s = std::make_unique<state>(std::move(model), std::move(*w));
    if (optimizer) {
      auto wanted = s->moments();
      const auto steps = at::zeros({1}, at::kFloat);
      wanted.emplace_back("steps", steps);
      HOCKET_TRY(read_tensors(*optimizer, "optimizer.safetensors", wanted));
      s->steps = static_cast<std::int64_t>(steps.item<float>());
    }
    return std::unique_ptr<trainer>(new trainer(std::move(s)));
  });
}

result<pass_result> trainer::forward(const loss_config& loss,
                                     std::span<const training_datum> data) const {
  HOCKET_TRY(state_->check_all(loss, data));
  return guarded([&]() -> result<pass_result> {
    pass_result r;
    r.logprobs.resize(data.size());
    for (const auto& indices : passes_of(data, rows_at_once)) {
      std::vector<const training_datum*> some;
      for (const auto i : indices) some.push_back(&data[i]);
      const auto lp = logprobs_of(*state_->model, *state_->weights.adapter, some);
      for (std::size_t j = 0; j < some.size(); ++j) {
        std::vector<double> unused(lp[j].size());
        r.loss += evaluate(loss, *some[j], lp[j], unused);
        r.logprobs[indices[j]] = as_floats(lp[j]);
      }
    }
    return r;
  });
}

result<pass_result> trainer::forward_backward(const loss_config& loss,
                                              std::span<const training_datum> data) {
  HOCKET_TRY(state_->check_all(loss, data));
  auto done = guarded([&]() -> result<pass_result> {
    pass_result r;
    r.logprobs.resize(data.size());
    for (const auto& indices : passes_of(data, rows_at_once)) {
      std::vector<const training_datum*> some;
      for (const auto i : indices) some.push_back(&data[i]);
      differentiate(*state_->model, *state_->weights.adapter, some,
                    [&](std::size_t j, std::span<const double> lp) {
                      std::vector<double> gradient(lp.size());
                      r.loss += evaluate(loss, *some[j], lp, gradient);
                      r.logprobs[indices[j]] = {lp.begin(), lp.end()};
                      return gradient;
                    });
    }
    if (!std::isfinite(r.loss))
      return fail("lora.not_finite", fmt::format("NonFiniteInTensor: the loss is {}", r.loss));
    return r;
  });
  if (!done) {
    state_->clear_gradients();
    return done;
  }
  HOCKET_TRY(state_->take_gradients());
  return done;
}

result<std::map<std::string, double>> trainer::step(const adam_params& p) {
  HOCKET_TRY(lora::check(p));
  return guarded([&] {
    return state_->step(p.learning_rate, p.grad_clip_norm,
                        [&](state::learning& t, double scale) { state_->adam(t, p, scale); });
  });
}

result<std::map<std::string, double>> trainer::muon_step(const muon_params& p) {
  HOCKET_TRY(lora::check(p));
  return guarded([&] {
    return state_->step(p.learning_rate, p.grad_clip_norm,
                        [&](state::learning& t, double scale) { state_->muon(t, p, scale); });
  });
}

adapter_handle trainer::snapshot() const { return state_->weights.packed(); }
adapter_files trainer::files() const { return write_adapter(state_->weights); }
std::string trainer::optimizer_state() const {
  auto named = state_->moments();
  named.emplace_back("steps", at::full({1}, static_cast<double>(state_->steps), at::kFloat));
  const auto set = engine::snapshot(named, {});
  return engine::safetensors_bytes(set.tensors, set.metadata);
}
const lora_config& trainer::config() const { return state_->weights.config; }
std::int64_t trainer::steps() const { return state_->steps; }

}  // namespace hocket::lora
