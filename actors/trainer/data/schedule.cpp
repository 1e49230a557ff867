#include "actors/trainer/data/schedule.hpp"

#include <algorithm>
#include <numeric>
#include <random>

namespace hocket::trainer {

double schedule::rate_at(std::int64_t step) const {
  const double n = static_cast<double>(step), all = static_cast<double>(steps);
  const double rise = warmup > 0 ? std::min(1.0, (n + 1) / static_cast<double>(warmup)) : 1;
  return rate * rise * (1 - n / all);
}

double targets_of(std::span<const lora::training_datum> some) {
  double n = 0;
  for (const auto& d : some)
    for (const double w : d.inputs.at("weights").values) n += w;
  return std::max(n, 1.0);
}

std::vector<lora::training_datum> batch_of(std::span<const lora::training_datum> all,
                                           const schedule& s, std::int64_t step) {
  std::vector<lora::training_datum> some;
  std::vector<std::size_t> order(all.size());
  std::uint64_t ordered = ~std::uint64_t{0};
  for (std::int64_t i = step * s.batch; i < (step + 1) * s.batch; ++i) {
    const auto epoch = static_cast<std::uint64_t>(i) / all.size();
    if (epoch != ordered) {
      std::iota(order.begin(), order.end(), 0);
      std::mt19937_64 random(s.seed * 1'000'003 + epoch);
      for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random() % k]);
      ordered = epoch;
    }
    some.push_back(all[order[static_cast<std::uint64_t>(i) % all.size()]]);
  }
  const double scale = 1 / targets_of(some);
  for (auto& d : some)
    for (double& w : d.inputs["weights"].values) w = static_cast<float>(w * scale);
  return some;
}

result<void> move_by(lora::trainer& t, const std::string& optimizer, double rate, double decay,
                     double clip) {
  const auto moved =
      optimizer == "muon"
          ? t.muon_step(lora::muon_params{
                .learning_rate = rate, .weight_decay = decay, .grad_clip_norm = clip})
          : t.step(lora::adam_params{
                .learning_rate = rate, .eps = 1e-8, .weight_decay = decay, .grad_clip_norm = clip});
  if (!moved) return fail(moved);
  return {};
}

}  // namespace hocket::trainer
