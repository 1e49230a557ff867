#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "actors/host/runtime.hpp"
#include "actors/record/recording_writer.hpp"

namespace hocket::record {

struct graph_recorder_options {
  std::string path;
  /// Globs (`*`, `?`) of outputs (`model.audio`) or of inputs that they feed (`speaker.audio`); none:
  /// everything.
  std::vector<std::string> edges = {};
  std::string version = {};  ///< of the program
  bool virtual_time = false;
  int sessions = 1;
  int revision = 1;  ///< of the graph that the run begins with
  /// Of a graph with hosts: the one that this process is. Only what its actors emit is recorded.
  std::string host = {};
  /// False: only outputs that carry neither words nor sound nor pictures, nor what gives them back.
  bool with_pii = true;
  std::size_t queue_bytes = 64u << 20;
  std::size_t queue_packets = 65'536;
  bool compress = true;
  rotation_limits rotate = {};
};

/// Records a run from outside the graph: every packet that leaves a chosen output, what actors say
/// about their streams, and the events of the run.
///
/// The graph never waits for it in real time: packets go into a bounded queue (payloads are shared,
/// not copied), a thread of its own writes them, and what finds the queue full is dropped, counted by
/// output and told by `on_trouble`; the file then ends INCOMPLETE. In virtual time the graph waits
/// for room, since nobody is in a hurry there.
///
/// A conversation that is to be forgotten (an output `forgets` says so) is taken out once the run is over.
///
/// Threads: the observer's calls as runtime.hpp says; the rest from one thread.
class graph_recorder final : public host::observer {
 public:
  /// Errors: record.no_such_edge (a glob that names nothing), mcap.cannot_write.
  static result<std::unique_ptr<graph_recorder>> create(const plan& graph, const registry& types,
                                                        graph_recorder_options options);
  /// The same on any sink, for tests.
  static result<std::unique_ptr<graph_recorder>> create(const plan& graph, const registry& types,
                                                        graph_recorder_options options,
                                                        std::unique_ptr<byte_sink> to);
  ~graph_recorder() override;

  void started(const plan&, const clock& stream_time) override;
  /// The new graph goes into the file, and so do the outputs that it brings and `edges` choose.
  void rewired(const host::graph_revision& r) override;
  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override;
  void marked(const plan&, actor_index actor, std::size_t port, const packet& p) override;
  void event(timestamp at, std::string_view actor, std::string_view what,
             std::string_view detail) override;
  void session_closed(session_id id) override {
    std::erase_if(arrived_, [id](const auto& seen) { return seen.first.second == id; });
  }
  /// In real time: when each component was called, with what. In virtual time the graph says it.
  bool wants_calls() const override { return !options_.virtual_time; }
  void called(const plan&, const host::call_record& r) override;

  /// Writes what waits and ends the file. After the run is over.
  verdict finish();
  /// One line about what goes wrong, the first time it does; "" while all is well.
  std::string trouble() const;
  /// After finish(): why conversations that were to be forgotten are still in the file; empty: none is.
  const std::string& not_forgotten() const { return not_forgotten_; }

 private:
  /// A new graph and its new channels, for the thread that writes.
  struct new_graph {
    plan file;
    int number = 0;
    timestamp from;
    std::vector<std::pair<std::string, mcap_map>> channels;  ///< outputs, and about them
    std::vector<mcap_schema> payloads;
  };
  struct item {
    std::uint16_t channel = 0;
    timestamp at;
    packet what;
    std::string event;                       ///< instead of a packet
    std::string call;                        ///< or this
    std::shared_ptr<const new_graph> graph;  ///< or this
    std::size_t size_bytes = 0;
  };

  graph_recorder(graph_recorder_options options, std::unique_ptr<recording_writer> file);
  result<void> choose(const plan& graph);
  bool runs_here(const plan_actor& a) const {
    return options_.host.empty() || a.host == options_.host;
  }
  bool may_keep(const plan_actor& a, std::size_t port) const {
    return options_.with_pii || holds_figures_alone(a.type->info.outputs[port].type.kind);
  }
  void add_arrivals(const plan& graph, std::vector<std::pair<std::string, mcap_map>>& channels);
  void keep_arrival(const plan& graph, const packet& p);
  void put(item i, bool may_wait);
  void write_all();
  void take(std::vector<item>& batch);

  const graph_recorder_options options_;
  std::unique_ptr<recording_writer> file_;
  std::vector<std::vector<std::uint16_t>> channels_;  ///< [actor][port]; 0: not recorded
  std::vector<bool> ran_;                             ///< by actor, before the newest rewire
  /// Outputs of other hosts that feed actors here, in real time: recorded as they are taken.
  std::map<std::pair<actor_index, std::size_t>, std::uint16_t> arrivals_;
  std::map<std::pair<std::uint16_t, session_id>, std::set<std::uint64_t>> arrived_;
  std::uint16_t last_channel_ = 0;
  const clock* time_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable filled_, emptied_;
  std::deque<item> queue_;
  std::size_t queued_bytes_ = 0;
  std::vector<std::uint64_t> dropped_;  ///< by channel, since the writer last looked
  std::string trouble_;
  std::string not_forgotten_;
  std::set<session_id> forgotten_;  ///< conversations that are taken out of the file at its end
  bool over_ = false;
  std::thread writer_;
};

/// `*` any characters, `?` one.
bool matches_glob(std::string_view glob, std::string_view name);

/// Marks which outputs globs choose, [actor][port]; what a rewire took out has none.
/// Errors: record.no_such_edge, with the nearest; not where `all_must_match` is false.
result<std::vector<std::vector<bool>>> choose_outputs(const plan& graph,
                                                      const std::vector<std::string>& globs,
                                                      bool all_must_match = true);

}  // namespace hocket::record
