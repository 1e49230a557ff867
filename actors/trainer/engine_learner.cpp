// Steps in this process.
#include <algorithm>

#include "actors/trainer/data/schedule.hpp"
#include "actors/trainer/learner.hpp"

namespace hocket::trainer {
namespace {

using lora::training_datum;

class engine_learner final : public learner {
 public:
  engine_learner(const round_settings& s, std::shared_ptr<const language::language_model> model,
                 std::string base_name)
      : settings_(s), model_(std::move(model)), base_name_(std::move(base_name)) {}

  result<void> begin(const goes_on&) override {
    if (trainer_) return {};
    const auto has = [&](const char* part) {
      return std::ranges::find(settings_.parts, part) != settings_.parts.end();
    };
    lora::lora_config c;
    c.rank = static_cast<int>(settings_.rank), c.alpha = settings_.alpha;
    c.base_model = base_name_;
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

  result<double> loss_of(std::span<const training_datum> data, const goes_on& more) override {
    double loss = 0;
    for (const auto& d : data) {
      const auto p = trainer_->forward(lora::loss_config{}, {&d, 1});
      if (!p) return fail(p);
      loss += p->loss;
      if (!more()) return stopped();
    }
    return loss;
  }

  /// Example by example, so that nobody waits long for it to stop.
  result<double> step(std::span<const training_datum> batch, double rate,
                      const goes_on& more) override {
    double loss = 0;
    for (const auto& d : batch) {
      const auto passed = trainer_->forward_backward(lora::loss_config{}, {&d, 1});
      if (!passed) return fail(passed);
      loss += passed->loss;
      if (!more()) return stopped();
    }
    const auto moved =
        move_by(*trainer_, settings_.optimizer, rate, settings_.decay, settings_.clip);
    if (!moved) return fail(moved);
    return loss;
  }

  result<lora::adapter_files> end(const goes_on&) override { return trainer_->files(); }

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

 private:
  round_settings settings_;
  std::shared_ptr<const language::language_model> model_;
  std::string base_name_;
  std::unique_ptr<lora::trainer> trainer_;
};

}  // namespace

std::unique_ptr<learner> make_engine_learner(const round_settings& s,
                                             std::shared_ptr<const language::language_model> model,
                                             const std::string& base_name) {
  return std::make_unique<engine_learner>(s, std::move(model), base_name);
}

}  // namespace hocket::trainer
