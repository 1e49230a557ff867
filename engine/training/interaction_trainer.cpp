#include "engine/training/interaction_trainer.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "engine/language/network/open.hpp"
#include "engine/training/loss.hpp"
#include "engine/training/published_start.hpp"
#include "engine/training/trainer.hpp"
#include "engine/training/warm_start.hpp"

namespace hocket::engine {

class interaction_trainable final : public trainable {
 public:
  interaction_trainable(network net, const loss_config& losses)
      : net_(std::move(net)), losses_(losses) {}

  std::vector<parameter> parameters() override { return net_.parameters(); }
  std::unique_ptr<trainable> alias() const override {
    return std::make_unique<interaction_trainable>(net_.alias(), losses_);
  }
  result<at::Tensor> loss(const training_example& example, std::uint64_t seed,
                          loss_sums& sums) const override {
    const auto arrays = read_example(example, net_.config());
    if (!arrays) return fail(arrays);
    return conversation_loss(net_, *arrays, losses_, seed, sums);
  }
  network& net() { return net_; }

 private:
  network net_;
  loss_config losses_;
};

loss_config losses_of(const interaction_training& o) {
  return {.text_weight = o.text_weight,
          .heard_weight = o.heard_weight,
          .gate_weight = o.gate_weight,
          .spoken_weight = o.spoken_weight,
          .flow_weight = o.flow_weight,
          .flow_frames = o.flow_frames,
          .speech_noise = o.speech_noise,
          .token_dropout = o.token_dropout,
          .frequency_warp = o.frequency_warp};
}

training_means means_of(const std::map<std::string, double>& sums) {
  const auto of = [&](const char* name) {
    const auto found = sums.find(name);
    return found == sums.end() ? 0.0 : found->second;
  };
  const double n = std::max(1.0, of("conversations")), words = std::max(1.0, of("words"));
  return {.loss_text = of("text") / n,
          .loss_heard = of("heard") / n,
          .loss_gate = of("gate") / n,
          .loss_flow = of("flow") / std::max(1e-9, of("flow_weight")),
          .word_recall = of("words_right") / words,
          .word_false = of("words_false") / words,
          .heard_recall = of("heard_right") / std::max(1.0, of("heard_words")),
          .spoken_recall = of("spoken_right") / std::max(1.0, of("spoken_frames")),
          .expert_peak = of("expert_peak") / std::max(1.0, of("expert_layers"))};
}

namespace {

trainer_config config_of(const interaction_training& o) {
  return {.optimizer = {.matrix_rate = o.matrix_rate, .rate = o.rate},
          .seed = o.seed,
          .workers = o.workers,
          .only = o.only_voice ? "flow." : "",
          .average = o.average,
          .balance = o.balance};
}

void refresh(trainable& model) {
  for (auto& p : model.parameters())
    if (p.weight) ops::refresh_half(*p.weight);
}

std::string config_of_folder(const std::string& folder) {
  std::ifstream in(folder + "/config.json");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

template <class Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::Error& e) {
    return fail("train.torch", e.what_without_backtrace());
  }
}

}  // namespace

struct interaction_trainer::state {
  explicit state(const interaction_training& o)
      : options(o), model(network(o.model, o.seed), losses_of(o)), steps(model, config_of(o)) {}

  interaction_training options;
  interaction_trainable model;
  trainer steps;
  loss_sums sums;
};

interaction_trainer::interaction_trainer(const interaction_training& options)
    : state_(std::make_unique<state>(options)) {}
interaction_trainer::~interaction_trainer() = default;
interaction_trainer::interaction_trainer(interaction_trainer&&) noexcept = default;

result<void> interaction_trainer::start_from(const interaction_model& trained,
                                             const vocabulary& words) {
  return guarded([&]() -> result<void> {
    HOCKET_TRY(warm_start(state_->model.net(), words, trained));
    refresh(state_->model);
    return {};
  });
}

result<void> interaction_trainer::start_from_published(const std::string& folder) {
  return guarded([&]() -> result<void> {
    const auto published = language::open_language_model(folder, 0, language::block_types::widened);
    if (!published) return fail("train.from", published.error().message);
    const auto taken = take_layers(state_->model.net(), **published);
    if (!taken) return fail("train.from", folder + ": " + taken.error().message);
    refresh(state_->model);
    return {};
  });
}

result<void> interaction_trainer::step(std::span<const training_example> examples,
                                       double rate_scale) {
  return guarded([&]() -> result<void> {
    const auto sums = state_->steps.step(examples, rate_scale);
    if (!sums) return fail(sums);
    for (const auto& [name, value] : *sums) state_->sums[name] += value;
    return {};
  });
}

std::int64_t interaction_trainer::steps() const { return state_->steps.steps(); }

training_means interaction_trainer::take_means() {
  return means_of(std::exchange(state_->sums, {}));
}

tensor_set interaction_trainer::save() const {
  auto set = state_->steps.save();
  set.metadata["seed"] = std::to_string(state_->options.seed);
  set.metadata["model"] = to_json(state_->options.model);
  return set;
}

result<void> interaction_trainer::restore(const safetensors_file& checkpoint) {
  return guarded([&] { return state_->steps.restore(checkpoint); });
}

tensor_set interaction_trainer::export_weights(bool half) const {
  return state_->steps.export_weights(half);
}

bool is_published(const std::string& folder) {
  if (folder.empty()) return false;
  const auto config = nlohmann::json::parse(config_of_folder(folder), nullptr, false);
  return config.is_object() && config.contains("model_type");
}

result<model_config> on_published_layers(const std::string& folder, const model_config& sizes) {
  const auto published = language::read_network_config(config_of_folder(folder));
  if (!published) return fail("train.from", folder + "/config.json: " + published.error().message);
  auto config = on_layers_of(*published, sizes);
  if (!config) return fail("train.from", folder + "/config.json: " + config.error().message);
  return config;
}

void use_one_torch_thread() { at::set_num_threads(1); }

}  // namespace hocket::engine
