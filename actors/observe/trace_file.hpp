#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/observe/trace_format.hpp"
#include "graph/trust/files.hpp"

namespace hocket::observe {

struct trace_options {
  std::string path;
  int every = 1;  ///< only packets whose origin lies in every n-th micro-turn
  /// Records that may wait for the disk; more are lost and counted.
  std::size_t waiting_max = 65536;
};

/// Writes a run as Chrome trace events, for ui.perfetto.dev and chrome://tracing: a track per actor
/// and conversation with a slice per call into the component, the wait of each packet in its queue,
/// an arrow along each packet's way, counters of the queues, and what happened to actors.
///
/// The file is a JSON array that is closed at the end. Records are written whole: of a killed run
/// all but the closing bracket is there, which the format allows to miss.
/// Times are the machine's monotonic clock in µs, so that the traces of several processes of one
/// machine fit together.
///
/// Memory: `waiting_max` records of about 200 bytes.
/// Threads: as for host::observer; one of its own formats and writes, five times a second.
class trace_file final : public host::observer {
 public:
  /// `graph` must outlive the file; plans that follow are copied. Errors: observe.cannot_write.
  static result<std::unique_ptr<trace_file>> open(trace_options o, const plan& graph);
  ~trace_file() override;

  bool wants_calls() const override { return true; }
  void called(const plan&, const host::call_record& r) override;
  void rewired(const host::graph_revision& r) override;
  void event(timestamp, std::string_view actor, std::string_view what,
             std::string_view detail) override;
  /// Notes how full the queues are, where that changed. One thread at a time.
  void look(const host::snapshot& s);
  /// Writes what waits and closes the array. Errors: observe.cannot_write (such as a full disk: what
  /// is there is readable), observe.trace_incomplete (the disk was too slow for all records).
  result<void> finish();

 private:
  trace_file(trace_options o, const plan& graph, trust::file to);
  void add(trace_record r);
  void work();
  void write_whole(const std::string& text);

  const trace_options options_;
  const plan& graph_;
  const trust::file file_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> last_depths_;  ///< by link; look() only
  // The writer's own
  trace_format format_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t lost_told_ = 0;
  // Shared
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<trace_record> waiting_;
  std::uint64_t lost_ = 0;
  std::string fault_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace hocket::observe
