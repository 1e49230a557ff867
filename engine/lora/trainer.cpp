#include "engine/lora/trainer.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "engine/lora/joint_passes.hpp"
#include "engine/lora/trainer_state.hpp"
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
    auto w = allocate(modules_of(*model), std::move(config), model->config().trunk.bfloat16);
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
    if (optimizer) HOCKET_TRY(s->read_optimizer(*optimizer));
    return std::unique_ptr<trainer>(new trainer(std::move(s)));
  });
}

result<pass_result> trainer::forward(const loss_config& loss,
                                     std::span<const training_datum> data) const {
  return joint_passes::alone(*state_, loss, data, true);
}

result<pass_result> trainer::forward_backward(const loss_config& loss,
                                              std::span<const training_datum> data) {
  return joint_passes::alone(*state_, loss, data, false);
}

result<std::map<std::string, double>> trainer::step(const adam_params& p) {
  return state_->step(p);
}
result<std::map<std::string, double>> trainer::muon_step(const muon_params& p) {
  return state_->step(p);
}

adapter_handle trainer::snapshot() const { return state_->weights.packed(); }
adapter_files trainer::files() const { return write_adapter(state_->weights); }
std::string trainer::optimizer_state() const { return state_->optimizer_state(); }
const lora_config& trainer::config() const { return state_->weights.config; }
std::int64_t trainer::steps() const { return state_->steps; }

}  // namespace hocket::lora
