// Steps and clicks are found where they are; then the teacher's phrases through the vocoder: what its sound
// has at the borders of micro-turns that the teacher's has not.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/model_voice.hpp"
#include "tools/scenarios/seams.hpp"
#include "tools/scenarios/voice_check.hpp"
#include "tools/scenarios/words.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::scenarios;

namespace {

constexpr std::size_t blocks_per_turn = engine::micro_turn_samples / level_block;

std::vector<std::string> phrases() {
  std::vector<std::string> out;
  for (int n = 0; n <= 20; ++n) out.push_back("that is " + engine::words_of_number(n));
  for (const auto& e : small_talk()) out.push_back(e.model);
  for (const auto& e : sentences_about()) out.push_back(e.model);
  for (const auto& w : weather_words()) out.push_back("it is " + w);
  return out;
}

double p95(std::vector<double> x) {
  const auto at = x.begin() + static_cast<std::ptrdiff_t>(x.size() * 95 / 100);
  std::nth_element(x.begin(), at, x.end());
  return *at;
}

}  // namespace

TEST_CASE(
    "a step of the level is found at the border where it is, and only where something sounds") {
  std::vector<float> x(5 * engine::micro_turn_samples);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool loud = i >= 640 + 3 * engine::micro_turn_samples;  // borders lie 40 ms late
    x[i] = (loud ? 0.2f : 0.02f) * std::sin(0.3f * static_cast<float>(i));
  }
  std::fill_n(x.begin(), 8000, 0.0f);
  const auto steps = level_steps_of(x, 640);
  CHECK(steps.border_db.size() == 2);
  CHECK(*std::ranges::max_element(steps.border_db) == doctest::Approx(20).epsilon(0.02));
  CHECK(*std::ranges::max_element(steps.inside_db) < 1);
  const auto beside = level_steps_of(x, 0);
  CHECK(*std::ranges::max_element(beside.inside_db) == doctest::Approx(20).epsilon(0.02));
  CHECK(*std::ranges::max_element(beside.border_db) < 1);
  CHECK(clicks_in(x) == 0);
  x[12080] += 0.5f;
  CHECK(clicks_in(x) == 1);
}

TEST_CASE(
    "the vocoder's levels step no more at borders of micro-turns than the teacher's, nor "
    "elsewhere") {
  std::vector<double> border, border_teacher, inside, inside_teacher;
  std::size_t clicks = 0, clicks_teacher = 0, heard = 0;
  for (const auto& text : phrases()) {
    const phrase& what = model_voice::shared().say_undecided(text);
    const auto made = vocoded(what, engine::voice_sound());
    const auto teacher = levels_db(what.samples), ours = levels_db(made);
    for (std::size_t i = 1; i < teacher.size(); ++i) {
      if (std::min({teacher[i], teacher[i - 1], ours[i], ours[i - 1]}) < faint_db) continue;
      const bool at_border = i % blocks_per_turn == 0;
      (at_border ? border : inside).push_back(std::abs(ours[i] - ours[i - 1]));
      (at_border ? border_teacher : inside_teacher)
          .push_back(std::abs(teacher[i] - teacher[i - 1]));
    }
    clicks += clicks_in(made), clicks_teacher += clicks_in(what.samples), ++heard;
  }
  MESSAGE("level steps p95, dB: borders "
          << p95(border) << " (teacher " << p95(border_teacher) << "), inside " << p95(inside)
          << " (teacher " << p95(inside_teacher) << "); clicks in " << heard << " phrases: "
          << clicks << " (teacher " << clicks_teacher << "); borders: " << border.size());
  CHECK(border.size() > 100);
  CHECK(p95(border) < p95(border_teacher) + 1);
  CHECK(p95(inside) < p95(inside_teacher) + 1);
  CHECK(clicks <= clicks_teacher);
}
