// The released models on a GPU beside the same on the CPU. Run by tests/gpu/check; elsewhere left out.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "engine/interaction/session.hpp"
#include "tests/support/larger.hpp"
#include "tests/support/skip.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

using model = std::shared_ptr<const interaction_model>;

std::vector<micro_turn_input> noise(const model_config& c, int turns) {
  std::mt19937 random(20261129);
  std::vector<micro_turn_input> all(static_cast<std::size_t>(turns));
  for (auto& in : all)
    for (int i = 0; i < c.layout.audio * c.dmel_channels; ++i)
      in.audio.push_back(static_cast<std::uint8_t>(random() % 16));
  return all;
}

/// Median milliseconds of a micro-turn of `batch` sessions in step.
double micro_turn_ms(const model& m, std::size_t batch) {
  std::vector<session> sessions;
  std::vector<session*> pointers;
  for (std::size_t i = 0; i < batch; ++i)
    sessions.emplace_back(m, session_options{.seed = i, .gate_threshold = 0});
  for (auto& s : sessions) pointers.push_back(&s);
  std::vector<double> took;
  for (const auto& in : noise(m->description().config, 40)) {
    const std::vector<micro_turn_input> inputs(batch, in);
    const auto began = std::chrono::steady_clock::now();
    REQUIRE(batch_step(pointers, inputs));
    took.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
            .count());
  }
  std::nth_element(took.begin(), took.begin() + 20, took.end());
  return took[20];
}

}  // namespace

TEST_SUITE("gpu") {
  TEST_CASE("on a GPU the released models write, hear and say what they do on the CPU") {
    for (const std::string name : {"nano", "duplex"}) {
      CAPTURE(name);
      const auto folder = HOCKET_SOURCE_DIR "/configs/models/" + name;
      const auto here = interaction_model::load(folder, "cpu");
      const auto there = interaction_model::load(folder, "cuda");
      REQUIRE(here);
      if (!there) return hocket::testing::skipped(("a GPU: " + there.error().message).c_str());
      const session_options options{.seed = 3, .gate_threshold = 0};
      session a(*here, options), b(*there, options);
      double worst = 0;
      for (const auto& in : noise((*here)->description().config, 40)) {
        const auto x = a.append(in), y = b.append(in);
        REQUIRE(x);
        REQUIRE(y);
        CHECK(x->text == y->text);
        CHECK(x->heard == y->heard);
        for (std::size_t i = 0; i < x->speech.size(); ++i)
          worst = hocket::testing::larger(
              worst, std::abs(static_cast<double>(x->speech[i]) - y->speech[i]));
      }
      MESSAGE("gpu." << name << ".speech.max_abs " << worst);
      CHECK(worst < 1e-2);
      for (const std::size_t batch : {1, 8, 64, 256}) {
        const double ms = micro_turn_ms(*there, batch);
        MESSAGE("gpu." << name << ".batch" << batch << ".micro_turn_ms " << ms
                       << ", sessions in 200 ms at this pace "
                       << 200 / ms * static_cast<double>(batch));
      }
    }
  }
}
