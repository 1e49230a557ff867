#include "tools/duplex/families.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "tools/duplex/conditions.hpp"
#include "tools/scenarios/channel.hpp"

namespace hocket::duplex {

const std::vector<family>& all_families() {
  // Counts of the first seven are Full-Duplex-Bench's own.
  static const std::vector<family> all{
      {"pause", "v1_0/synthetic_pause_handling", 137, 12, false,
       "a request with a pause of 0.6 to 2.5 s in the middle", make_pause},
      {"turn", "v1_0/synthetic_turn_taking", 119, 12, false, "a question, then 4 s of silence",
       make_turn},
      {"interruption", "v1_5/user_interruption", 200, 12, false,
       "a new question into a long answer, 2 s after its first word", make_interruption},
      {"backchannel", "v1_5/user_backchannel", 99, 12, false,
       "`uh huh` or `right` into a long answer", make_backchannel},
      {"other", "v1_5/talking_to_other", 100, 12, false,
       "the person says something to somebody else, named, into a long answer", make_other},
      {"background", "v1_5/background_speech", 100, 12, false,
       "another voice, 16 to 22 dB below, into a long answer", make_background},
      {"model_backchannel", "v1_0/synthetic_backchannel", 55, 4, false,
       "a story of 20 to 35 s with known clause ends", make_story},
      {"barge_in", "barge_in", 60, 8, false, "`stop` into a long answer", make_barge_in},
      {"bystander", "bystander", 60, 8, false,
       "speech that is not for the model, while the model is silent", make_bystander},
      {"vocal_tic", "vocal_tic", 60, 8, false,
       "a cough, `um` or `ah`: two in three into a long answer, else into silence", make_vocal_tic},
      {"time_speak", "time_speak", 60, 8, false,
       "`say ping every two seconds`, `how long did that take`", make_time_speak},
      {"time_once", "time_speak_once", 30, 4, false, "`say ping in five seconds`", make_time_once},
      {"cue_speak", "cue_speak", 60, 8, false,
       "`say yes when you hear a color`, then a stream of words", make_cue_speak},
      {"delegation", "v3/tools", 100, 12, false, "requests that need one to three tool calls",
       make_delegation},
      {"delegation_corrected", "v3/tools_corrected", 42, 6, false,
       "the person corrects the request, at once or while it is worked on", make_corrected},
      {"rep_count", "rep_count", 40, 6, true, "a drawn shape hops 3 to 6 times; count aloud",
       make_rep_count},
      {"proactive_video", "proactive_video", 40, 6, true,
       "a standing question that something drawn answers", make_proactive},
      {"charades", "charades", 40, 6, true, "start and stop of a drawn motion", make_motion},
      {"visual_cue", "visual_cue", 40, 6, true, "`say yes when you see red`, then drawn shapes",
       make_visual_cue},
      {"refusal", "refusal", 40, 6, false, "disallowed requests and harmless ones that look alike",
       make_refusal},
      {"other_talk", "other_talk", 24, 3, false,
       "about 20 s of talk by one or two people that is not for the model", make_other_talk},
      {"noise10", "noise10", 60, 8, false,
       "the question of `turn` in a steady fan or babble, 10 dB below", make_noise10},
      {"telephone", "telephone", 60, 8, false, "the question of `turn` through a telephone (G.711)",
       make_telephone},
  };
  return all;
}

const std::vector<family>& bank_families() {
  static const std::vector<family> all{
      {"unseen", "unseen", 48, 8, false, "a whole request by a held-out neural voice", make_unseen},
      {"people", "people", 90, 12, false,
       "held-out people's words: a digit to translate, a sum's digits, `stop` into a count",
       make_people},
  };
  return all;
}

const family* find_family(const std::string& name) {
  for (const auto* list : {&all_families(), &bank_families()})
    for (const auto& f : *list)
      if (name == f.name) return &f;
  return nullptr;
}

bool needs_bank(const std::string& name) {
  return std::ranges::any_of(bank_families(), [&](const auto& f) { return name == f.name; });
}

namespace {

// Families are told apart in the seeds by their name, so that adding one changes no other.
std::uint64_t number_of(const std::string& name) {
  std::uint64_t hash = 1469598103934665603ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

std::string id_of(std::int64_t index) { return fmt::format("{:04}", index); }

// The families whose items are played again under every condition.
constexpr std::pair<const char*, std::int64_t> core[] = {
    {"pause", 12}, {"turn", 16}, {"interruption", 16}, {"backchannel", 12}};

result<item> make_plain(voices& from, const family& of, std::uint64_t base_seed,
                        std::int64_t index) {
  item out;
  out.family = of.name;
  out.id = id_of(index);
  const auto seed = item_seed(base_seed, {of.name, index});
  stage s(from, out, seed, index % 2 == 1);
  of.make(s, out);
  // `finish` tells what failed on the way.
  if (out.input.empty()) HOCKET_TRY(s.finish(0.2));
  return out;
}

// Items one after the other until `minutes` are over: turns, pauses, interruptions and backchannels
// in turn, as parts. Twelve of each, played again and again: what changes is how long it has lasted.
result<item> make_long_session(voices& from, std::uint64_t base_seed, double minutes) {
  constexpr std::int64_t unlike_others = 5000;
  item out;
  out.family = "session";
  out.id = id_of(static_cast<std::int64_t>(minutes));
  out.seed = item_seed(base_seed, {"session"});
  out.synthesiser = "espeak-ng and flite";
  std::vector<item> cycle;
  for (std::int64_t i = 0; i < 12; ++i)
    for (const auto& [name, _] : core) {
      auto made = make_plain(from, *find_family(name), base_seed, unlike_others + i);
      if (!made) return fail(made);
      cycle.push_back(std::move(*made));
    }
  const auto total = static_cast<std::int64_t>(minutes * 60 * rate_hz);
  for (std::size_t i = 0; out.samples + cycle[i % cycle.size()].samples <= total; ++i) {
    const item& next = cycle[i % cycle.size()];
    out.input.insert(out.input.end(), next.input.begin(), next.input.end());
    for (auto heard : next.sounds) {
      heard.start += out.samples;
      heard.end += out.samples;
      out.sounds.push_back(heard);
    }
    item part = next;
    part.input.clear();  // it is in the whole
    part.clean_input.clear();
    out.parts.emplace_back(out.length_s(), std::move(part));
    out.samples += next.samples;
  }
  out.to_s = out.length_s();
  return out;
}

}  // namespace

std::string item_spec::key() const {
  return family + "/" + id_of(family == "session" ? static_cast<std::int64_t>(minutes) : index) +
         (condition == "clean" ? "" : "@" + condition);
}

std::uint64_t item_seed(std::uint64_t base_seed, const item_spec& of) {
  if (of.family == "session")
    return scenarios::seed_of(base_seed, number_of("session"), test_split);
  return scenarios::seed_of(base_seed ^ number_of(of.family), static_cast<std::uint64_t>(of.index),
                            test_split);
}

result<item> make_item(std::uint64_t base_seed, const item_spec& of,
                       const scenarios::speech_bank* bank) {
  if (of.family == "noise10") HOCKET_TRY(scenarios::prepare_babble(scenarios::split::heldout));
  if (needs_bank(of.family) && !bank)
    return fail("duplex.bank", "`" + of.family + "` needs a speech bank: see --bank");
  auto from = voices::open(bank);
  if (!from) return fail(from);
  if (of.family == "session") return make_long_session(**from, base_seed, of.minutes);
  const auto* which = find_family(of.family);
  if (!which) return fail("duplex.family", "there is no family `" + of.family + "`");
  auto made = make_plain(**from, *which, base_seed, of.index);
  if (!made || of.condition == "clean") return made;
  for (const auto& c : all_conditions())
    if (of.condition == c.name) {
      made->clean_input.clear();
      apply_condition(c, *made);
      return made;
    }
  return fail("duplex.condition", "there is no condition `" + of.condition + "`");
}

result<std::vector<item_spec>> plan_set(const set_options& options) {
  for (const auto& name : options.families)
    if (!find_family(name) && name != "session" && name != "robustness") {
      std::string known;
      for (const auto* list : {&all_families(), &bank_families()})
        for (const auto& f : *list) known += std::string(" ") + f.name;
      return fail("duplex.family",
                  "there is no family `" + name + "`; choose of" + known + " session robustness");
    }
  const auto wanted = [&](const std::string& name) {
    return options.families.empty() || std::ranges::count(options.families, name) > 0;
  };
  const auto count_of = [&](std::int64_t full, std::int64_t quick) {
    return options.items > 0 ? std::min(options.items, full) : options.quick ? quick : full;
  };
  std::vector<item_spec> out;
  for (const auto& f : all_families())
    for (std::int64_t i = 0; wanted(f.name) && i < count_of(f.count, f.quick); ++i)
      out.push_back({f.name, i});
  for (const auto& f : bank_families())
    for (std::int64_t i = 0; options.bank && wanted(f.name) && i < count_of(f.count, f.quick); ++i)
      out.push_back({f.name, i});
  // The clean twins of these items are the first of their families.
  for (const auto& condition : all_conditions())
    for (const auto& [name, count] : core)
      for (std::int64_t i = 0;
           options.robustness && wanted("robustness") && i < count_of(count, count / 4); ++i)
        out.push_back({name, i, condition.name});
  const bool sessions = wanted("session") && options.long_minutes > 0;
  if (sessions && options.quick) out.push_back({"session", 0, "clean", 2});
  if (sessions && !options.quick)
    for (const double minutes : {10.0, options.long_minutes})
      out.push_back({"session", 0, "clean", minutes});
  return out;
}

}  // namespace hocket::duplex
