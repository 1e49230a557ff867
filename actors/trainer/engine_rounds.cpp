// Rounds over examples of words, whoever computes their steps.
#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>

#include "actors/trainer/adapters/model_sum.hpp"
#include "actors/trainer/data/datum.hpp"
#include "actors/trainer/data/schedule.hpp"
#include "actors/trainer/learner.hpp"
#include "actors/trainer/rounds.hpp"
#include "actors/trainer/service/service_learner.hpp"
#include "engine/language/network/open.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::trainer {
namespace {

using lora::training_datum;

class rounds final : public lora_rounds {
 public:
  rounds(round_settings s, std::unique_ptr<learner> l, language::chat_words words, base_model base)
      : settings_(std::move(s)),
        learner_(std::move(l)),
        words_(std::move(words)),
        base_(std::move(base)) {}

  result<std::int64_t> add(const training_example& e, bool is_held) override {
    auto d = datum_of(e, words_, settings_.max_tokens);
    if (!d) return fail(d);
    const auto tokens = static_cast<std::int64_t>(d->tokens.size()) + 1;
    const std::lock_guard lock(mutex_);
    auto& into = is_held ? held_ : data_;
    into.push_back(std::move(*d));
    if (static_cast<std::int64_t>(into.size()) > settings_.most_examples) {
      into.pop_front();
      ++forgotten_;
    }
    return tokens;
  }
  std::int64_t examples() const override {
    const std::lock_guard lock(mutex_);
    return static_cast<std::int64_t>(data_.size());
  }
  std::int64_t forgotten() const override {
    const std::lock_guard lock(mutex_);
    return forgotten_;
  }
  const base_model& base() const override { return base_; }

  result<void> back_to(const std::string& config, const std::string& weights) override {
    return learner_->back_to(config, weights);
  }

  result<trained> train(std::int64_t epochs,
                        const std::function<bool(const step_told*)>& told) override {
    std::vector<training_datum> data, held;
    {
      const std::lock_guard lock(mutex_);
      data.assign(data_.begin(), data_.end());
      held.assign(held_.begin(), held_.end());
    }
    if (data.empty()) return fail("train.data", "there is no example to train on");
    const engine::background_work yields(&engine::turn_gate::of_process());
    const goes_on more = [&told] { return told(nullptr); };
    const std::unique_ptr<learner, void (*)(learner*)> leaves(learner_.get(),
                                                              [](learner* l) { l->leave(); });
    HOCKET_TRY(learner_->begin(more));
    const auto total = static_cast<std::int64_t>(data.size());
    schedule plan{.batch = std::min(settings_.batch, total),
                  .warmup = settings_.warmup,
                  .rate = settings_.rate,
                  .seed = static_cast<std::uint64_t>(settings_.seed)};
    plan.steps = std::max<std::int64_t>(1, (total * epochs + plan.batch - 1) / plan.batch);
    trained out;
    auto before = validated(held, more);
    if (!before) return fail(before);
    out.validation_before = *before;
    for (std::int64_t step = 0; step < plan.steps; ++step) {
      auto done = one_step(plan, data, step, more);
      if (!done) return fail(done);
      out.tokens += done->first;
      if (step == 0) out.first_loss = done->second.loss;
      out.last_loss = done->second.loss;
      if (step + 1 == plan.steps) {
        auto after = validated(held, more);
        if (!after) return fail(after);
        out.validation_after = done->second.validation = *after;
      }
      if (!told(&done->second)) return stopped();
    }
    out.steps = plan.steps;
    auto files = learner_->end(more);
    if (!files) return fail(files);
    out.config = std::move(files->config), out.weights = std::move(files->weights);
    return out;
  }

 private:
  /// Tokens, and what the step did.
  result<std::pair<std::int64_t, step_told>> one_step(const schedule& plan,
                                                      std::span<const training_datum> data,
                                                      std::int64_t step, const goes_on& more) {
    const auto began = std::chrono::steady_clock::now();
    const auto some = batch_of(data, plan, step);
    step_told did{.step = step + 1, .steps = plan.steps, .validation = {}};
    const auto loss = learner_->step(some, plan.rate_at(step), more);
    if (!loss) return fail(loss);
    did.loss = *loss;
    std::int64_t tokens = 0;
    for (const auto& d : some) tokens += static_cast<std::int64_t>(d.tokens.size());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    did.tokens_per_s = static_cast<double>(tokens) / std::max(took.count(), 1e-9);
    return std::pair{tokens, did};
  }

  /// Mean loss of a held target.
  result<std::optional<double>> validated(std::span<const training_datum> held,
                                          const goes_on& more) {
    if (held.empty()) return std::optional<double>();
    const auto loss = learner_->loss_of(held, more);
    if (!loss) return fail(loss);
    return std::optional<double>(*loss / targets_of(held));
  }

  round_settings settings_;
  std::unique_ptr<learner> learner_;
  language::chat_words words_;
  base_model base_;
  mutable std::mutex mutex_;
  std::deque<training_datum> data_, held_;
  std::int64_t forgotten_ = 0;
};

}  // namespace

result<std::unique_ptr<lora_rounds>> open_lora_rounds(const round_settings& s) {
  const bool at_service = !s.service.base_url.empty();
  if (at_service) HOCKET_TRY(check_service(s));
  const auto path = language::find_graph_model(s.model);
  if (!path) return fail(path);
  auto words = language::open_chat_words(*path);
  if (!words) return fail(words);
  base_model base{at_service ? s.service.model : language::model_name(s.model), ""};
  // A folder of words alone has no weights to sum: which ones the service has, it alone knows.
  if (!at_service || holds_weights(*path)) {
    auto sum = model_sha256(*path);
    if (!sum) return fail(sum);
    base.sha256 = std::move(*sum);
  }
  std::unique_ptr<learner> who;
  if (at_service) {
    who = make_service_learner(s);
  } else {
    auto model =
        language::open_language_model(*path, s.max_tokens, language::block_types_of(s.precision));
    if (!model) return fail(model);
    who = make_engine_learner(s, std::move(*model), base.name);
  }
  return std::make_unique<rounds>(s, std::move(who), std::move(*words), std::move(base));
}

}  // namespace hocket::trainer
