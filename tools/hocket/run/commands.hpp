// The commands that run a graph, change it, or deal with what it recorded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/commands.hpp"
#include "tools/hocket/shipped.hpp"

namespace hocket::cli {

struct run_options {
  std::string graph;
  std::string manifest;               ///< instead: the library whose manifest is to be written
  std::string allow;                  ///< what other hosts may have this one do
  std::vector<std::string> may_load;  ///< plugins that a change may bring: paths, patterns
  graph_options how;
  std::string out;         ///< "": out/, of one host of several out/HOST
  bool from_file = false;  ///< also where a killed run left a newer revision
  bool virtual_time = false;
  int sessions = 1;
  int threads = 0;              ///< 0: number of cores
  double duration_s = 0;        ///< orderly stop after that much stream time; 0: until the end
  bool json = false;            ///< one object per micro-turn, then a summary object
  bool plain = false;           ///< lines even on a terminal
  bool no_picture = false;      ///< draw nothing at the end
  bool no_pii = false;          ///< leave words out of the event log and the picture
  std::string metrics;          ///< address for Prometheus and health; "": none
  std::string health;           ///< address for health alone, with a listener of its own; "": none
  bool metrics_public = false;  ///< may be reached from other machines
  std::string trace;            ///< file for trace events; "": none
  int trace_every = 1;          ///< of trace and otlp: packets of every n-th micro-turn
  std::string otlp;             ///< address of an OpenTelemetry collector; "": none
  bool otlp_plain = false;      ///< over plain HTTP to another machine, too
  std::string foxglove;         ///< address for viewers; "": none
  std::string foxglove_keys;    ///< file of hashed keys; "": processes of this machine need none
  std::vector<std::string> foxglove_origins;  ///< of pages, besides the public viewer's
  std::string host;                           ///< which of the graph's `hosts:` this process is
  std::string secret_key;                     ///< file; "": beside the host's public key
  std::string listen;                         ///< instead of the graph file's; port 0 = any
  std::vector<std::string> peers;             ///< NAME=ADDRESS instead of the graph file's
  std::string address_file;                   ///< where to write the address that we listen at
  std::string record;                         ///< MCAP file to write; "": none
  std::vector<std::string> record_edges;      ///< globs; empty: the whole graph
  std::string rotate;  ///< of `record` and the event log, `mib=64,minutes=10,keep=24`
  /// Host names that --metrics answers to besides its own address and loopback's.
  std::vector<std::string> metrics_names;
};
int run_run(const run_options&);

struct serve_options {
  serve_options() { run.graph = shipped("configs/graphs/serve.yaml"); }
  run_options run;
  std::string actor = "door";            ///< the gateway's name in the graph
  std::string listen;                    ///< "": as the graph says
  std::string keys;                      ///< file of hashed keys
  std::vector<std::string> names;        ///< host names that it answers to
  std::string certificate, private_key;  ///< PEM files
  std::string texts;                     ///< of the page
  bool edit = false;                     ///< the page may change the graph
  std::string training;                  ///< folder of a run that trains
};
int run_serve(const serve_options&);

struct record_options {
  std::string what;  ///< info, recover, merge, cut, unseal, delete
  std::string file;
  std::string out;                ///< recover, merge, cut, unseal
  std::vector<std::string> with;  ///< merge: the other hosts' recordings
  double from_s = -1, to_s = -1;  ///< cut: stream time; below 0: not given
  bool json = false;
  double older_than_days = -1;  ///< delete: only what was not written to for so long; below 0: any
  bool dry_run = false;         ///< delete: say what would go
};
int run_record(const record_options&);
/// `record merge`: the pieces of a recording that was written in turns, as one file.
int merge_pieces(const record_options&);
/// `record cut`: a part of a recording as one of its own.
int cut_by_time(const record_options&);
/// `record delete`: a recording, or by age the recordings and results of runs in a folder.
int delete_records(const record_options&);

struct replay_options {
  std::string file;   ///< an MCAP recording
  std::string graph;  ///< "": the one in the recording
  graph_options how;
  std::vector<std::string> only, play;  ///< globs of actors
  std::vector<std::string> replace;     ///< actor=component
  std::string out = "out/replay";
  bool trust = false;        ///< the recorded graph may do what a file of one's own may
  bool check = false;        ///< compare with what was recorded
  bool approximate = false;  ///< where the recording does not hold when actors were called
  bool real_time = false;    ///< instead of virtual time
  bool json = false;
};
int run_replay(const replay_options&);

struct apply_options {
  std::string graph;           ///< the new file
  graph_options how;           ///< with --from only: a run keeps its own; but `plugins`
  std::string out = "out";     ///< the run's folder, with its socket and its revisions
  std::string from;            ///< compare with this file; no run is asked
  bool dry_run = false;        ///< what would change; nothing is touched
  bool back = false;           ///< the revision before the one that runs
  std::int64_t revision = 0;   ///< that one again; 0: none
  bool history = false;        ///< list the revisions
  bool list = false;           ///< list the changes that the run still waits for
  std::int64_t cancel = 0;     ///< the number of one that is not to come; 0: none
  double at_s = 0;             ///< commit at the first boundary from this stream time on
  std::int64_t limit_s = 120;  ///< how long opening the new actors may take
  bool json = false;
};
int run_apply(const apply_options&);

}  // namespace hocket::cli
