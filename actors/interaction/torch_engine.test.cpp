// The engine of a build with libtorch behind the actor's interface.
#include <algorithm>
#include <cmath>
#include <random>

#include <doctest/doctest.h>

#include "actors/interaction/micro_turn_engine.hpp"

using namespace hocket;
using namespace hocket::interaction;

namespace {

/// What it says to so many persons, each with a noise of its own, turn after turn.
std::vector<std::vector<turn_output>> said_to(int persons, int turns, int threads) {
  auto made = make_engine({.model = HOCKET_SOURCE_DIR "/configs/models/nano",
                           .device = "cpu",
                           .gate_threshold = 0,
                           .threads = threads});
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  std::vector<turn_input> inputs(static_cast<std::size_t>(persons));
  for (int p = 0; p < persons; ++p) {
    inputs[static_cast<std::size_t>(p)].session = session_id(p + 1);
    REQUIRE((*made)->open_session(session_id(p + 1)));
  }
  std::mt19937 random(20261129);
  std::vector<std::vector<turn_output>> all;
  for (int t = 0; t < turns; ++t) {
    for (auto& in : inputs) {
      in.frames.resize(frames_per_turn * dmel_channels);
      for (auto& bin : in.frames) bin = static_cast<std::uint8_t>(random() % 16);
    }
    auto outputs = (*made)->step(inputs);
    REQUIRE_MESSAGE(outputs, (outputs ? "" : outputs.error().message));
    REQUIRE(outputs->size() == inputs.size());
    all.push_back(std::move(*outputs));
  }
  return all;
}

}  // namespace

TEST_CASE("with any number of threads each person is told the same bits") {
  const int persons = 5, turns = 6;
  const auto alone = said_to(persons, turns, 1), helped = said_to(persons, turns, 3);
  for (std::size_t t = 0; t < turns; ++t)
    for (std::size_t p = 0; p < persons; ++p) {
      CAPTURE(t);
      CAPTURE(p);
      const auto &a = alone[t][p], &b = helped[t][p];
      CHECK(a.samples == b.samples);
      CHECK(a.text == b.text);
      CHECK(std::ranges::equal(a.gates, b.gates));
      REQUIRE(a.heard.size() == b.heard.size());
      for (std::size_t w = 0; w < a.heard.size(); ++w) {
        CHECK(a.heard[w].word == b.heard[w].word);
        CHECK(a.heard[w].frame == b.heard[w].frame);
      }
    }
  // Nobody's sound is silence or another's, so an output in the wrong place would be seen.
  const auto& last = alone.back();
  for (std::size_t p = 0; p < persons; ++p) {
    CHECK(std::ranges::any_of(last[p].samples, [](float s) { return std::abs(s) > 1e-3f; }));
    for (std::size_t q = 0; q < p; ++q) CHECK(last[p].samples != last[q].samples);
  }
}
