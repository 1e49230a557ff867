// hocket eval closed-loop: free-running conversations with voices and seeds the model never met.
#include <cmath>
#include <map>
#include <random>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/interaction/closed_loop.hpp"
#include "tools/hocket/commands.hpp"
#include "tools/hocket/measures.hpp"
#include "tools/scenarios/conversation.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::cli {
namespace {

constexpr std::uint64_t heldout_seed = 900001;
constexpr std::int64_t tolerance_micro_turns = 1;
constexpr double target = 0.85;

int report(const error& e, int code) {
  fmt::print(stderr, "error: {} [{}]\n", e.message, e.code);
  return code;
}

int family_number(const std::string& name) {
  const auto& names = scenarios::family_names();
  return static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin());
}

engine::script script_of(const scenarios::conversation& c) {
  const auto& words = scenarios::nano_vocabulary();
  constexpr std::int64_t turn = 3200, frame = 800;
  engine::script s;
  s.micro_turns = c.micro_turns;
  s.audio = c.example.audio;
  for (const auto& e : c.episodes)
    s.episodes.push_back({family_number(e.family), e.start / turn, e.end / turn});
  for (const auto& w : c.model_words) {
    const auto token = words.id_of(w.word);
    if (token == engine::vocabulary::delegate || token == engine::vocabulary::end) continue;
    s.words.push_back({token, w.micro_turn,
                       family_number(c.episodes[static_cast<std::size_t>(w.episode)].family)});
  }
  for (const auto& w : c.person_words)
    if (w.labelled) s.person.push_back({words.id_of(w.word), (w.end - 1) / frame});
  for (const auto& d : c.delegations)
    s.errands.push_back({words.encode(d.task), words.encode(d.result), d.asked, d.answered});
  return s;
}

/// found / all over conversations, with a percentile bootstrap over conversations.
struct ratio {
  double value = 0, low = 0, high = 0;
  std::int64_t n = 0;  ///< words in the denominator
};

ratio bootstrap(const std::vector<std::pair<double, double>>& parts) {
  double found = 0, all = 0;
  for (const auto& [f, a] : parts) found += f, all += a;
  ratio r{all > 0 ? found / all : 0, 0, 0, static_cast<std::int64_t>(all)};
  std::mt19937_64 random(1);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) {
    double f = 0, a = 0;
    for (std::size_t j = 0; j < parts.size(); ++j) {
      const auto& p = parts[random() % parts.size()];
      f += p.first, a += p.second;
    }
    values.push_back(a > 0 ? f / a : 0);
  }
  std::sort(values.begin(), values.end());
  r.low = values[24], r.high = values[974];
  return r;
}

void add(measures& out, const std::string& name, const ratio& r, bool with_target) {
  measure m{.name = name,
            .value = r.value,
            .unit = "ratio",
            .low = r.low,
            .high = r.high,
            .target = {},
            .good = goal::none,
            .n = r.n};
  if (with_target) m.target = target, m.good = goal::at_least;
  out.add(std::move(m));
}

measures summarise(const engine::closed_loop_result& r) {
  std::map<int, std::vector<std::pair<double, double>>> recall, precision, exact;
  for (const auto& conversation : r.conversations) {
    engine::word_counts all;
    for (const auto& c : conversation) {
      recall[c.family].emplace_back(c.found, c.expected);
      precision[c.family].emplace_back(c.found, c.said);
      all.found += c.found, all.expected += c.expected, all.said += c.said, all.exact += c.exact;
    }
    recall[-1].emplace_back(all.found, all.expected);
    precision[-1].emplace_back(all.found, all.said);
    exact[-1].emplace_back(all.exact, all.found);
  }
  measures out;
  add(out, "closed_loop.recall", bootstrap(recall[-1]), true);
  add(out, "closed_loop.precision", bootstrap(precision[-1]), true);
  add(out, "closed_loop.exact_micro_turn", bootstrap(exact[-1]), false);
  const auto& names = scenarios::family_names();
  for (const auto& [family, parts] : recall) {
    if (family < 0 || family >= static_cast<int>(names.size())) continue;
    add(out, "closed_loop." + names[family] + ".recall", bootstrap(parts), false);
    add(out, "closed_loop." + names[family] + ".precision", bootstrap(precision[family]), false);
  }
  out.add("closed_loop.heard.recall", r.person_found / std::max(1.0, r.person_expected), "ratio",
          static_cast<std::int64_t>(r.person_expected));
  out.add("closed_loop.heard.precision", r.person_found / std::max(1.0, r.person_said), "ratio",
          static_cast<std::int64_t>(r.person_said));
  out.add("closed_loop.delegations_right", r.errands_asked / std::max(1.0, r.errands), "ratio",
          static_cast<std::int64_t>(r.errands));
  out.add("closed_loop.real_time_factor", r.seconds / (r.micro_turns * 0.2), "ratio",
          static_cast<std::int64_t>(r.micro_turns));
  return out;
}

}  // namespace

int run_eval(const eval_options& o) {
  if (o.what != "closed-loop") {
    fmt::print(stderr, "error: eval {}: choose closed-loop [eval.what]\n", o.what);
    return exit_bad_input;
  }
  if (o.conversations < 1 || o.batch < 1 || o.seconds < 1 || o.seconds > 3600) {
    fmt::print(stderr,
               "error: --conversations and --batch must be at least 1, --seconds in [1, 3600] "
               "[eval.range]\n");
    return exit_bad_input;
  }
  auto model = engine::interaction_model::load(o.model, "cpu");
  if (!model) return report(model.error(), exit_bad_input);
  if ((*model)->words().tokens() != scenarios::nano_vocabulary().tokens())
    return report({"eval.vocabulary", o.model + ": trained with another vocabulary than the "
                                                "scenarios of this build; train it again"},
                  exit_bad_input);
  const bool show = !o.json && isatty(STDERR_FILENO);
  scenarios::source_options source;
  source.seed = o.seed == 0 ? heldout_seed : o.seed;
  source.which = scenarios::split::heldout;
  source.seconds = o.seconds;
  std::vector<engine::script> scripts;
  for (std::int64_t i = 0; i < o.conversations; ++i) {
    const auto made = scenarios::make_conversation(source, static_cast<std::uint64_t>(i));
    if (!made) return report(made.error(), exit_failed);
    scripts.push_back(script_of(*made));
  }
  const auto done = engine::run_closed_loop(
      *model, scripts, {}, o.batch, tolerance_micro_turns, [&](std::size_t n) {
        if (show) fmt::print(stderr, "\r{} of {} conversations", n, o.conversations);
      });
  if (show) fmt::print(stderr, "\r\033[K");
  if (!done) return report(done.error(), exit_failed);
  measures out = summarise(*done);
  out.note(fmt::format(
      "{} free-running conversations of {} s of the held-out split, seed {}; a word counts "
      "within +-{} micro-turn of the script, intervals are 95 % bootstraps over "
      "conversations; results of delegations come in only for the right task.",
      o.conversations, o.seconds, source.seed, tolerance_micro_turns));
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
