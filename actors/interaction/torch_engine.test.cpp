// The engine of a build with libtorch behind the actor's interface.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include <doctest/doctest.h>

#include "actors/interaction/micro_turn_engine.hpp"

using namespace hocket;
using namespace hocket::interaction;

namespace {

/// What it says to so many persons, each with a noise of its own, turn after turn.
std::vector<std::vector<turn_output>> said_to(int persons, int turns, int threads,
                                              const std::string& model = HOCKET_SOURCE_DIR
                                              "/configs/models/nano") {
  auto made =
      make_engine({.model = model, .device = "cpu", .gate_threshold = 0, .threads = threads});
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

TEST_CASE(
    "a vocoder in the model's folder makes its voice, and nothing else; a broken one is named") {
  namespace fs = std::filesystem;
  const fs::path tree = HOCKET_SOURCE_DIR;
  const auto folder = fs::temp_directory_path() / ("hocket_voice." + std::to_string(getpid()));
  fs::create_directories(folder);
  for (const char* name : {"config.json", "vocabulary.json", "model.safetensors"})
    fs::copy_file(tree / "configs/models/nano" / name, folder / name,
                  fs::copy_options::overwrite_existing);
  const auto vocoder = folder / "vocoder.safetensors";
  fs::copy_file(tree / "engine/audio/learnt_vocoder_fixture.safetensors", vocoder,
                fs::copy_options::overwrite_existing);
  const auto plain = said_to(1, 3, 1), learnt = said_to(1, 3, 1, folder.string());
  for (std::size_t t = 0; t < plain.size(); ++t) {
    const auto &a = plain[t][0], &b = learnt[t][0];
    CHECK(a.text == b.text);
    CHECK(std::ranges::equal(a.gates, b.gates));
    CHECK(a.samples.size() == b.samples.size());
    CHECK(a.samples != b.samples);
    CHECK(std::ranges::all_of(b.samples, [](float s) { return std::isfinite(s); }));
  }
  std::ofstream(vocoder, std::ios::trunc) << "none";
  const auto broken = make_engine({.model = folder.string(), .device = "cpu"});
  REQUIRE_FALSE(broken);
  CHECK_MESSAGE(broken.error().message.find("vocoder.safetensors") != std::string::npos,
                broken.error().message);
  fs::remove_all(folder);
}
