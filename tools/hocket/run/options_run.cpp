// Options of the commands that run a graph, or deal with what a run recorded.
#include "tools/hocket/options.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

void add_run(CLI::App& app, action& chosen) {
  static run_options o;
  auto& sub =
      command(app, chosen, "run", "Run a graph and watch it live", [] { return run_run(o); });
  sub.add_option("graph", o.graph, "Graph file (YAML)");
  add_graph_options(sub, o.how);
  sub.add_option("--manifest", o.manifest,
                 "Only load that plugin and write what it declares to FILE.json, for the commands "
                 "that load none")
      ->type_name("FILE");
  sub.add_option("--out", o.out,
                 "Folder for recording, event log and picture; out/, with --host out/HOST");
  sub.add_flag("--from-file", o.from_file,
               "Begin with the file, also where a killed run in --out left a newer revision of it");
  sub.add_flag("--virtual", o.virtual_time, "Virtual time: deterministic and as fast as it can");
  sub.add_option("--sessions", o.sessions, "Conversations at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  sub.add_option("--threads", o.threads, "Worker threads; 0 = number of cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  sub.add_option("--duration", o.duration_s, "Stop in good order after that many seconds")
      ->type_name("SECONDS")
      ->check(seconds());
  sub.add_option("--host", o.host, "Which of the graph's hosts this process is")->type_name("NAME");
  sub.add_option("--allow", o.allow,
                 "What other hosts may have this one do when they change the graph")
      ->type_name("FILE.yaml");
  sub.add_option("--may-load", o.may_load,
                 "Plugins that a change of the graph may load into this run, whoever asks for it: "
                 "a file, or a pattern such as 'plugins/*.so'")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  sub.add_option("--listen", o.listen, "Where it listens, instead of the graph's; port 0 = any")
      ->type_name("ADDRESS");
  sub.add_option("--peer", o.peers,
                 "Where another host is dialled, instead of the graph's; DATAPORT where its "
                 "data lane is mapped to another port than it says")
      ->type_name("NAME=ADDRESS[,DATAPORT]")
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
  sub.add_option(
         "--rotate", o.rotate,
         "Begin a new file for --record and events.jsonl where one has become so large or so "
         "old; keep: how many ended ones stay")
      ->type_name("mib=N,minutes=N,keep=N");
  sub.add_flag("--plain", o.plain, "Plain lines also on a terminal");
  sub.add_flag("--no-picture", o.no_picture, "Draw no picture of the conversation at the end");
  sub.add_flag("--no-pii", o.no_pii, "Keep words, sound and pictures out of all files");
  sub.add_option("--metrics", o.metrics,
                 "Serve /metrics (Prometheus), /status, /healthz and /readyz over HTTP there")
      ->type_name("tcp://127.0.0.1:PORT");
  sub.add_option("--health", o.health,
                 "Serve /healthz and /readyz there, by a listener of its own that answers while "
                 "others are flooded")
      ->type_name("tcp://127.0.0.1:PORT");
  sub.add_flag("--metrics-public", o.metrics_public,
               "Let other machines ask too: plain HTTP without a password");
  sub.add_option("--metrics-name", o.metrics_names,
                 "Answer to this host name too, besides the address's own and loopback's")
      ->type_name("NAME")
      ->allow_extra_args(false);
  sub.add_option("--trace", o.trace, "Write a trace for ui.perfetto.dev")->type_name("FILE.json");
  sub.add_option(
         "--otlp", o.otlp,
         "Send the ways of packets as traces to an OpenTelemetry collector (OTLP over HTTP)")
      ->type_name("URL");
  sub.add_flag("--otlp-plain", o.otlp_plain,
               "Let them go to another machine over plain HTTP: they hold names and figures");
  sub.add_option(
         "--foxglove", o.foxglove,
         "Show ports, events and connections to a viewer of the Foxglove WebSocket protocol "
         "there")
      ->type_name("tcp://127.0.0.1:PORT");
  sub.add_option("--foxglove-keys", o.foxglove_keys,
                 "Only to who shows a key of this file (`hocket keys --api`), as ws://…/?key=KEY")
      ->type_name("FILE");
  sub.add_option("--foxglove-origin", o.foxglove_origins,
                 "Also to a viewer in a page of there, besides app.foxglove.dev and this machine")
      ->type_name("https://NAME")
      ->allow_extra_args(false);
  sub.add_option("--trace-every", o.trace_every,
                 "Trace only packets whose origin lies in every N-th micro-turn")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_json(sub, o.json);
  sub.footer(
      "Writes events.jsonl, conversation.svg and conversation.png to --out, beside what the\n"
      "graph records. Ctrl-C, SIGTERM and a closed terminal or pipe stop it in good order, a "
      "second\n"
      "Ctrl-C at once.\n"
      "Exit code 1 if the graph failed or a link's accounts do not add up.");
}

void add_record(CLI::App& app, action& chosen) {
  static record_options o;
  auto& sub = command(app, chosen, "record", "Look into a recording, save a torn one, cut, delete",
                      [] { return run_record(o); });
  sub.add_option(
         "what", o.what,
         "info: what is in it; recover: a whole file of what is left; merge: one file of the "
         "pieces that --rotate left, or of the recordings of several hosts (--with); cut: a part "
         "of it by time; unseal: a readable file of a sealed "
         "recording or log; delete: it, or "
         "what is old in a folder")
      ->required()
      ->check(CLI::IsMember({"info", "recover", "merge", "cut", "unseal", "delete"}));
  sub.add_option("file", o.file, "Recording (MCAP); delete: or a folder")->required();
  auto* const out = sub.add_option("out", o.out, "recover, merge, cut, unseal: file to write");
  sub.add_option("-o,--output", o.out, "The same")->type_name("FILE")->excludes(out);
  sub.add_option(
         "--with", o.with,
         "merge: another host's recording of the same run; the pieces of each are merged first")
      ->type_name("FILE")
      ->allow_extra_args(false);
  sub.add_option("--from", o.from_s,
                 "cut: from that stream time on, taken back to the beginning of its micro-turn")
      ->type_name("SECONDS")
      ->check(seconds());
  sub.add_option("--to", o.to_s, "cut: up to that stream time")
      ->type_name("SECONDS")
      ->check(seconds());
  sub.add_option("--older-than-days", o.older_than_days,
                 "delete: only what nobody wrote to for so long; of a folder the recordings, event "
                 "logs, sounds and pictures of runs")
      ->check(CLI::NonNegativeNumber)
      ->check(finite());
  sub.add_flag("--dry-run", o.dry_run, "delete: say what would go");
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
  sub.add_flag(
      "--trust", o.trust,
      "Let the recorded graph use devices, files, addresses and the environment as a graph "
      "of your own may; without it only what computes runs");
  sub.add_flag("--check", o.check, "Compare every output with the recorded one, bit for bit");
  sub.add_flag("--approximate", o.approximate,
               "Also where the recording does not hold what it takes to repeat its run exactly");
  sub.add_flag("--real-time", o.real_time, "At the speed of the recording, not as fast as it can");
  sub.add_option("--out", o.out, "Folder for what the graph writes")->capture_default_str();
  add_json(sub, o.json);
  sub.footer("Exit code 1 if the graph failed or --check found a difference.");
}

}  // namespace hocket::cli
