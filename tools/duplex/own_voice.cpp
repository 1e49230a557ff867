#include "tools/duplex/own_voice.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/scenarios/model_voice.hpp"
#include "tools/scenarios/seams.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::duplex {
namespace {

void add(std::vector<float>& to, const std::vector<double>& steps) {
  // A tenth of a decibel is enough in a file.
  for (const double s : steps) to.push_back(static_cast<float>(std::round(10 * s) / 10));
}

}  // namespace

double whole_length_s(const std::vector<segment>& speech, double from_s) {
  double first = -1, last = -1;
  for (const auto& s : speech) {
    if (s.from_s < from_s) continue;
    if (first < 0) first = s.from_s;
    last = s.to_s;
  }
  return first < 0 ? 0 : last - first;
}

void hear_own_voice(std::span<const float> sound, std::size_t first_border, double from_s,
                    timeline& into) {
  // The teacher knows the words of its small world; another system's others are not compared.
  std::vector<std::string> said;
  bool whole = true;
  for (const auto& w : into.words) {
    if (w.at_s < from_s) continue;
    const bool known = scenarios::nano_vocabulary().contains(w.word) && w.word.front() != '#';
    if (known) said.push_back(w.word);
    whole = whole && known;
  }
  const double length_s = whole_length_s(into.speech, from_s);
  if (said.empty() || length_s <= 0) return;
  const auto from = std::min(sound.size(), static_cast<std::size_t>(from_s * rate_hz));
  const std::size_t turn = rate_hz / 5;
  const auto steps = scenarios::level_steps_of(sound.subspan(from),
                                               (first_border % turn + turn - from % turn) % turn);
  auto& own = into.own;
  add(own.border_steps_db, steps.border_db);
  add(own.inside_steps_db, steps.inside_db);
  own.clicks = static_cast<std::int64_t>(scenarios::clicks_in(sound.subspan(from)));
  const auto& rendered =
      scenarios::model_voice::shared().say(fmt::format("{}", fmt::join(said, " ")));
  const auto teacher = scenarios::level_steps_of(rendered.samples, 0);
  add(own.teacher_steps_db, teacher.border_db);
  add(own.teacher_steps_db, teacher.inside_db);
  own.teacher_clicks = static_cast<std::int64_t>(scenarios::clicks_in(rendered.samples));
  // Where an errand lies between its words, the model waits as it should.
  if (whole && into.delegations_s.empty())
    own.longer_s = length_s - whole_length_s(segments_of(rendered.samples), 0);
}

}  // namespace hocket::duplex
