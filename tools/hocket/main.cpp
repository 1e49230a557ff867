// Parses arguments and calls the command. Only this file and options_*.cpp know CLI11 (10 s to
// compile).

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "graph/core/diagnostic.hpp"
#include "tools/hocket/commands.hpp"
#include "tools/hocket/measures.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {
namespace {

/// Adds a sub-command that sets `chosen` where it is the one that was named.
CLI::App& command(CLI::App& app, action& chosen, const char* name, const char* summary,
                  action run) {
  auto* sub = app.add_subcommand(name, summary);
  sub->callback([&chosen, run] { chosen = run; });
  return *sub;
}

// ---------------------------------------------------------------------------- graphs

void add_run(CLI::App& app, action& chosen) {
  static run_options o;
  auto& sub =
      command(app, chosen, "run", "Run a graph and watch it live", [] { return run_run(o); });
  sub.add_option("graph", o.graph, "Graph file (YAML)")->required();
  add_graph_options(sub, o.how);
  sub.add_option("--out", o.out, "Folder for recording, event log and picture")
      ->capture_default_str();
  sub.add_flag("--virtual", o.virtual_time, "Virtual time: deterministic and as fast as it can");
  sub.add_option("--sessions", o.sessions, "Conversations at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  sub.add_option("--threads", o.threads, "Worker threads; 0 = number of cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  sub.add_option("--duration", o.duration_s, "Stop in good order after that many seconds")
      ->check(CLI::NonNegativeNumber);
  sub.add_option("--host", o.host, "Which of the graph's hosts this process is")->type_name("NAME");
  sub.add_option("--listen", o.listen, "Where it listens, instead of the graph's; port 0 = any")
      ->type_name("ADDRESS");
  sub.add_option("--peer", o.peers, "Where another host listens, instead of the graph's")
      ->type_name("NAME=ADDRESS")
      ->allow_extra_args(false);
  sub.add_option("--secret-key", o.secret_key, "Its secret key, if not beside the public one")
      ->type_name("FILE");
  sub.add_option("--address-file", o.address_file, "File to write the address to, once it listens")
      ->type_name("FILE");
  sub.add_option("--record", o.record, "Also record the run in an MCAP file")->type_name("FILE");
  sub.add_option("--record-edges", o.record_edges,
                 "Only outputs (model.audio) or inputs (speaker.*) that match")
      ->type_name("GLOB")
      ->delimiter(',')
      ->allow_extra_args(false);
  sub.add_flag("--plain", o.plain, "Plain lines also on a terminal");
  sub.add_flag("--no-pii", o.no_pii, "Leave words out of the event log and the picture");
  sub.add_option("--metrics", o.metrics,
                 "Serve /metrics (Prometheus), /status, /healthz and /readyz over HTTP there")
      ->type_name("tcp://127.0.0.1:PORT");
  sub.add_flag("--metrics-public", o.metrics_public,
               "Let other machines ask too: plain HTTP without a password");
  sub.add_option("--trace", o.trace, "Write a trace for ui.perfetto.dev")->type_name("FILE.json");
  sub.add_option("--trace-every", o.trace_every,
                 "Trace only packets whose origin lies in every N-th micro-turn")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_json(sub, o.json);
  sub.footer(
      "Writes events.jsonl, conversation.svg and conversation.png to --out, beside what the\n"
      "graph records. Ctrl-C stops in good order, a second one at once.\n"
      "Exit code 1 if the graph failed or a link's accounts do not add up.");
}

void add_record(CLI::App& app, action& chosen) {
  static record_options o;
  auto& sub = command(app, chosen, "record", "Look into a recording, or save a torn one",
                      [] { return run_record(o); });
  sub.add_option("what", o.what, "info: what is in it; recover: a whole file of what is left")
      ->required()
      ->check(CLI::IsMember({"info", "recover"}));
  sub.add_option("file", o.file, "Recording (MCAP)")->required();
  sub.add_option("out", o.out, "recover: file to write");
  add_json(sub, o.json);
  sub.footer("`hocket run GRAPH --record FILE` makes recordings, `hocket replay FILE` plays them.");
}

void add_replay(CLI::App& app, action& chosen) {
  static replay_options o;
  auto& sub = command(app, chosen, "replay", "Run a graph again on what was recorded",
                      [] { return run_replay(o); });
  sub.add_option("file", o.file, "Recording (MCAP)")->required();
  sub.add_option("--graph", o.graph, "Graph file instead of the recorded graph")->type_name("FILE");
  add_graph_options(sub, o.how);
  const auto names = [&](const char* name, std::vector<std::string>& into, const char* doc) {
    sub.add_option(name, into, doc)->type_name("GLOB")->delimiter(',')->allow_extra_args(false);
  };
  names("--only", o.only, "Run only these actors; what feeds them is played");
  names("--play", o.play, "Play these actors too, not only the sources");
  sub.add_option("--replace", o.replace, "Another component for an actor")
      ->type_name("ACTOR=TYPE")
      ->allow_extra_args(false);
  sub.add_flag("--check", o.check, "Compare every output with the recorded one, bit for bit");
  sub.add_flag("--real-time", o.real_time, "At the speed of the recording, not as fast as it can");
  sub.add_option("--out", o.out, "Folder for what the graph writes")->capture_default_str();
  add_json(sub, o.json);
  sub.footer("Exit code 1 if the graph failed or --check found a difference.");
}

void add_validate(CLI::App& app, action& chosen) {
  static validate_options o;
  auto& sub = command(app, chosen, "validate", "Check graphs; nothing is started",
                      [] { return run_validate(o); });
  sub.add_option("graphs", o.graphs, "Graph files (YAML)")->required();
  add_graph_options(sub, o.how);
  add_json(sub, o.json);
}

void add_graph(CLI::App& app, action& chosen) {
  static graph_command_options o;
  auto& sub =
      command(app, chosen, "graph", "Draw a graph (SVG, PNG or DOT)", [] { return run_graph(o); });
  sub.add_option("graph", o.graph, "Graph file (YAML)")->required();
  add_graph_options(sub, o.how);
  sub.add_option("-o,--out", o.out, "File to write; the ending gives the format")
      ->type_name("FILE");
  sub.add_option("--format", o.format, "Format on stdout")
      ->check(CLI::IsMember({"svg", "png", "dot"}));
  add_json(sub, o.json);
}

void add_list(CLI::App& app, action& chosen) {
  static list_options o;
  auto& sub = command(app, chosen, "list", "Components and tools that this program knows",
                      [] { return run_list(o); });
  sub.add_option("what", o.what, "components or tools; both where left out")
      ->check(CLI::IsMember({"components", "tools"}));
  sub.add_option("--plugin", o.plugins, "Load a plugin's shared library first")->type_name("FILE");
  add_json(sub, o.json);
}

void add_describe(CLI::App& app, action& chosen) {
  static describe_options o;
  auto& sub =
      command(app, chosen, "describe", "Ports, queues and config keys of a component or tool",
              [] { return run_describe(o); });
  sub.add_option("type", o.type, "Such as audio.dmel or calculator")->required();
  sub.add_option("--plugin", o.plugins, "Load a plugin's shared library first")->type_name("FILE");
  add_json(sub, o.json);
}

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

// ---------------------------------------------------------------------------- making things

void add_new(CLI::App& app, action& chosen) {
  static new_options o;
  auto& sub = command(app, chosen, "new", "Make a component or a tool that builds, with a test",
                      [] { return run_new(o); });
  sub.add_option("kind", o.kind, "component or tool")
      ->required()
      ->check(CLI::IsMember({"component", "tool"}));
  sub.add_option("name", o.name, "Component: group.name; tool: name")->required();
  sub.add_option("--dir", o.dir, "The plugins folder of this repository")->capture_default_str();
  sub.add_option("--out-of-tree", o.out_of_tree,
                 "A project of its own in DIR, for an installed Hocket")
      ->type_name("DIR");
  add_json(sub, o.json);
}

void add_keys(CLI::App& app, action& chosen) {
  static keys_options o;
  auto& sub = command(app, chosen, "keys", "Make the key pairs of hosts, or list them",
                      [] { return run_keys(o); });
  sub.add_option("names", o.names, "Hosts to make a pair for; none: list what is there");
  sub.add_option("--dir", o.dir, "Folder of the keys")->capture_default_str();
  sub.footer(
      "NAME.pub goes to every host (`key: keys/NAME.pub` under `hosts:`), NAME.key to that host\n"
      "alone; it is refused where others than its owner can read it. Nothing is ever replaced.");
  add_json(sub, o.json);
}

void add_docs(CLI::App& app, action& chosen) {
  static docs_options o;
  auto& sub =
      command(app, chosen, "docs", "Write configs/schema.json and the tables of the READMEs",
              [] { return run_docs(o); });
  sub.add_option("--root", o.root, "Repository")->capture_default_str();
  sub.add_flag("--check", o.check, "Write nothing; exit code 1 if anything would change");
}

void add_doctor(CLI::App& app, action& chosen) {
  static doctor_options o;
  auto& sub = command(app, chosen, "doctor",
                      "Check this machine, what a graph needs of it, or running graphs",
                      [] { return run_doctor(o); });
  sub.add_option("graph", o.graph, "Graph file (YAML)");
  add_graph_options(sub, o.how);
  sub.add_option("--models", o.models, "Folder of model folders")->capture_default_str();
  add_watch_options(sub, o.where);
  add_json(sub, o.json);
  sub.footer(
      "With --out, --socket or --connect it looks at running graphs twice within a second and "
      "names\n"
      "the stalled actor, the full queue and whom it blocks, losses and their reasons.\n"
      "Exit code 1 if something is to be mended.");
}

void add_export(CLI::App& app, action& chosen) {
  static export_options o;
  auto& sub =
      command(app, chosen, "export", "Write systemd units or Kubernetes manifests of a graph",
              [] { return run_export(o); });
  sub.add_option("kind", o.kind, "systemd or kubernetes")
      ->required()
      ->check(CLI::IsMember({"systemd", "kubernetes"}));
  sub.add_option("graph", o.graph, "Graph file (YAML)")->required();
  add_graph_options(sub, o.how);
  sub.add_option("-o,--out", o.out, "Folder to write")->capture_default_str();
  sub.add_option("--host", o.host, "Only this host of the graph")->type_name("NAME");
  sub.add_option("--program", o.program, "The program on the target")->capture_default_str();
  sub.add_option("--dir", o.dir, "Working folder on the target")->capture_default_str();
  sub.add_option("--user", o.user, "systemd: who runs it")->capture_default_str();
  sub.add_option("--image", o.image, "kubernetes: container image")->capture_default_str();
  sub.add_option("--namespace", o.name_space, "kubernetes: namespace")->type_name("NAME");
  sub.add_option("--metrics-port", o.metrics_port, "Port of metrics and health")
      ->capture_default_str()
      ->check(CLI::Range(1, 65535));
  add_json(sub, o.json);
}

// ---------------------------------------------------------------------------- models and numbers

void add_train([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#ifdef HOCKET_COMMAND_TRAIN
  static train_options o;
  auto& sub = command(app, chosen, "train", "Train a model", [] { return run_train(o); });
  sub.add_option("config", o.config, "Training file (YAML), such as configs/train/nano.yaml")
      ->required();
  sub.add_flag("--resume", o.resume, "Go on from the newest checkpoint");
  sub.add_option("--steps", o.steps, "Stop after that many steps; 0 = as the config says");
  sub.add_option("--decay-steps", o.decay_steps, "Length of the last learning-rate decay");
  sub.add_option("--out", o.out, "Folder for checkpoints and curves");
  sub.add_option("--from", o.from, "Folder of a trained model to begin with");
  sub.add_option("--workers", o.workers, "Threads that make training data");
  add_json(sub, o.json);
#endif
}

void add_eval([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#ifdef HOCKET_COMMAND_EVAL
  static eval_options o;
  auto& sub = command(app, chosen, "eval", "Evaluate a model", [] { return run_eval(o); });
  sub.add_option("what", o.what, "closed-loop: the model hears only the person and itself")
      ->check(CLI::IsMember({"closed-loop"}))
      ->capture_default_str();
  sub.add_option("--model", o.model, "Model folder")->capture_default_str();
  sub.add_option("--conversations", o.conversations, "How many")->capture_default_str();
  sub.add_option("--seed", o.seed, "First seed; 0 = the held-out seeds")->capture_default_str();
  sub.add_option("--seconds", o.seconds, "Length of a conversation")->capture_default_str();
  sub.add_option("--family", o.families, "Only these families (repeat), or all; none = the core");
  sub.add_flag("--rich", o.rich, "flite voices too, rooms, noise, echo, loss");
  sub.add_option("--batch", o.batch, "Conversations at once")->capture_default_str();
  sub.add_option("--out", o.out, "JSON file to write too");
  add_json(sub, o.json);
#ifdef HOCKET_COMMAND_EVAL_DUPLEX
  add_eval_duplex(sub, chosen);
#endif
#endif
}

void add_scenarios([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#ifdef HOCKET_COMMAND_SCENARIOS
  static scenarios_options o;
  auto& sub = command(app, chosen, "scenarios", "Make synthetic conversations with exact labels",
                      [] { return run_scenarios(o); });
  sub.add_option("--out", o.out, "Folder to write")->capture_default_str();
  sub.add_option("--count", o.count, "How many")->capture_default_str();
  sub.add_option("--seed", o.seed, "First seed")->capture_default_str();
  sub.add_option("--split", o.split, "Voices and seeds")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "heldout"}));
  sub.add_option("--family", o.families, "Only these families (repeat), or all; none = the core");
  sub.add_flag("--rich", o.rich, "flite voices too, rooms, noise, echo, loss");
  sub.add_flag("--demo", o.demo, "The conversation that tools/run shows");
  add_json(sub, o.json);
#endif
}

#if defined(HOCKET_COMMAND_BENCH_HOP) || defined(HOCKET_COMMAND_BENCH_SESSION) || \
    defined(HOCKET_COMMAND_BENCH_WIRE)
int run_bench(const std::string& what, const bench_options& o) {
  std::vector<benchmark> parts;
#ifdef HOCKET_COMMAND_BENCH_HOP
  if (what == "all" || what == "hop") parts.push_back(run_bench_hop);
#endif
#ifdef HOCKET_COMMAND_BENCH_SESSION
  if (what == "all" || what == "session") parts.push_back(run_bench_session);
#endif
#ifdef HOCKET_COMMAND_BENCH_WIRE
  if (what == "all" || what == "wire") parts.push_back(run_bench_wire);
#endif
  return run_benchmarks(parts, o);
}
#endif

void add_bench([[maybe_unused]] CLI::App& app, [[maybe_unused]] action& chosen) {
#if defined(HOCKET_COMMAND_BENCH_HOP) || defined(HOCKET_COMMAND_BENCH_SESSION) || \
    defined(HOCKET_COMMAND_BENCH_WIRE)
  static bench_options o;
  static std::string what = "all";
  auto& sub =
      command(app, chosen, "bench", "Measure this machine", [] { return run_bench(what, o); });
  std::vector<std::string> parts;
#ifdef HOCKET_COMMAND_BENCH_HOP
  parts.push_back("hop");
#endif
#ifdef HOCKET_COMMAND_BENCH_SESSION
  parts.push_back("session");
#endif
#ifdef HOCKET_COMMAND_BENCH_WIRE
  parts.push_back("wire");
#endif
  parts.push_back("all");
  sub.add_option("what", what,
                 "hop: packets between actors; session: micro-turns of a model;\n"
                 "wire: packets between processes")
      ->check(CLI::IsMember(parts))
      ->capture_default_str();
  sub.add_option("--model", o.model, "session: model folder")->capture_default_str();
  sub.add_option("--sessions", o.sessions, "session: conversations at once; 0 = a sweep");
  sub.add_option("--micro-turns", o.micro_turns, "session: length of the long run; 0 = 18000");
  sub.add_option("--seconds", o.seconds, "About how long to measure; 0 = the default");
  sub.add_option("--csv", o.csv, "wire: also write dora-benchmark's CSV columns to this file")
      ->type_name("FILE");
  sub.add_flag("--quick", o.quick, "A smoke run of a few seconds; not for reports");
  sub.add_option("--out", o.out, "Also write the JSON to this file")->type_name("FILE");
  add_json(sub, o.json);
#endif
}

// ---------------------------------------------------------------------------- errors

std::vector<std::string> names_of(const CLI::App& app, bool options) {
  std::vector<std::string> names;
  if (options) {
    for (const auto* o : app.get_options())
      for (const auto& name : o->get_lnames()) names.push_back("--" + name);
  } else {
    for (const auto* sub : app.get_subcommands(nullptr)) names.push_back(sub->get_name());
  }
  return names;
}

int complain(const std::string& code, const std::string& message, const std::string& hint) {
  diagnostic d;
  d.code = code;
  d.message = message;
  d.hint = hint;
  fmt::print(stderr, "{}", to_string(d));
  return exit_bad_input;
}

int unknown(const std::string& kind, const std::string& word, const CLI::App& app) {
  const auto near = nearest(word, names_of(app, kind == "option"));
  const auto help =
      "hocket" + (app.get_parent() ? " " + app.get_name() : std::string()) + " --help";
  return complain("cli.unknown-" + kind, fmt::format("unknown {} `{}`", kind, word),
                  near.empty() ? "see `" + help + "`" : "did you mean `" + near + "`?");
}

int explain(const CLI::App& app, const CLI::ParseError& e) {
  const CLI::App* at = &app;
  if (const auto subs = app.get_subcommands(); !subs.empty()) at = subs.front();
  if (dynamic_cast<const CLI::ExtrasError*>(&e) != nullptr) {
    for (const auto& word : at->remaining(true))
      if (word.rfind('-', 0) == 0) return unknown("option", word.substr(0, word.find('=')), *at);
    const auto rest = app.remaining(true);
    return complain("cli.unexpected",
                    fmt::format("unexpected argument `{}`", rest.empty() ? "" : rest.front()),
                    fmt::format("see `hocket {} --help`", at->get_name()));
  }
  return complain("cli.bad-arguments", e.what(),
                  fmt::format("see `hocket{}{} --help`", at == &app ? "" : " ",
                              at == &app ? "" : at->get_name()));
}

int run_main(int argc, char** argv) {
  CLI::App app{"Hocket: real-time multimodal AI as a graph of actors", "hocket"};
  app.set_version_flag("--version", fmt::format("hocket {} ({})", version(), revision()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "Exit codes: 0 fine, 1 failed at run time, 2 the input is wrong.\n"
      "Start: hocket validate configs/graphs/*.yaml; hocket run GRAPH; hocket describe TYPE");
  action chosen;
  for (auto add : {add_run, add_record, add_replay, add_validate, add_graph, add_list, add_describe,
                   add_top, add_picture, add_new, add_keys, add_train, add_eval, add_bench,
                   add_scenarios, add_doctor, add_export, add_docs})
    add(app, chosen);
  const auto known = names_of(app, false);
  if (argc >= 2 && argv[1][0] != '-' &&
      std::find(known.begin(), known.end(), argv[1]) == known.end())
    return unknown("command", argv[1], app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto subs = app.get_subcommands();
    fmt::print("{}", subs.empty() ? app.help() : subs.front()->help("hocket"));
    return exit_fine;
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    if (argc < 2) {
      fmt::print(stderr, "{}", app.help());
      return exit_bad_input;
    }
    return explain(app, e);
  }
  return chosen();
}

}  // namespace
}  // namespace hocket::cli

int main(int argc, char** argv) {
  try {
    return hocket::cli::run_main(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {} [cli.internal]\n", e.what());
    return hocket::cli::exit_failed;
  }
}
