#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// The options of every command, filled by options_*.cpp, and the functions that carry them out.
/// Each returns the exit code: 0 fine, 1 failed at run time, 2 the user's input is wrong.
namespace hocket::cli {

inline constexpr int exit_fine = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_bad_input = 2;

/// What every command that reads a graph takes.
struct graph_options {
  std::vector<std::string> sets;     ///< --set actors.model.device=cpu
  std::vector<std::string> params;   ///< --param name=value
  std::vector<std::string> plugins;  ///< --plugin libmine.so
};

struct run_options {
  std::string graph;
  graph_options how;
  std::string out = "out";
  bool from_file = false;  ///< also where a killed run left a newer revision
  bool virtual_time = false;
  int sessions = 1;
  int threads = 0;                 ///< 0: number of cores
  double duration_s = 0;           ///< orderly stop after that much stream time; 0: until the end
  bool json = false;               ///< one object per micro-turn, then a summary object
  bool plain = false;              ///< lines even on a terminal
  bool no_pii = false;             ///< leave words out of the event log and the picture
  std::string metrics;             ///< address for Prometheus and health; "": none
  bool metrics_public = false;     ///< may be reached from other machines
  std::string trace;               ///< file for trace events; "": none
  int trace_every = 1;             ///< only packets of every n-th micro-turn
  std::string host;                ///< which of the graph's `hosts:` this process is
  std::string secret_key;          ///< file; "": beside the host's public key
  std::string listen;              ///< instead of the graph file's; port 0 = any
  std::vector<std::string> peers;  ///< NAME=ADDRESS instead of the graph file's
  std::string address_file;        ///< where to write the address that we listen at
  std::string record;              ///< MCAP file to write; "": none
  std::vector<std::string> record_edges;  ///< globs; empty: the whole graph
};
int run_run(const run_options&);

struct record_options {
  std::string what;  ///< info, recover
  std::string file;
  std::string out;  ///< recover
  bool json = false;
};
int run_record(const record_options&);

struct replay_options {
  std::string file;   ///< an MCAP recording
  std::string graph;  ///< "": the one in the recording
  graph_options how;
  std::vector<std::string> only, play;  ///< globs of actors
  std::vector<std::string> replace;     ///< actor=component
  std::string out = "out/replay";
  bool check = false;      ///< compare with what was recorded
  bool real_time = false;  ///< instead of virtual time
  bool json = false;
};
int run_replay(const replay_options&);

struct validate_options {
  std::vector<std::string> graphs;
  graph_options how;
  bool json = false;
};
int run_validate(const validate_options&);

struct graph_command_options {
  std::string graph;
  graph_options how;
  std::string format;  ///< svg, png, dot; "": by the ending of `out`, else dot
  std::string out;     ///< "": stdout
  bool json = false;
};
int run_graph(const graph_command_options&);

struct list_options {
  std::string what;  ///< components, tools, "" = both
  std::vector<std::string> plugins;
  bool json = false;
};
int run_list(const list_options&);

struct describe_options {
  std::string type;
  std::vector<std::string> plugins;
  bool json = false;
};
int run_describe(const describe_options&);

struct new_options {
  std::string kind;  ///< component, tool
  std::string name;  ///< group.name or name
  std::string dir = "plugins";
  std::string out_of_tree;  ///< a folder of its own with find_package(Hocket)
  bool json = false;
};
int run_new(const new_options&);

struct keys_options {
  std::vector<std::string> names;  ///< pairs to make; none: list
  std::string dir = "keys";
  bool json = false;
};
int run_keys(const keys_options&);

struct train_options {
  std::string config;
  bool resume = false;
  std::int64_t steps = 0;         ///< 0: as the config says
  std::int64_t decay_steps = -1;  ///< -1: as the config says
  std::string out;                ///< "": as the config says
  std::string from;               ///< "": as the config says
  int workers = 0;                ///< 0: as the config says
  bool json = false;              ///< one object per report instead of a progress bar
};
int run_train(const train_options&);

struct eval_options {
  std::string what = "closed-loop";
  std::string model = "configs/models/nano";
  std::int64_t conversations = 200;
  std::uint64_t seed = 0;             ///< 0: the held-out seeds
  double seconds = 15;                ///< length of a conversation
  std::vector<std::string> families;  ///< empty: the core
  bool rich = false;                  ///< flite voices, rooms, echo, loss
  int batch = 32;
  std::string out;  ///< "": no files
  bool json = false;
};
int run_eval(const eval_options&);

struct scenarios_options {
  std::string out = "out/scenarios";
  std::int64_t count = 8;
  std::uint64_t seed = 1;
  std::string split = "train";        ///< train, heldout
  std::vector<std::string> families;  ///< empty: the core
  bool rich = false;                  ///< flite voices, rooms, echo, loss
  bool demo = false;                  ///< the conversation that tools/run shows
  bool json = false;
};
int run_scenarios(const scenarios_options&);

struct bench_options {
  std::string model = "configs/models/nano";  ///< session
  double seconds = 0;                         ///< about how long to measure; 0: the default
  int sessions = 0;                           ///< session: batch; 0: the default sweep
  std::int64_t micro_turns = 0;               ///< session: 0 = 18000
  bool quick = false;                         ///< a smoke run of a few seconds; not for reports
  std::string out;                            ///< also writes the JSON there
  std::string csv;                            ///< wire: also in dora-benchmark's form, to this file
  bool json = false;
};
int run_bench_hop(const bench_options&);
int run_bench_session(const bench_options&);
int run_bench_wire(const bench_options&);

using benchmark = int (*)(const bench_options&);
/// One after the other; several together give one JSON object where JSON is asked for.
int run_benchmarks(const std::vector<benchmark>& parts, const bench_options& o);

/// Where running graphs are asked how they are.
struct watch_options {
  std::vector<std::string> outs;      ///< --out folders; their hocket.sock
  std::vector<std::string> sockets;   ///< sockets that lie elsewhere
  std::vector<std::string> connects;  ///< what `run --metrics` says: http://host:9464
};

struct top_options {
  watch_options where;  ///< nothing given: out/
  bool once = false;
  bool json = false;
  double every_s = 1;
};
int run_top(const top_options&);

struct apply_options {
  std::string graph;           ///< the new file
  graph_options how;           ///< with --from only: a run keeps its own
  std::string out = "out";     ///< the run's folder, with its socket and its revisions
  std::string from;            ///< compare with this file; no run is asked
  bool dry_run = false;        ///< what would change; nothing is touched
  bool back = false;           ///< the revision before the one that runs
  std::int64_t revision = 0;   ///< that one again; 0: none
  bool history = false;        ///< list the revisions
  double at_s = 0;             ///< commit at the first boundary from this stream time on
  std::int64_t limit_s = 120;  ///< how long opening the new actors may take
  bool json = false;
};
int run_apply(const apply_options&);

struct doctor_options {
  std::string graph;  ///< "": the machine only
  graph_options how;
  watch_options where;  ///< running graphs; nothing else is looked at then
  std::string models = "configs/models";
  bool json = false;
};
int run_doctor(const doctor_options&);

struct export_options {
  std::string kind;  ///< systemd, kubernetes
  std::string graph;
  graph_options how;
  std::string out = "deploy";
  std::string host;  ///< "": all hosts
  std::string program = "/usr/bin/hocket";
  std::string dir = "/srv/hocket";      ///< working folder on the target: models, recordings
  std::string user = "hocket";          ///< systemd
  std::string image = "hocket:latest";  ///< kubernetes
  std::string name_space;               ///< kubernetes; "": the current one
  int metrics_port = 9464;
  bool json = false;
};
int run_export(const export_options&);

struct docs_options {
  std::string root = ".";  ///< repository root
  bool check = false;
};
int run_docs(const docs_options&);

struct picture_options {
  std::string events;         ///< events.jsonl of a run
  std::string out;            ///< .svg or .png; "": both, beside the events
  std::uint64_t session = 0;  ///< 0: the first in the log
};
int run_picture(const picture_options&);

}  // namespace hocket::cli
