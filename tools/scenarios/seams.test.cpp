// The teacher's phrases through the vocoder: what its sound has at the borders of micro-turns that the
// teacher's has not.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/audio/vocoder.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/model_voice.hpp"
#include "tools/scenarios/words.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::scenarios;

namespace {

constexpr std::size_t block = 160;  // 10 ms
constexpr std::size_t blocks_per_turn = engine::micro_turn_samples / block;

std::vector<std::string> phrases() {
  std::vector<std::string> out;
  for (int n = 0; n <= 20; ++n) out.push_back("that is " + engine::words_of_number(n));
  for (const auto& e : small_talk()) out.push_back(e.model);
  for (const auto& e : sentences_about()) out.push_back(e.model);
  for (const auto& w : weather_words()) out.push_back("it is " + w);
  return out;
}

std::vector<float> vocoded(const phrase& what) {
  using format = engine::speech_format;
  engine::vocoder voc;
  std::vector<float> out;
  for (std::int64_t k = 0; k <= what.micro_turns(); ++k) {
    std::vector<float> patches(4 * format::patch_size, 0.0f), sound(engine::micro_turn_samples);
    std::vector<std::uint8_t> voice(4, 0);
    for (std::int64_t f = 0; f < 4 && k * 4 + f < what.frames(); ++f) {
      voice[static_cast<std::size_t>(f)] = 1;
      std::copy_n(what.patches.begin() + (k * 4 + f) * std::int64_t{format::patch_size},
                  format::patch_size, patches.begin() + f * std::int64_t{format::patch_size});
    }
    voc.push(patches, voice, sound);
    out.insert(out.end(), sound.begin(), sound.end());
  }
  return out;
}

std::vector<double> levels_db(const std::vector<float>& x) {
  std::vector<double> out;
  for (std::size_t at = 0; at + block <= x.size(); at += block) {
    double power = 1e-10;
    for (std::size_t i = at; i < at + block; ++i) power += double(x[i]) * double(x[i]) / block;
    out.push_back(10 * std::log10(power));
  }
  return out;
}

/// The sharpest bend of the wave in each block.
std::vector<double> bends(const std::vector<float>& x) {
  std::vector<double> out;
  for (std::size_t at = 0; at + block <= x.size(); at += block) {
    double most = 0;
    for (std::size_t i = std::max<std::size_t>(at, 1); i + 1 < std::min(at + block + 1, x.size());
         ++i)
      most = std::max(most, std::abs(double(x[i - 1]) - 2 * double(x[i]) + double(x[i + 1])));
    out.push_back(most);
  }
  return out;
}

double p95(std::vector<double> x) {
  const auto at = x.begin() + static_cast<std::ptrdiff_t>(x.size() * 95 / 100);
  std::nth_element(x.begin(), at, x.end());
  return *at;
}

}  // namespace

TEST_CASE(
    "the vocoder's levels step no more at borders of micro-turns than the teacher's, nor "
    "elsewhere") {
  constexpr double faint_db = -45;
  std::vector<double> border, border_teacher, inside, inside_teacher;
  std::size_t clicks = 0, clicks_teacher = 0, heard = 0;
  for (const auto& text : phrases()) {
    const phrase& what = model_voice::shared().say_undecided(text);
    const auto made = vocoded(what);
    const auto teacher = levels_db(what.samples), ours = levels_db(made);
    const auto bend_teacher = bends(what.samples), bend_ours = bends(made);
    for (std::size_t i = 1; i < teacher.size(); ++i) {
      if (std::min({teacher[i], teacher[i - 1], ours[i], ours[i - 1]}) < faint_db) continue;
      const bool at_border = i % blocks_per_turn == 0;
      (at_border ? border : inside).push_back(std::abs(ours[i] - ours[i - 1]));
      (at_border ? border_teacher : inside_teacher)
          .push_back(std::abs(teacher[i] - teacher[i - 1]));
    }
    // A click: a block with a bend six times that of all around it, as loud as speech.
    const auto clicks_of = [&](const std::vector<double>& bend) {
      std::size_t found = 0;
      for (std::size_t i = 2; i + 2 < teacher.size(); ++i) {
        const double around = std::max({bend[i - 2], bend[i - 1], bend[i + 1], bend[i + 2]});
        found += bend[i] > 0.05 && bend[i] > 6 * around;
      }
      return found;
    };
    clicks += clicks_of(bend_ours), clicks_teacher += clicks_of(bend_teacher), ++heard;
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
