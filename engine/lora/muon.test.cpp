// Steps of Muon on a tiny model.
#include <cmath>
#include <cstring>
#include <map>

#include <ATen/ATen.h>

#include "engine/language/network/weights.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/orthogonal.hpp"
#include "engine/transformer/safetensors.hpp"

#include "engine/lora/lora_fixture.test.hpp"

using namespace hocket;
using namespace hocket::lora;

namespace {

struct rig {
  std::shared_ptr<const language::language_model> model;
  std::unique_ptr<trainer> t;
  rig() {
    model = fixture::load("llama");
    t = fixture::new_trainer(model, fixture::everywhere(4), 3);
  }
  /// The loss before the step.
  double step(const muon_params& p = {}) {
    training_datum d;
    d.tokens = {1, 5, 9, 2, 7};
    d.inputs["target_tokens"] = {{5}, {5, 9, 2, 7, 3}};
    d.inputs["weights"] = {{5}, {0.2, 0.2, 0.2, 0.2, 0.2}};
    const auto passed = t->forward_backward({}, {&d, 1});
    REQUIRE(passed);
    const auto told = t->muon_step(p);
    REQUIRE(told);
    CHECK(told->at("optim/learning_rate") == p.learning_rate);
    return passed->loss;
  }
  /// By name, [rows, columns].
  std::map<std::string, at::Tensor> weights() const {
    const auto text = t->files().weights;
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    const auto file = engine::safetensors_file::parse({begin, begin + text.size()}, "adapter");
    REQUIRE(file);
    std::map<std::string, at::Tensor> all;
    for (const auto& each : file->tensors()) {
      all[each.name] = at::empty(each.shape, at::kFloat);
      REQUIRE(each.data.size() == all[each.name].nbytes());
      std::memcpy(all[each.name].data_ptr(), each.data.data(), each.data.size());
    }
    return all;
  }
};

}  // namespace

TEST_CASE("muon: every matrix moves by an orthogonal step, whatever its gradient's scale") {
  rig small, large;
  const auto before = small.weights();
  small.step();
  for (int i = 0; i < 3; ++i) {  // three times the gradient
    training_datum d;
    d.tokens = {1, 5, 9, 2, 7};
    d.inputs["target_tokens"] = {{5}, {5, 9, 2, 7, 3}};
    d.inputs["weights"] = {{5}, {0.2, 0.2, 0.2, 0.2, 0.2}};
    REQUIRE(large.t->forward_backward({}, {&d, 1}));
  }
  REQUIRE(large.t->muon_step(muon_params{}));
  const auto after = small.weights(), other = large.weights();
  int moved = 0;
  for (const auto& [name, value] : after) {
    const auto by = (value - before.at(name)).to(at::kDouble);
    if (by.norm().item<double>() == 0) continue;  // A of a B that is zero has no gradient yet
    ++moved;
    const double rate =
        0.02 *
        std::sqrt(std::max(1.0, static_cast<double>(by.size(0)) / static_cast<double>(by.size(1))));
    const auto values = std::get<1>(at::svd(by / rate));
    CHECK(values.max().item<double>() < 1.3);
    CHECK(values.max().item<double>() > 0.6);
    CHECK((other.at(name) - value).norm().item<double>() < 0.1 * by.norm().item<double>());
  }
  CHECK(moved > 0);
}

TEST_CASE("muon: the loss falls, and a resumed run goes on with the same bits") {
  rig a;
  const double first = a.step();
  double last = first;
  for (int i = 0; i < 20; ++i) last = a.step();
  CHECK(last < 0.5 * first);
  const auto state = a.t->optimizer_state();
  rig b;
  b.t = trainer::open(b.model, a.t->files(), &state).value();
  CHECK(a.step() == b.step());
  CHECK(a.t->files().weights == b.t->files().weights);
  CHECK(b.t->steps() == 22);
}

TEST_CASE("muon: without a gradient nothing moves, and bad settings are named") {
  rig a;
  const auto before = a.t->files().weights;
  REQUIRE(a.t->muon_step(muon_params{}));
  CHECK(a.t->files().weights == before);
  for (const auto& bad :
       {muon_params{.learning_rate = -1}, muon_params{.momentum = 1},
        muon_params{.weight_decay = std::nan("")}, muon_params{.grad_clip_norm = -1}})
    CHECK(a.t->muon_step(bad).error().code == "lora.bad_params");
}
