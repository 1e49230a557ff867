#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>

#include "actors/trainer/adapters/model_sum.hpp"
#include "actors/trainer/data/datum.hpp"
#include "actors/trainer/data/schedule.hpp"
#include "actors/trainer/rounds.hpp"
#include "engine/language/network/open.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::trainer {
namespace {

using lora::training_datum;

class rounds final : public lora_rounds {
 public:
  rounds(round_settings s, std::shared_ptr<const language::language_model> model,
         language::chat_words words, base_model base)
      : settings_(std::move(s)),
        model_(std::move(model)),
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
    if (weights.empty()) {
      trainer_.reset();  // made anew by the next round
      return {};
    }
    auto opened = lora::trainer::open(model_, {config, weights}, nullptr);
    if (!opened) return fail(opened);
    trainer_ = std::move(*opened);
    return {};
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
    if (!trainer_) HOCKET_TRY(begin());
    const auto total = static_cast<std::int64_t>(data.size());
    schedule plan{.batch = std::min(settings_.batch, total),
                  .warmup = settings_.warmup,
                  .rate = settings_.rate,
                  .seed = static_cast<std::uint64_t>(settings_.seed)};
    plan.steps = std::max<std::int64_t>(1, (total * epochs + plan.batch - 1) / plan.batch);
    trained out;
    auto before = validated(held, told);
    if (!before) return fail(before);
    out.validation_before = *before;
    for (std::int64_t step = 0; step < plan.steps; ++step) {
      auto done = one_step(plan, data, step, told);
      if (!done) return fail(done);
      out.tokens += done->first;
      if (step == 0) out.first_loss = done->second.loss;
      out.last_loss = done->second.loss;
      if (step + 1 == plan.steps) {
        auto after = validated(held, told);
        if (!after) return fail(after);
        out.validation_after = done->second.validation = *after;
      }
      if (!told(&done->second)) return stopped();
    }
    out.steps = plan.steps;
    auto files = trainer_->files();
    out.config = std::move(files.config), out.weights = std::move(files.weights);
    return out;
  }

 private:
  static tl::unexpected<error> stopped() { return fail("train.stopped", "the round was ended"); }

  result<void> begin() {
    const auto has = [&](const char* part) {
      return std::ranges::find(settings_.parts, part) != settings_.parts.end();
    };
    lora::lora_config c;
    c.rank = static_cast<int>(settings_.rank), c.alpha = settings_.alpha;
    c.base_model = base_.name;
    if (settings_.modules.empty())
      c.modules = lora::modules_of({.attention = has("attention"),
                                    .feed_forward = has("feed_forward"),
                                    .unembed = has("unembed")});
    else
      c.expression = settings_.modules;
    auto made =
        lora::trainer::create(model_, std::move(c), static_cast<std::uint64_t>(settings_.seed));
    if (!made) return fail(made);
    trainer_ = std::move(*made);
    return {};
  }

  /// Tokens, and what the step did. Example by example, so that nobody waits long for it to stop.
  result<std::pair<std::int64_t, step_told>> one_step(
      const schedule& plan, std::span<const training_datum> data, std::int64_t step,
      const std::function<bool(const step_told*)>& told) {
    const auto began = std::chrono::steady_clock::now();
    const auto some = batch_of(data, plan, step);
    step_told did{.step = step + 1, .steps = plan.steps, .validation = {}};
    std::int64_t tokens = 0;
    for (const auto& d : some) {
      const auto passed = trainer_->forward_backward(lora::loss_config{}, {&d, 1});
      if (!passed) return fail(passed);
      did.loss += passed->loss;
      tokens += static_cast<std::int64_t>(d.tokens.size());
      if (!told(nullptr)) return stopped();
    }
    const auto moved = move_by(*trainer_, settings_.optimizer, plan.rate_at(step), settings_.decay,
                               settings_.clip);
    if (!moved) return fail(moved);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    did.tokens_per_s = static_cast<double>(tokens) / std::max(took.count(), 1e-9);
    return std::pair{tokens, did};
  }

  /// Mean loss of a held target.
  result<std::optional<double>> validated(std::span<const training_datum> held,
                                          const std::function<bool(const step_told*)>& told) {
    if (held.empty()) return std::optional<double>();
    double loss = 0;
    for (const auto& d : held) {
      const auto p = trainer_->forward(lora::loss_config{}, {&d, 1});
      if (!p) return fail(p);
      loss += p->loss;
      if (!told(nullptr)) return stopped();
    }
    return std::optional<double>(loss / targets_of(held));
  }

  round_settings settings_;
  std::shared_ptr<const language::language_model> model_;
  language::chat_words words_;
  base_model base_;
  std::unique_ptr<lora::trainer> trainer_;
  mutable std::mutex mutex_;
  std::deque<training_datum> data_, held_;
  std::int64_t forgotten_ = 0;
};

}  // namespace

result<std::unique_ptr<lora_rounds>> open_lora_rounds(const round_settings& s) {
  const auto path = language::find_graph_model(s.model);
  if (!path) return fail(path);
  auto model =
      language::open_language_model(*path, s.max_tokens, language::block_types_of(s.precision));
  if (!model) return fail(model);
  auto words = language::open_chat_words(*path);
  if (!words) return fail(words);
  auto sum = model_sha256(*path);
  if (!sum) return fail(sum);
  return std::make_unique<rounds>(s, std::move(*model), std::move(*words),
                                  base_model{language::model_name(s.model), std::move(*sum)});
}

}  // namespace hocket::trainer
