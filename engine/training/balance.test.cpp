// Experts share their work without a loss that asks for it: corrections of the choice move after each step.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <string>

#include <ATen/ATen.h>

#include "engine/training/echo.test.hpp"
#include "engine/training/trainer.hpp"
#include "engine/transformer/ops.hpp"

using namespace hocket;
using namespace hocket::engine;
using namespace hocket::engine::test;

namespace {

constexpr std::int64_t width = 8, experts = 8, chosen = 2, rows = 64;

/// One router, whose fresh numbers send every row to the first two experts.
class skewed_router final : public trainable {
 public:
  skewed_router() {
    at::manual_seed(3);
    weight_ = 0.1 * at::randn({experts, width});
    weight_.slice(0, 0, chosen).select(1, 0).add_(2);
    correction_ = at::zeros({experts});
  }
  std::vector<parameter> parameters() override {
    return {{"feed.router", &weight_, nullptr, parameter_kind::head, 1},
            {"feed.correction", &correction_, nullptr, parameter_kind::vector, 1}};
  }
  std::unique_ptr<trainable> alias() const override {
    auto copy = std::make_unique<skewed_router>(*this);
    for (auto& p : copy->parameters()) *p.value = p.value->detach().set_requires_grad(true);
    return copy;
  }
  result<at::Tensor> loss(const training_example& example, std::uint64_t,
                          loss_sums&) const override {
    const auto x = rows_of(std::stoull(example.provenance));
    return route(x).weight.square().sum() * 1e-3;
  }
  ops::routing route(const at::Tensor& x) const {
    return ops::route(at::matmul(x, weight_.t()), correction_, config());
  }
  static experts_config config() {
    return {.count = experts, .chosen = chosen, .router = router_kind::sigmoid, .normalise = false};
  }
  /// [rows, width]; the first number of each is about 1.
  static at::Tensor rows_of(std::uint64_t seed) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < rows * width; ++i) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      const auto v = static_cast<float>(seed >> 40) / (1 << 23) - 1;
      values.push_back(i % width == 0 ? 1 + 0.2f * v : v);
    }
    return at::tensor(values).view({rows, width});
  }
  const at::Tensor& correction() const { return correction_; }

 private:
  at::Tensor weight_, correction_;
};

training_example numbered(std::uint64_t seed) {
  training_example e;
  e.provenance = std::to_string(seed);
  return e;
}

/// Steps of four examples until `steps` are done; the peaks of the experts' loads on the way.
std::vector<double> run(trainer& t, std::int64_t steps) {
  std::vector<double> peaks;
  while (t.steps() < steps) {
    std::vector<training_example> batch;
    for (std::uint64_t i = 0; i < 4; ++i)
      batch.push_back(numbered(static_cast<std::uint64_t>(t.steps()) * 4 + i));
    auto sums = t.step(batch, 1);
    REQUIRE(sums);
    const auto layers = (*sums)["expert_layers"];
    peaks.push_back(layers > 0 ? (*sums)["expert_peak"] / layers : 0);
  }
  return peaks;
}

trainer_config balanced(double by, int workers = 1) {
  trainer_config c;
  c.optimizer.rate = 1e-4, c.workers = workers, c.balance = by;
  return c;
}

std::vector<float> numbers(const at::Tensor& t) {
  const auto c = t.contiguous();
  return {c.data_ptr<float>(), c.data_ptr<float>() + c.numel()};
}

}  // namespace

TEST_CASE("a skewed router's load evens out, and without balance it does not") {
  use_one_torch_thread();
  skewed_router alone, shared;
  trainer without(alone, balanced(0)), with(shared, balanced(0.01));
  run(without, 150);
  CHECK(numbers(alone.correction()) == std::vector<float>(experts, 0));
  const auto peaks = run(with, 150);
  const double late = std::accumulate(peaks.end() - 20, peaks.end(), 0.0) / 20;
  MESSAGE("busiest expert over the mean: " << peaks.front() << " -> " << late);
  CHECK(peaks.front() > 3.5);  // of 4: two experts take all
  CHECK(late < 2);
  // Whatever the load, every row has its experts: none has a capacity that drops one.
  choice_counts counts;
  for (const auto* router : {&alone, &shared}) {
    const counted_choices counted(&counts);
    CHECK(router->route(skewed_router::rows_of(9)).expert.size() == rows * chosen);
  }
  REQUIRE(counts.size() == 2);
  for (const auto& [where, taken] : counts)
    CHECK(std::accumulate(taken.begin(), taken.end(), std::int64_t{0}) == rows * chosen);
}

TEST_CASE("a correction is part of the choice, and neither of a weight nor of a gradient") {
  skewed_router router;
  trainer t(router, balanced(0.01));
  run(t, 150);
  const auto x = skewed_router::rows_of(77);
  const auto choice = router.route(x);
  auto parameters = router.parameters();
  const auto scores = at::sigmoid(at::matmul(x, parameters[0].value->t()));
  const auto index = at::tensor(choice.expert, at::kLong).view({rows, chosen});
  CHECK((choice.weight - scores.gather(1, index)).abs().max().item<double>() < 1e-6);
  // Not the best by score: the correction has moved some.
  const auto best = std::get<1>(scores.topk(chosen, 1));
  CHECK(!std::get<0>(best.sort(1)).equal(index));
  auto copy = router.alias();
  loss_sums sums;
  const auto loss = copy->loss(numbered(1), 1, sums);
  REQUIRE(loss);
  loss->backward();
  auto leaves = copy->parameters();
  CHECK(leaves[0].value->grad().defined());
  CHECK(!leaves[1].value->grad().defined());
}

TEST_CASE("corrections go on from a checkpoint with the same bits, whatever the workers") {
  const auto end = [](int workers, std::int64_t stop) {
    auto config = balanced(0.01, workers);
    config.only = "feed.correction";  // workers add gradients up in any order, and rows in none
    skewed_router router, fresh;
    trainer first(router, config), next(fresh, config);
    run(first, stop);
    const auto saved = first.save();
    const auto bytes = safetensors_bytes(saved.tensors, saved.metadata);
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    const auto file = safetensors_file::parse({data, data + bytes.size()}, "checkpoint");
    REQUIRE(file);
    REQUIRE(next.restore(*file));
    CHECK(numbers(fresh.correction()) == numbers(router.correction()));
    run(next, 60);
    return numbers(fresh.correction());
  };
  const auto whole = end(1, 60);
  CHECK(*std::min_element(whole.begin(), whole.end()) < 0);
  CHECK(end(1, 20) == whole);
  CHECK(end(3, 20) == whole);
}

TEST_CASE(
    "interaction models with experts are balanced by default, and their average is exported") {
  auto options = toy();
  options.workers = 1;
  options.average = 0.5;
  options.model.attention.relative_extent = 9;
  options.model.attention.rotary = false;
  options.model.feed_forward = 32;
  options.model.backbone = {.generation = 1, .kernel = 4, .relative_rank = 3};
  options.model.backbone.experts = 4;
  const auto corrections = [](const tensor_set& set) {
    std::map<std::string, std::vector<float>> all;
    for (const auto& t : set.tensors)
      if (t.name.ends_with("feed.correction")) {
        const auto* from = reinterpret_cast<const float*>(t.data.data());
        all[t.name] = {from, from + t.data.size() / sizeof(float)};
      }
    return all;
  };
  interaction_trainer trainer(options);
  train_to(trainer, 4);
  CHECK(trainer.take_means().expert_peak >= 1);
  auto saved = corrections(trainer.save());
  std::size_t moved = 0;
  for (const auto& [name, values] : saved)
    for (const float v : values) moved += v != 0;
  CHECK(moved > 0);
  const auto exported = corrections(trainer.export_weights(true));
  REQUIRE(!exported.empty());
  for (const auto& [name, values] : exported) CHECK(values == saved.at("average." + name));
  options.balance = 0;
  interaction_trainer still(options);
  train_to(still, 4);
  for (const auto& [name, values] : corrections(still.save()))
    CHECK(values == std::vector<float>(values.size(), 0));
}
