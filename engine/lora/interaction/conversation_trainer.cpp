#include "engine/lora/interaction/conversation_trainer.hpp"

#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/interaction/network.hpp"
#include "engine/lora/interaction/interaction_modules.hpp"
#include "engine/lora/trainer_state.hpp"
#include "engine/training/loss.hpp"

namespace hocket::lora {
namespace {

using engine::conversation_arrays;
using engine::interaction_model;

result<void> can_train(const interaction_model& model) {
  const auto& device = model.description().device;
  if (device != "cpu")
    return fail("lora.no_device", "the model is on " + device +
                                      "; adapters are trained on the CPU: open it with `cpu`");
  return {};
}

/// What sessions of a model on another device read: values there in place of packed forms.
adapter_handle on_device(const adapter_weights& w, const std::string& device) {
  auto copy = std::make_shared<engine::adapter>();
  for (const auto& [id, parts] : w.adapter->parts)
    for (const auto& p : parts) {
      auto part = p;
      for (auto* m : {&part.down, &part.up})
        m->value = m->value.detach().to(at::Device(device)), m->packed = at::Tensor();
      copy->parts[id].push_back(std::move(part));
    }
  return copy;
}

result<std::vector<conversation_arrays>> arrays_of(std::span<const training_example> conversations,
                                                   const engine::model_config& config) {
  std::vector<conversation_arrays> all;
  for (const auto& e : conversations) {
    auto arrays = engine::read_example(e, config);
    if (!arrays) return fail(arrays);
    all.push_back(std::move(*arrays));
  }
  return all;
}

}  // namespace

result<adapter_handle> open_adapter(const interaction_model& model, const adapter_files& files) {
  return guarded([&]() -> result<adapter_handle> {
    const auto w = read_adapter(modules_of(model.net()), files);
    if (!w) return fail(w);
    const auto& device = model.description().device;
    return device == "cpu" ? w->packed() : on_device(*w, device);
  });
}

struct conversation_trainer::state {
  state(std::shared_ptr<const interaction_model> m, adapter_weights w,
        const engine::interaction_training& t)
      : model(std::move(m)), seed(t.seed), losses(engine::losses_of(t)), learning(std::move(w)) {}

  at::Tensor loss(const conversation_arrays& c, std::uint64_t noise,
                  engine::loss_sums& sums) const {
    return engine::conversation_loss(model->net(), c, losses, noise, sums,
                                     learning.weights.adapter.get());
  }

  std::shared_ptr<const interaction_model> model;
  std::uint64_t seed;
  engine::loss_config losses;
  learning_adapter learning;
};

conversation_trainer::conversation_trainer(std::unique_ptr<state> s) : state_(std::move(s)) {}
conversation_trainer::~conversation_trainer() = default;

result<std::unique_ptr<conversation_trainer>> conversation_trainer::create(
    std::shared_ptr<const interaction_model> model, lora_config config,
    const engine::interaction_training& training) {
  return guarded([&]() -> result<std::unique_ptr<conversation_trainer>> {
    HOCKET_TRY(can_train(*model));
    auto w = allocate(modules_of(model->net()), std::move(config));
    if (!w) return fail(w);
    initialise(*w, training.seed);
    return std::unique_ptr<conversation_trainer>(new conversation_trainer(
        std::make_unique<state>(std::move(model), std::move(*w), training)));
  });
}

result<std::unique_ptr<conversation_trainer>> conversation_trainer::open(
    std::shared_ptr<const interaction_model> model, const adapter_files& files,
    const engine::interaction_training& training, const std::string* optimizer) {
  return guarded([&]() -> result<std::unique_ptr<conversation_trainer>> {
    HOCKET_TRY(can_train(*model));
    auto w = read_adapter(modules_of(model->net()), files);
    if (!w) return fail(w);
    auto s = std::make_unique<state>(std::move(model), std::move(*w), training);
    if (optimizer) HOCKET_TRY(s->learning.read_optimizer(*optimizer));
    return std::unique_ptr<conversation_trainer>(new conversation_trainer(std::move(s)));
  });
}

result<engine::training_means> conversation_trainer::step(
    std::span<const training_example> conversations, const adam_params& params) {
  HOCKET_TRY(lora::check(params));
  return guarded([&]() -> result<engine::training_means> {
    auto& s = *state_;
    const auto arrays = arrays_of(conversations, s.model->net().config());
    if (!arrays) return fail(arrays);
    engine::loss_sums sums;
    const engine::ops::exact_gradients same_bits;
    const at::AutoGradMode on(true);
    s.learning.clear_gradients();
    // Noise depends on the seed, the step and the place in it.
    const auto first = s.seed + 1'000'003 * static_cast<std::uint64_t>(s.learning.steps);
    for (std::size_t i = 0; i < arrays->size(); ++i)
      (s.loss((*arrays)[i], first + i, sums) / static_cast<double>(arrays->size())).backward();
    HOCKET_TRY(s.learning.take_gradients());
    if (const auto moved = s.learning.step(params); !moved) return fail(moved);
    return engine::means_of(sums);
  });
}

result<engine::training_means> conversation_trainer::measure(
    std::span<const training_example> conversations, std::uint64_t seed) const {
  return guarded([&]() -> result<engine::training_means> {
    const auto arrays = arrays_of(conversations, state_->model->net().config());
    if (!arrays) return fail(arrays);
    engine::loss_sums sums;
    const c10::NoGradGuard off;
    for (std::size_t i = 0; i < arrays->size(); ++i) state_->loss((*arrays)[i], seed + i, sums);
    return engine::means_of(sums);
  });
}

adapter_handle conversation_trainer::snapshot() const { return state_->learning.weights.packed(); }
adapter_files conversation_trainer::files() const {
  return write_adapter(state_->learning.weights);
}
std::string conversation_trainer::optimizer_state() const {
  return state_->learning.optimizer_state();
}
std::int64_t conversation_trainer::steps() const { return state_->learning.steps; }

}  // namespace hocket::lora
