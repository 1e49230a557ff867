// hocket eval closed-loop: free-running conversations with voices and seeds the model never met.
#include <fmt/format.h>

#include "engine/interaction/closed_loop.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/eval/heldout.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;

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
  progress shown(o.json, 0, "loading " + o.model);
  auto model = engine::interaction_model::load(o.model, "cpu");
  if (!model) return tell(model.error(), exit_bad_input);
  scenarios::source_options source;
  source.seed = o.seed == 0 ? heldout_seed : o.seed;
  source.seconds = o.seconds;
  source.families = o.families;
  source.sound = o.rich ? scenarios::variety::rich : scenarios::variety::plain;
  shown.at(0, fmt::format("making {} conversations", o.conversations));
  const auto scripts = heldout_scripts(source, (*model)->words(), o.conversations);
  if (!scripts)
    return tell(scripts.error(),
                scripts.error().code == "scenarios.family" ? exit_bad_input : exit_failed);
  shown.set_all(static_cast<std::size_t>(o.conversations));
  shown.at(0, "conversations");
  const auto done = engine::run_closed_loop(*model, *scripts, {}, o.batch, tolerance_micro_turns,
                                            [&](std::size_t n) { shown.at(n, "conversations"); });
  shown.finish();
  if (!done) return tell(done.error(), exit_failed);
  measures out = summarise_closed_loop(*done);
  out.note(fmt::format(
      "{} free-running conversations of {} s of the held-out split, seed {}; a word counts "
      "within +-{} micro-turn of the script, intervals are 95 % bootstraps over "
      "conversations; results of delegations come in only for the right task.",
      o.conversations, o.seconds, source.seed, tolerance_micro_turns));
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
