#include "engine/lora/joint_passes.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/lora/passes.hpp"
#include "engine/lora/trainer_state.hpp"

namespace hocket::lora {

struct joint_passes::job {
  std::string owner;
  trainer::state* on;
  loss_config loss;
  std::span<const training_datum> data;
  bool forward_only;
  finished then;
  /// What goes into one pass together. It depends on the job alone: so do the bits of its gradients.
  std::vector<std::vector<std::size_t>> units;
  std::size_t next = 0;
  bool alone = false;
  pass_result so_far = {};

  void begin() {
    next = 0;
    if (!forward_only) on->clear_gradients();
    so_far = {};
    so_far.logprobs.resize(data.size());
  }
  std::int64_t rows() const {
    std::int64_t n = 0;
    for (const auto i : units[next]) n += static_cast<std::int64_t>(data[i].tokens.size());
    return n;
  }
  bool goes_with(const job& other) const {
    return !alone && on->model == other.on->model && forward_only == other.forward_only;
  }
  /// Once all units are through.
  result<pass_result> finish() {
    if (forward_only) return std::move(so_far);
    if (!std::isfinite(so_far.loss)) {
      on->clear_gradients();
      return fail("lora.not_finite", fmt::format("NonFiniteInTensor: the loss is {}", so_far.loss));
    }
    HOCKET_TRY(guarded([&] { return on->take_gradients(); }));
    return std::move(so_far);
  }
};

joint_passes::joint_passes() = default;
joint_passes::~joint_passes() = default;
std::size_t joint_passes::size() const { return jobs_.size(); }
std::size_t joint_passes::size(const std::string& owner) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(jobs_, [&](const auto& j) { return j->owner == owner; }));
}

void joint_passes::add(trainer& on, const loss_config& loss, std::span<const training_datum> data,
                       bool forward_only, finished then, const std::string& owner) {
  add(*on.state_, loss, data, forward_only, std::move(then), owner);
}

void joint_passes::add(trainer::state& on, const loss_config& loss,
                       std::span<const training_datum> data, bool forward_only, finished then,
                       const std::string& owner) {
  auto made = guarded([&]() -> result<std::unique_ptr<job>> {
    HOCKET_TRY(on.check_all(loss, data));
    auto j = std::make_unique<job>(
        job{owner, &on, loss, data, forward_only, {}, passes_of(data, trainer::rows_at_once)});
    j->begin();
    if (!j->units.empty()) turns_.try_emplace(owner, passes_);
    jobs_.reserve(jobs_.size() + 1);
    return j;
  });
  if (!made) return then(fail(made));
  auto j = std::move(*made);
  if (j->units.empty()) return then(j->finish());
  j->then = std::move(then);
  jobs_.push_back(std::move(j));
}

/// Of the owners in turn one each, then a second one of each, and so on.
std::vector<joint_passes::job*> joint_passes::in_turn() const {
  struct place {
    std::size_t of_owner;
    std::uint64_t turn;
    job* whose;
  };
  std::map<std::string, std::size_t> counts;
  std::vector<place> all;
  for (const auto& j : jobs_) all.push_back({counts[j->owner]++, turns_.at(j->owner), j.get()});
  std::ranges::stable_sort(all, {}, [](const place& p) { return std::pair(p.of_owner, p.turn); });
  std::vector<job*> jobs;
  for (const auto& p : all) jobs.push_back(p.whose);
  return jobs;
}

std::vector<joint_passes::job*> joint_passes::next_pass() const {
  const auto jobs = in_turn();
  std::vector<job*> chosen{jobs.front()};
  auto rows = chosen[0]->rows();
  for (std::size_t i = 1; i < jobs.size() && !chosen[0]->alone; ++i) {
    auto* j = jobs[i];
    if (!j->goes_with(*chosen[0]) || rows + j->rows() > rows_at_once) continue;
    chosen.push_back(j);
    rows += j->rows();
  }
  return chosen;
}

result<void> joint_passes::pass(std::span<job* const> chosen) {
  return guarded([&]() -> result<void> {
    std::vector<adapted_data> all;
    std::vector<std::pair<job*, std::size_t>> places;
    for (auto* j : chosen) {
      all.push_back({j->on->weights.adapter.get(), {}});
      for (const auto i : j->units[j->next]) {
        all.back().data.push_back(&j->data[i]);
        places.emplace_back(j, i);
      }
    }
    std::vector<double> losses(places.size());
    const auto by_logprob = [&](std::size_t at, std::span<const double> logprobs) {
      const auto& [j, i] = places[at];
      std::vector<double> gradient(logprobs.size());
      losses[at] = evaluate(j->loss, j->data[i], logprobs, gradient);
      return gradient;
    };
    std::vector<std::vector<double>> logprobs;
    if (chosen[0]->forward_only) {
      logprobs = logprobs_of(*chosen[0]->on->model, all);
      for (std::size_t at = 0; at < places.size(); ++at) (void)by_logprob(at, logprobs[at]);
    } else {
      logprobs = differentiate(*chosen[0]->on->model, all, by_logprob);
    }
    for (std::size_t at = 0; at < places.size(); ++at) {
      const auto& [j, i] = places[at];
      j->so_far.loss += losses[at];
      j->so_far.logprobs[i] = {logprobs[at].begin(), logprobs[at].end()};
    }
    return {};
  });
}

void joint_passes::end(job* j, result<pass_result> r) {
  const auto then = std::move(j->then);
  const auto owner = std::move(j->owner);
  std::erase_if(jobs_, [&](const auto& each) { return each.get() == j; });
  if (size(owner) == 0) turns_.erase(owner);
  then(std::move(r));
}

void joint_passes::step() {
  const auto went = guarded([&]() -> result<void> {
    if (!jobs_.empty()) advance();
    return {};
  });
  // There was no memory even for the order of the turns. What each one's gradients hold is not known.
  while (!went && !jobs_.empty()) {
    jobs_.front()->on->clear_gradients();
    end(jobs_.front().get(), tl::unexpected(went.error()));
  }
}

void joint_passes::advance() {
  const auto chosen = next_pass();
  last_width_ = chosen.size();
  ++passes_;
  for (const auto* j : chosen) turns_.at(j->owner) = passes_;
  std::stable_partition(jobs_.begin(), jobs_.end(), [&](const auto& j) {
    return std::find(chosen.begin(), chosen.end(), j.get()) == chosen.end();
  });
  const auto done = pass(chosen);
  if (!done && chosen.size() > 1) {
    // Whose rows it was is not known: each begins anew, alone.
    for (auto* j : chosen) j->begin(), j->alone = true;
    return;
  }
  for (auto* j : chosen) {
    if (!done) {
      j->begin();
      end(j, tl::unexpected(done.error()));
    } else if (++j->next == j->units.size()) {
      end(j, j->finish());
    }
  }
}

result<pass_result> joint_passes::alone(trainer::state& on, const loss_config& loss,
                                        std::span<const training_datum> data, bool forward_only) {
  joint_passes one;
  result<pass_result> out = fail("lora.engine", "no pass");
  one.add(
      on, loss, data, forward_only, [&](result<pass_result> r) { out = std::move(r); }, "");
  while (one.size() > 0) one.step();
  return out;
}

}  // namespace hocket::lora
