// The options of `hocket apply`.
#include "tools/hocket/options.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

void add_apply(CLI::App& app, action& chosen) {
  static apply_options o;
  auto& sub = *app.add_subcommand("apply", "Make a running graph another one, without a stop");
  sub.callback([&chosen] { chosen = [] { return run_apply(o); }; });
  sub.add_option("graph", o.graph, "The new graph file");
  sub.add_option("--out", o.out, "The run's folder, as given to `hocket run`")
      ->capture_default_str();
  sub.add_flag("--dry-run", o.dry_run, "Say what would change; touch nothing");
  sub.add_option("--from", o.from, "Compare two files; no run is asked")->type_name("FILE");
  sub.add_flag("--back", o.back, "The revision before the one that runs, again");
  sub.add_option("--revision", o.revision, "That revision again")->check(CLI::PositiveNumber);
  sub.add_flag("--history", o.history, "List the run's revisions");
  sub.add_flag("--list", o.list, "List the changes that were asked for and are still to come");
  sub.add_option("--cancel", o.cancel, "Take back the change with this number, as --list has it")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  sub.add_option("--at", o.at_s, "Change at the first micro-turn boundary from this stream time on")
      ->type_name("SECONDS")
      ->check(seconds());
  sub.add_option("--limit", o.limit_s, "Seconds that opening the new actors may take")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  add_graph_options(sub, o.how);
  add_json(sub, o.json);
  sub.footer(
      "The run keeps its own --set and --param; those here are for --from alone. A plugin, of the\n"
      "new file or of --plugin, is loaded where the run was started with --may-load for it; what\n"
      "came so stays in memory, also when the change is taken back. Other hosts load what the\n"
      "file's `plugins:` names, each where its own --may-load says so. New\n"
      "actors open first, beside the old ones; if one does not, nothing changes. Then all links\n"
      "change over at the end of a micro-turn. Exit code 1: rolled back, the old graph runs on.\n"
      "An actor with another `on:` moves to that host: packets are kept, in order, each once; its\n"
      "links count anew, and what its component knows stays behind. Replicas do not move, nor "
      "does\n"
      "an actor in the same change as another that feeds it through one that stays.");
}

}  // namespace hocket::cli
