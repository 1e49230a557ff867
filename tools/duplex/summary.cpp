#include "tools/duplex/summary.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <span>

#include "tools/duplex/conditions.hpp"
#include "tools/duplex/rules.hpp"
#include "tools/duplex/statistics.hpp"

namespace hocket::duplex {
namespace {

using groups = std::vector<std::vector<double>>;

/// tau-voice hides rates of fewer events.
constexpr std::int64_t fewest_events = 10;

groups values_of(const std::vector<played_item>& all, const measure_rule& rule, bool flite_only) {
  groups out;
  std::vector<double> together;
  for (const auto& family : rule.families)
    for (const auto& key : rule.keys) {
      std::vector<double> values;
      for (const auto& o : all) {
        if (family != o.of.family && family != any_family) continue;
        if (o.of.condition != "clean") continue;
        if (flite_only && o.of.synthesiser != "flite") continue;
        if (const auto v = o.judged.values.find(key); v != o.judged.values.end())
          values.push_back(v->second);
      }
      if (rule.how != statistic_of::macro)
        together.insert(together.end(), values.begin(), values.end());
      else if (!values.empty())
        out.push_back(std::move(values));
    }
  if (!together.empty()) out.push_back(std::move(together));
  return out;
}

statistic statistic_for(statistic_of how) {
  switch (how) {
    case statistic_of::p50: return [](auto g) { return quantile_of(g[0], 0.5); };
    case statistic_of::p90: return [](auto g) { return quantile_of(g[0], 0.9); };
    case statistic_of::p95: return [](auto g) { return quantile_of(g[0], 0.95); };
    case statistic_of::mean: return [](auto g) { return mean_of(g[0]); };
    case statistic_of::macro: break;
  }
  return [](auto groups) {
    double sum = 0;
    for (const auto& g : groups) sum += mean_of(g);
    return sum / static_cast<double>(groups.size());
  };
}

/// One number per session, not a mean over items.
bool of_sessions(const measure_rule& rule) { return rule.families.front() == "session"; }

report::measure measure_of(std::string name, const std::string& unit, const estimate& e,
                           std::optional<double> target = {},
                           report::goal good = report::goal::none) {
  return {.name = std::move(name),
          .value = e.value,
          .unit = unit,
          .low = e.low,
          .high = e.high,
          .target = target,
          .good = good,
          .n = e.n};
}

class summary {
 public:
  summary(const std::vector<played_item>& all, const left_out& missing)
      : all_(all), missing_(missing) {}

  bench_report make() {
    for (const auto& rule : rules())
      if (!of_sessions(rule)) add(rule, false);
    add_recognition();
    add_own_voice();
    add_conditions();
    add_sessions();
    for (const auto& rule : rules())
      if (rule.per_voice) add(rule, true);
    for (const auto& m : out_.numbers.items())
      if (m.name == "timing.disagree" && m.met() == false)
        out_.errors.push_back(fmt::format(
            "the text stream and the sound disagree by more than 0.5 s in {:.0f} % of the answers: "
            "one of the two outputs is not what is said (choose with --audio and --text)",
            100 * m.value));
    return std::move(out_);
  }

 private:
  void not_run(const std::string& name, const std::string& unit, std::optional<double> target,
               report::goal good, const std::string& why) {
    report::measure m;
    m.name = name;
    m.unit = unit;
    m.target = target;
    m.good = good;
    m.not_run = why;
    out_.numbers.add(std::move(m));
  }

  std::string why_missing(const std::vector<std::string>& families) const {
    for (const auto& [family, why] : missing_)
      if (std::ranges::find(families, family) != families.end()) return why;
    return "no item gave this value";
  }

  void add(const measure_rule& rule, bool flite_only) {
    const std::string name = (flite_only ? "flite." : "") + rule.name;
    if (!flite_only) out_.definitions.push_back({name, rule.what});
    const auto found = values_of(all_, rule, flite_only);
    // Each group of a macro mean has a family or a key of its own; none may be missing.
    const auto wanted = rule.how == statistic_of::macro
                            ? std::max(rule.families.size(), rule.keys.size())
                            : std::size_t{1};
    // Targets are for all voices together.
    const auto target = flite_only ? std::nullopt : rule.target;
    if (found.size() < wanted)
      return not_run(name, rule.unit, target, rule.good, why_missing(rule.families));
    const auto e = bootstrap(found, statistic_for(rule.how));
    if (rule.name.starts_with("tau.") && e.n < fewest_events)
      return not_run(name, rule.unit, target, rule.good, "fewer than 10 events");
    out_.numbers.add(measure_of(name, rule.unit, e, target, rule.good));
  }

  // Over the items that have something to say about the voice: items are drawn, not words or steps.
  using of_timelines = std::function<double(std::span<const timeline* const>)>;
  void add_voice(const std::string& name, const std::string& unit, const std::string& what,
                 const std::function<bool(const timeline&)>& counts, const of_timelines& figure,
                 const std::string& why, std::optional<double> target = {},
                 report::goal good = report::goal::none) {
    out_.definitions.push_back({name, what});
    std::vector<const timeline*> heard;
    std::vector<double> indices;
    for (const auto& o : all_)
      if (counts(o.did)) {
        indices.push_back(static_cast<double>(heard.size()));
        heard.push_back(&o.did);
      }
    if (heard.empty()) return not_run(name, unit, target, good, why);
    std::vector<const timeline*> drawn_ones;
    const auto e = bootstrap({indices}, [&](std::span<const std::vector<double>> drawn) {
      drawn_ones.clear();
      for (const double i : drawn[0]) drawn_ones.push_back(heard[static_cast<std::size_t>(i)]);
      return figure(drawn_ones);
    });
    out_.numbers.add(measure_of(name, unit, e, target, good));
  }

  /// Found over wanted, both summed.
  static of_timelines share_of(std::function<double(const timeline&)> found,
                               std::function<double(const timeline&)> wanted) {
    return [=](std::span<const timeline* const> drawn) {
      double a = 0, b = 0;
      for (const auto* t : drawn) a += found(*t), b += wanted(*t);
      return b > 0 ? a / b : 0;
    };
  }

  void add_recognition() {
    add_voice(
        "speech.relative_recognition", "",
        "words of the text stream that PocketSphinx, with a grammar of the answers' words, "
        "understands in the model's speech, over those that it understands in the teacher "
        "voice's rendering of the same words; the turn family's answers",
        [](const timeline& t) { return t.spoken_words > 0; },
        share_of([](const timeline& t) { return double(t.understood_words); },
                 [](const timeline& t) { return double(t.teacher_words); }),
        why_not_heard(), 0.95, report::goal::at_least);
    const std::string why =
        "no judge listened: --keep-sound, tools/duplex/judge/judge.py, the same command again";
    add_voice(
        "speech.recognised", "",
        "words of the text stream that a real recogniser finds in the model's speech, in order "
        "(judged.json; the note says which); the turn family's answers",
        [](const timeline& t) { return t.outside && t.outside->said > 0; },
        share_of([](const timeline& t) { return double(t.outside->understood); },
                 [](const timeline& t) { return double(t.outside->said); }),
        why, 0.95, report::goal::at_least);
    add_voice(
        "speech.dnsmos", "",
        "DNSMOS of the model's speech, overall, 1 to 5: mean over the turn family's answers",
        [](const timeline& t) { return t.outside && t.outside->dnsmos; },
        share_of([](const timeline& t) { return *t.outside->dnsmos; },
                 [](const timeline&) { return 1.0; }),
        why, 3.7, report::goal::at_least);
  }

  // How the voice is made.
  void add_own_voice() {
    const auto listened = [](const timeline& t) { return !t.own.inside_steps_db.empty(); };
    const auto why = why_not_played("nothing was answered in words that the teacher knows");
    const auto steps = [&](const char* name, const char* what,
                           std::vector<float> own_voice::*which) {
      add_voice(
          std::string("speech.") + name, "dB", what, listened,
          [which](std::span<const timeline* const> drawn) {
            std::vector<double> all;
            for (const auto* t : drawn)
              all.insert(all.end(), (t->own.*which).begin(), (t->own.*which).end());
            return all.empty() ? 0 : quantile_of(all, 0.95);
          },
          why);
    };
    steps(
        "border_step_db",
        "95th percentile of the level's steps between 10 ms that sound, at borders of the model's "
        "micro-turns; the turn family's answers",
        &own_voice::border_steps_db);
    steps("inside_step_db", "the same elsewhere", &own_voice::inside_steps_db);
    steps("teacher_step_db", "the same in the teacher's rendering of the same words, anywhere",
          &own_voice::teacher_steps_db);
    const auto one = [](const timeline&) { return 1.0; };
    add_voice("speech.clicks", "",
              "blocks of 10 ms in which the wave bends six times as sharply as around, per answer",
              listened, share_of([](const timeline& t) { return double(t.own.clicks); }, one), why);
    add_voice("speech.teacher_clicks", "", "the same in the teacher's rendering of the same words",
              listened,
              share_of([](const timeline& t) { return double(t.own.teacher_clicks); }, one), why);
    add_voice(
        "speech.longer_s", "s",
        "how much longer an answer lasts, pauses and all, than the teacher's rendering of its "
        "words; answers without an errand",
        [](const timeline& t) { return t.own.longer_s.has_value(); },
        share_of([](const timeline& t) { return *t.own.longer_s; }, one), why);
  }

  std::string why_not_heard() const {
    return why_not_played("no recogniser listened (asr.pocketsphinx), or nothing was said");
  }

  std::string why_not_played(const std::string& otherwise) const {
    for (const auto& [family, why] : missing_)
      if (family == "turn") return why;
    return otherwise;
  }

  // Points lost under a condition: the same items clean and not, 100 points for a good one.
  void add_conditions() {
    std::map<std::string, double> clean;
    for (const auto& o : all_)
      if (o.of.condition == "clean") clean[o.of.family + "/" + o.of.id] = o.judged.good;
    for (const auto& c : all_conditions()) {
      const std::string condition = c.name;
      const bool target = condition == "loss_jitter";
      const auto name =
          target ? std::string("loss.points_lost") : "robustness." + condition + ".points_lost";
      std::vector<double> lost;
      for (const auto& o : all_)
        if (o.of.condition == condition)
          if (const auto twin = clean.find(o.of.family + "/" + o.of.id); twin != clean.end())
            lost.push_back(100 * (twin->second - o.judged.good));
      out_.definitions.push_back(
          {name, std::string("points that pauses, turns, interruptions and backchannels lose "
                             "against the same items clean: ") +
                     c.what});
      const auto limit = target ? std::optional(5.0) : std::nullopt;
      const auto good = target ? report::goal::at_most : report::goal::none;
      if (lost.empty())
        not_run(name, "points", limit, good, why_missing({"robustness"}));
      else
        out_.numbers.add(measure_of(
            name, "points", bootstrap({lost}, [](auto g) { return mean_of(g[0]); }), limit, good));
    }
  }

  void add_sessions() {
    const played_item* longest = nullptr;
    for (const auto& o : all_)
      if (o.of.family == "session" && (!longest || o.of.samples > longest->of.samples))
        longest = &o;
    for (const auto& row : rules()) {
      if (!of_sessions(row)) continue;
      const auto& name = row.name;
      const auto& key = row.keys.front();
      out_.definitions.push_back({name, row.what});
      if (!longest) not_run(name, row.unit, row.target, row.good, why_missing({"session"}));
      for (const auto& o : all_) {
        if (o.of.family != "session") continue;
        const auto minutes = std::to_string(std::stoi(o.of.id));
        const auto value = o.judged.values.find(key);
        const bool main = &o == longest;
        const auto full = main ? name : "session" + minutes + "." + key;
        const auto target = main ? row.target : std::nullopt;
        if (value == o.judged.values.end())
          not_run(full, row.unit, target, row.good, "the session is too short");
        else
          out_.numbers.add({full,
                            value->second,
                            row.unit,
                            {},
                            {},
                            target,
                            row.good,
                            static_cast<std::int64_t>(o.of.parts.size()),
                            {}});
      }
    }
  }

  const std::vector<played_item>& all_;
  const left_out& missing_;
  bench_report out_;
};

}  // namespace

bench_report summarise(const std::vector<played_item>& all, const left_out& missing) {
  return summary(all, missing).make();
}

}  // namespace hocket::duplex
