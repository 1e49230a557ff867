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
      ->check(CLI::Range(0.1, 60.0))
      ->check(finite());
  sub.add_flag("--once", o.once, "One look, then end");
  add_json(sub, o.json);
  sub.footer(
      "Each of --out, --socket and --connect can be given several times, one for each host of a\n"
      "graph; without any, the run in out/ is shown.");
}

void add_echo(CLI::App& app, action& chosen) {
  static echo_options o;
  auto& sub = command(app, chosen, "echo", "Show what an output of a running graph says",
                      [] { return run_echo(o); });
  sub.add_option("output", o.output, "ACTOR.PORT, such as model.text")->required();
  add_watch_options(sub, o.where);
  sub.add_option("--session", o.session, "Which conversation; 0 = all")->capture_default_str();
  sub.add_option("--count", o.count, "End after so many packets; 0 = with the run")
      ->capture_default_str();
  add_json(sub, o.json);
  sub.footer(
      "Age is stream time now minus that of the oldest content that a packet comes from. Sound,\n"
      "pictures and tensors are shown as figures. The graph never waits for who looks: what comes "
      "too\n"
      "fast is counted and left out. Several hosts: one --out or --socket for each; who has the "
      "actor\n"
      "answers.");
}

void add_hz(CLI::App& app, action& chosen) {
  static hz_options o;
  auto& sub =
      command(app, chosen, "hz", "Measure how often and how regularly a port carries packets",
              [] { return run_hz(o); });
  sub.add_option("port", o.port, "ACTOR.PORT, an output or an input")->required();
  add_watch_options(sub, o.where);
  sub.add_option("--session", o.session, "Which conversation; 0 = all")->capture_default_str();
  sub.add_option("--count", o.count, "End after so many lines; 0 = with the run")
      ->capture_default_str();
  sub.add_option("--every", o.every_s, "Seconds of one line")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 60.0))
      ->check(finite());
  sub.add_flag("--input", o.input,
               "Of an actor with an output and an input of that name: the input");
  add_json(sub, o.json);
  sub.footer(
      "Packets and bytes per second, and the intervals between packets of one conversation: mean,\n"
      "standard deviation (jitter), least and most. `dropped` counts since the run began, by link\n"
      "and reason. The last line is of the whole time. Of an input: what the outputs that feed it\n"
      "give. Several hosts: as for `hocket echo`.");
}

void add_send(CLI::App& app, action& chosen) {
  static send_options o;
  auto& sub = command(app, chosen, "send", "Say something as an actor of a running graph",
                      [] { return run_send(o); });
  sub.add_option("output", o.output, "ACTOR.PORT: the output that is to say it, such as keys.text")
      ->required();
  auto* payload = sub.add_option(
      "payload", o.payload, "Text, or a payload as JSON; left out: each line of standard input");
  add_watch_options(sub, o.where);
  sub.add_option("--session", o.session, "Which conversation")->capture_default_str();
  sub.add_option("--wait", o.wait_s, "Seconds to wait for the actor's turn")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0))
      ->check(finite());
  add_json(sub, o.json);
  sub.footer(
      "The packet is numbered, recorded and accounted for like one of the actor's own. Text, "
      "tool_call,\n"
      "tool_result and delegation can be typed: '{\"value\": \"hello\", \"role\": \"user\"}'.");
  sub.parse_complete_callback([payload] { o.given = payload->count() > 0; });
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
