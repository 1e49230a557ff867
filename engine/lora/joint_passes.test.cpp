// Trainers that share passes: each gets the bits that it gets alone.
#include <random>

#include "engine/lora/joint_passes.hpp"

#include "engine/lora/lora_fixture.test.hpp"

using namespace hocket;
using namespace hocket::lora;
using fixture::load, fixture::plain_loss, fixture::shared_model;

namespace {

std::vector<training_datum> data_of(const std::vector<int>& lengths, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<training_datum> all;
  for (const int n : lengths) {
    training_datum d;
    loss_input targets{{n}, {}}, weights{{n}, {}};
    for (int i = 0; i < n; ++i) {
      d.tokens.push_back(3 + static_cast<int>(random() % 90));
      targets.values.push_back(3 + static_cast<int>(random() % 90));
      weights.values.push_back(static_cast<double>(random() % 5) - 1);
    }
    d.inputs = {{"target_tokens", targets}, {"weights", weights}};
    all.push_back(std::move(d));
  }
  return all;
}

std::unique_ptr<trainer> make(const shared_model& model, int rank, std::uint64_t seed,
                              lora_parts parts) {
  lora_config c;
  c.rank = rank;
  c.modules = modules_of(parts);
  auto t = trainer::create(model, c, seed);
  REQUIRE(t);
  return std::move(*t);
}

struct tenant {
  std::unique_ptr<trainer> own;
  std::vector<training_datum> data;
};

/// Four with adapters of different ranks and parts, with texts of any lengths; one has many.
std::vector<tenant> tenants(const shared_model& model) {
  std::vector<tenant> all;
  all.push_back({make(model, 4, 1, {}), data_of({9, 14, 9}, 21)});
  all.push_back({make(model, 2, 2, {.unembed = false}), data_of({31}, 22)});
  all.push_back({make(model, 8, 3, {.feed_forward = false}), data_of({1, 2, 5, 64, 3}, 23)});
  all.push_back({make(model, 4, 4, {}), data_of(std::vector<int>(30, 20), 24)});
  return all;
}

const adam_params quick{.learning_rate = 0.01};

}  // namespace

TEST_CASE("trainers in one pass get the bits that each gets alone, every family") {
  for (const auto& [family, blocks] : fixture::every_kind()) {
    if (family.starts_with("inkling")) continue;
    CAPTURE(family);
    CAPTURE(blocks);
    const auto model = load(family, blocks);
    auto alone = tenants(model), together = tenants(model);
    std::size_t widest = 0;
    for (int round = 0; round < 2; ++round) {
      std::vector<pass_result> wanted, got(together.size());
      for (auto& t : alone) {
        auto r = t.own->forward_backward(plain_loss, t.data);
        REQUIRE_MESSAGE(r, (r ? "" : r.error().message));
        wanted.push_back(std::move(*r));
        REQUIRE(t.own->step(quick));
      }
      joint_passes joint;
      for (std::size_t i = 0; i < together.size(); ++i)
        joint.add(*together[i].own, plain_loss, together[i].data, false,
                  [&got, i](result<pass_result> r) {
                    REQUIRE(r);
                    got[i] = std::move(*r);
                  });
      CHECK(joint.size() == 4);
      while (joint.size() > 0) {
        joint.step();
        widest = std::max(widest, joint.last_width());
      }
      for (std::size_t i = 0; i < together.size(); ++i) {
        CHECK(got[i].logprobs == wanted[i].logprobs);
        CHECK(got[i].loss == wanted[i].loss);
        REQUIRE(together[i].own->step(quick));
        // Weights and moments are of the gradients' bits.
        CHECK(together[i].own->files().weights == alone[i].own->files().weights);
        CHECK(together[i].own->optimizer_state() == alone[i].own->optimizer_state());
      }
    }
    CHECK(widest == 4);
  }
}

TEST_CASE("what is wrong with one trainer's data ends that one alone") {
  const auto model = load("llama");
  auto all = tenants(model), alone = tenants(model);
  auto& bad = all[1].data[0];
  bad.inputs["weights"].values[3] = 1e300;  // a finite weight whose gradient is none
  all[2].data[1].inputs.erase("weights");
  joint_passes joint;
  std::vector<std::string> ended(4);
  for (std::size_t i = 0; i < 4; ++i)
    joint.add(*all[i].own, plain_loss, all[i].data, false,
              [&ended, i](result<pass_result> r) { ended[i] = r ? "fine" : r.error().code; });
  CHECK(ended[2] == "loss.bad_input");
  while (joint.size() > 0) joint.step();
  CHECK(ended == std::vector<std::string>{"fine", "lora.not_finite", "loss.bad_input", "fine"});
  for (const std::size_t i : {0u, 3u}) {
    REQUIRE(alone[i].own->forward_backward(plain_loss, alone[i].data));
    REQUIRE(alone[i].own->step(quick));
    REQUIRE(all[i].own->step(quick));
    CHECK(all[i].own->files().weights == alone[i].own->files().weights);
  }
  // The others have no gradient pending: a step changes nothing.
  for (const std::size_t i : {1u, 2u}) {
    REQUIRE(all[i].own->step(quick));
    CHECK(all[i].own->files().weights == alone[i].own->files().weights);
  }
}

TEST_CASE("a short request is through before a long one that came first") {
  const auto model = load("llama");
  auto all = tenants(model);
  joint_passes joint;
  std::vector<int> order;
  for (const int i : {3, 0})
    joint.add(*all[static_cast<std::size_t>(i)].own, plain_loss,
              all[static_cast<std::size_t>(i)].data, false,
              [&order, i](const result<pass_result>&) { order.push_back(i); });
  joint.step();
  CHECK(order == std::vector{0});
  while (joint.size() > 0) joint.step();
  CHECK(order == std::vector{0, 3});

  // A pass without gradients leaves none; nothing to do is done at once.
  const auto before = all[0].own->files().weights;
  bool called = false;
  joint.add(*all[0].own, plain_loss, {}, true, [&](const result<pass_result>&) { called = true; });
  CHECK(called);
  joint.add(*all[0].own, plain_loss, all[0].data, true, [](const result<pass_result>&) {});
  joint.step();
  CHECK(joint.size() == 0);
}

TEST_CASE("passes without gradients that are shared give the bits that each gets alone") {
  const auto model = load("llama");
  auto all = tenants(model);
  std::vector<pass_result> wanted, got(all.size());
  for (auto& t : all) {  // weights that are not those of the beginning: an adapter's are zero there
    REQUIRE(t.own->forward_backward(plain_loss, t.data));
    REQUIRE(t.own->step(quick));
    auto r = t.own->forward(plain_loss, t.data);
    REQUIRE(r);
    wanted.push_back(std::move(*r));
  }
  joint_passes joint;
  std::size_t widest = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    joint.add(*all[i].own, plain_loss, all[i].data, true, [&got, i](result<pass_result> r) {
      REQUIRE(r);
      got[i] = std::move(*r);
    });
  while (joint.size() > 0) joint.step(), widest = std::max(widest, joint.last_width());
  CHECK(widest == 4);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(got[i].logprobs == wanted[i].logprobs);
    CHECK(got[i].loss == wanted[i].loss);
  }
}

TEST_CASE("whose weights are all zero has no gradient beside others either") {
  const auto model = load("llama");
  auto all = tenants(model), alone = tenants(model);
  for (auto* some : {&all, &alone}) {
    auto& t = (*some)[1];
    REQUIRE(t.own->forward_backward(plain_loss, t.data));
    REQUIRE(t.own->step({.learning_rate = 1e38}));  // products with it are not finite any more
    for (auto& w : t.data[0].inputs["weights"].values) w = 0;
  }
  std::vector<std::string> ended(4), wanted(4);
  joint_passes joint;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto r = alone[i].own->forward_backward(plain_loss, alone[i].data);
    wanted[i] = r ? "fine" : r.error().code;
    joint.add(*all[i].own, plain_loss, all[i].data, false,
              [&ended, i](result<pass_result> r) { ended[i] = r ? "fine" : r.error().code; });
  }
  while (joint.size() > 0) joint.step();
  CHECK(wanted == std::vector<std::string>(4, "fine"));
  CHECK(ended == wanted);
  for (const std::size_t i : {0u, 2u, 3u}) {
    REQUIRE(alone[i].own->step(quick));
    REQUIRE(all[i].own->step(quick));
    CHECK(all[i].own->files().weights == alone[i].own->files().weights);
  }
}

TEST_CASE("an owner of many trainers leaves another its turns") {
  const auto model = load("llama");
  // Three units that fill half a pass each, of every trainer.
  const auto data = data_of(std::vector<int>(3 * trainer::rows_at_once / 64, 64), 31);
  std::vector<std::unique_ptr<trainer>> many;
  for (std::uint64_t i = 0; i < 6; ++i) many.push_back(make(model, 2, i, {.unembed = false}));
  auto one = make(model, 2, 9, {.unembed = false});
  joint_passes joint;
  std::size_t ended = 0;
  bool is_through = false;
  for (auto& t : many)
    joint.add(
        *t, plain_loss, data, true, [&](const result<pass_result>&) { ++ended; }, "many");
  joint.add(
      *one, plain_loss, data, true, [&](const result<pass_result>&) { is_through = true; }, "one");
  CHECK(joint.size("many") == 6);
  CHECK(joint.size("one") == 1);
  for (int i = 0; i < 3; ++i) {
    CHECK(!is_through);
    joint.step();
  }
  CHECK(is_through);  // a part of it was in every pass
  CHECK(joint.size("one") == 0);
  CHECK(ended <= 1);
  while (joint.size() > 0) joint.step();
  CHECK(ended == 6);
}
