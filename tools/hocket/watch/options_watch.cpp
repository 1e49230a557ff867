// Options of the commands that look at runs, and at the machine.
#include "tools/hocket/options.hpp"
#include "tools/hocket/watch/commands.hpp"

namespace hocket::cli {
namespace {

void add_watch_options(CLI::App& sub, watch_options& o) {
  sub.add_option("--out", o.outs, "The --out folder of a run")
      ->type_name("DIR")
      ->allow_extra_args(false);
  sub.add_option("--socket", o.sockets, "A run's socket, if it lies elsewhere")
      ->type_name("FILE")
      ->allow_extra_args(false);
  sub.add_option("--connect", o.connects, "A run on another machine, by its --metrics address")
      ->type_name("http://HOST:PORT")
      ->allow_extra_args(false);
}

}  // namespace

void add_top(CLI::App& app, action& chosen) {
  static top_options o;
  auto& sub = command(app, chosen, "top", "Watch running graphs: actors, queues, drops, budgets",
                      [] { return run_top(o); });
  add_watch_options(sub, o.where);
  sub.add_option("--every", o.every_s, "Seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 60.0));
  sub.add_flag("--once", o.once, "One look, then end");
  add_json(sub, o.json);
  sub.footer(
      "Each of --out, --socket and --connect can be given several times, one for each host of a\n"
      "graph; without any, the run in out/ is shown.");
}

void add_picture(CLI::App& app, action& chosen) {
  static picture_options o;
  auto& sub = command(app, chosen, "picture", "Draw a conversation from its event log",
                      [] { return run_picture(o); });
  sub.add_option("events", o.events, "events.jsonl of a run, also of one that was killed")
      ->required();
  sub.add_option("-o,--out", o.out,
                 "File to write (.svg or .png); both beside the log where left out");
  sub.add_option("--session", o.session, "Which conversation; 0 = the first")
      ->capture_default_str();
}

void add_doctor(CLI::App& app, action& chosen) {
  static doctor_options o;
  auto& sub = command(app, chosen, "doctor",
                      "Check this machine, what a graph needs of it, or running graphs",
                      [] { return run_doctor(o); });
  sub.add_option("graph", o.graph, "Graph file (YAML)");
  add_graph_options(sub, o.how);
  sub.add_option("--models", o.models, "Folder of model folders")->capture_default_str();
  sub.add_flag("--security", o.security,
               "Look at what is weak here and in the graph, and say what to do");
  add_watch_options(sub, o.where);
  add_json(sub, o.json);
  sub.footer(
      "With --out, --socket or --connect it looks at running graphs twice within a second and "
      "names\n"
      "the stalled actor, the full queue and whom it blocks, losses and their reasons.\n"
      "Exit code 1 if something is to be mended.");
}

}  // namespace hocket::cli
