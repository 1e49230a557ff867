#include "tools/scenarios/conversation.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "tools/scenarios/builder.hpp"
#include "tools/scenarios/channel.hpp"
#include "tools/scenarios/families.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {

const std::vector<std::string>& family_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const family& f : all_families()) all.emplace_back(f.name);
    return all;
  }();
  return names;
}

const std::vector<std::string>& core_families() {
  static const std::vector<std::string> names(family_names().begin(), family_names().begin() + 8);
  return names;
}

namespace {

result<std::vector<family>> chosen_families(const source_options& options) {
  std::vector<std::string> names;
  for (const std::string& name : options.families) {
    if (name == "all")
      names.insert(names.end(), family_names().begin(), family_names().end());
    else
      names.push_back(name);
  }
  if (names.empty()) names = core_families();
  std::vector<family> chosen;
  for (const std::string& name : names) {
    const family* found = find_family(name);
    if (!found) {
      std::string known = " all";
      for (const std::string& other : family_names()) known += " " + other;
      return fail("scenarios.family", "there is no family `" + name + "`; choose one of" + known);
    }
    chosen.push_back(*found);
  }
  return chosen;
}

/// A camera is there when only seeing families may come, or by chance; without one they are left out.
void open_eyes(builder& plan, std::vector<family>& chosen) {
  const auto sees = [](const family& f) { return f.sees; };
  if (std::none_of(chosen.begin(), chosen.end(), sees)) return;
  const bool only = std::all_of(chosen.begin(), chosen.end(), sees);
  if (plan.rng.chance(0.6) || only)
    plan.scene.emplace(plan.rng);
  else
    std::erase_if(chosen, sees);
}

/// Something to look at that is not for the model, over what was just played.
void add_distraction(builder& plan, std::int64_t from) {
  random_stream& rng = plan.rng;
  if (!rng.chance(0.4)) return;
  sprite s = draw_sprite(rng, rng.pick(color_words()), rng.pick(shape_words()));
  s.from = from, s.to = plan.cursor;
  if (rng.chance(0.5)) {
    s.moves = sprite::motion::drifts;
    s.speed_x = rng.uniform(-15, 15), s.speed_y = rng.uniform(-15, 15);
    s.spans.emplace_back(from + (s.to - from) / 4, from + (s.to - from) * 3 / 4);
  }
  plan.scene->add(std::move(s));
}

}  // namespace

result<conversation> make_conversation(const source_options& options, std::uint64_t index) {
  auto families = chosen_families(options);
  if (!families) return fail(families);
  std::vector<family>& chosen = *families;
  const auto split_number = options.which == split::train ? 1u : 2u;
  const std::uint64_t seed = seed_of(options.seed, index, split_number);
  const auto turns = std::max<std::int64_t>(5, std::llround(options.seconds * 5.0));

  const double grown =
      options.field_ramp == 0 ? 1.0 : std::min(1.0, double(index) / double(options.field_ramp));
  const bool field = random_stream(seed_of(seed, 81)).chance(options.field * grown);
  if (field) HOCKET_TRY(prepare_babble(options.which));

  // The synthesiser is shared by all threads: hold it only while the plan is made.
  std::optional<builder> plan;
  {
    auto voice = person_voice::open();
    if (!voice) return fail(voice);
    plan.emplace(**voice, seed, options.which, turns, options.sound, options.slips);
    plan->taught_by(options.voice);
    open_eyes(*plan, chosen);
    double weights = 0;
    for (const family& f : chosen) weights += f.weight;
    if (field) {
      plan->go_into_the_field(options.bank);
      for (const auto& [name, part] : {std::pair("other_talk", 6), std::pair("typed", 10)}) {
        chosen.push_back(*find_family(name));
        chosen.back().weight = weights / part;
      }
      weights += weights / 6 + weights / 10;
    }
    plan->cursor = static_cast<std::int64_t>(plan->rng.uniform(0.1, 0.9) * 16000.0);
    while (!plan->full()) {
      double at = plan->rng.uniform(0, weights);
      std::size_t which = 0;
      while (which + 1 < chosen.size() && at >= chosen[which].weight) at -= chosen[which++].weight;
      const std::int64_t from = plan->cursor;
      chosen[which].play(*plan);
      if (plan->scene && !chosen[which].sees) add_distraction(*plan, from);
    }
  }
  HOCKET_TRY(plan->take_error());
  conversation out = plan->finish();
  out.seed = seed;
  return out;
}

result<conversation> make_main_job(std::uint64_t seed, split which) {
  std::optional<builder> plan;
  std::int64_t end = 0;
  {
    auto voice = person_voice::open();
    if (!voice) return fail(voice);
    // Planned twice: the first pass tells how long it is.
    for (std::int64_t turns : {std::int64_t{400}, std::int64_t{0}}) {
      if (turns == 0) {
        voice->reset();
        voice = person_voice::open();
        if (!voice) return fail(voice);
        turns = end / turn_samples + 8;
      }
      plan.emplace(**voice, seed_of(seed, 0xde30), which, turns);
      builder& b = *plan;
      // An unhurried person at a common level, the voice chosen by the seed.
      person speaker;
      const auto& voices = voices_of(which);
      speaker.voice = voices[static_cast<std::size_t>(seed + 1) % voices.size()];
      speaker.rate_wpm = b.rng.integer(145, 165);
      speaker.pitch = b.rng.integer(40, 60);
      speaker.gain_db = b.rng.uniform(-5.0, -2.0);
      b.cast(speaker, b.rng.uniform(-65.0, -58.0));
      const auto pause = [&](double seconds) {
        b.cursor += static_cast<std::int64_t>(seconds * 16000);
      };
      b.cursor = 16000;
      play_small_talk(b, 0);
      pause(0.8);
      play_sum(b, {3, 4, 1.2, 4});
      pause(1.0);
      play_delegate(b, {"what is seven times eight", "seven times eight", "fifty six", 6, 0, ""});
      pause(4.5);
      play_bystander(b, "hey john what is two plus five", false);
      pause(2.0);
      play_count(b, 10, count_event::stop, 0.7);
      pause(2.0);
      play_timer(b, 2, 3, 0.5, false);
      pause(2.5);
      play_bystander(b, "hey mary what time is it", false);
      pause(2.5);
      play_sum(b, {5, 3, 0, 3});
      pause(1.0);
      play_small_talk(b, 2);
      pause(1.0);
      play_small_talk(b, 3);
      end = b.cursor;
    }
  }
  HOCKET_TRY(plan->take_error());
  conversation out = plan->finish();
  out.seed = seed;
  return out;
}

}  // namespace hocket::scenarios
