#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/spec/plan.hpp"
#include "actors/host/runtime.hpp"

namespace hocket::observe {

/// A packet that was handed over in a call.
struct traced_input {
  std::size_t port = 0;
  std::int64_t queued_ns = 0;
  std::uint64_t session = 0;
  std::uint32_t stream = 0;  ///< output port of the sender
  std::uint64_t seq = 0;
  std::int64_t micro_turn = 0;
  std::uint64_t epoch = 0;
  std::int64_t origin_ns = 0;
  bool has_sender = false;
  actor_index sender = 0;
  std::int64_t emitted_ns = 0;
};

struct traced_call {
  actor_index actor = 0;
  std::uint64_t session = 0;
  host::call_kind what = host::call_kind::packet;
  bool failed = false;
  std::int64_t began_ns = 0;
  std::int64_t ended_ns = 0;
  std::int64_t micro_turn = -1;
  std::vector<traced_input> inputs;
};

/// Something that happened to an actor, or (no name) to the run.
struct traced_event {
  std::int64_t at_ns = 0;
  std::string actor;
  std::string what;
  std::string detail;
};

struct traced_depth {
  std::int64_t at_ns = 0;
  std::size_t link = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t dropped = 0;
};

/// From here on records mean this plan.
using traced_plan = std::shared_ptr<const plan>;

using trace_record = std::variant<traced_call, traced_event, traced_depth, traced_plan>;

/// Turns records into trace events (Chromium's "Trace Event Format").
///
/// Process = host, thread = actor and conversation (a shared actor has one for all), numbered by the
/// plan alone. Arrows and waits are numbered by who sent what to whom, so both ends agree on them,
/// and both ends of an arrow are written when the packet is handed over.
///
/// Threads: one at a time.
class trace_format {
 public:
  /// `graph` must outlive it. A plan that comes as a record is kept here: the run that it belongs to
  /// may be gone before the last record is written.
  explicit trace_format(const plan& graph);

  /// Appends the events of a record, each a whole JSON object behind ",\n" (the first: "\n").
  void append(std::string& out, const trace_record& r);

 private:
  bool is_known(const trace_record& r) const;
  void write(std::string& out, const traced_call& c);
  void write(std::string& out, const traced_event& e);
  void write(std::string& out, const traced_depth& d);
  void write(std::string& out, const traced_plan& p);
  void write_input(std::string& out, const traced_call& c, const traced_input& in);
  struct track {
    int pid = 1;
    std::int64_t tid = 0;
  };
  track track_of(std::string& out, actor_index actor, std::uint64_t session);
  void name_process(std::string& out, int pid);
  void begin(std::string& out);
  int process_of(actor_index actor) const;

  const plan& graph() const { return *graph_; }
  const plan* graph_;
  traced_plan kept_;
  const std::size_t first_actors_;
  std::set<std::pair<int, std::int64_t>> named_;
  bool first_ = true;
};

}  // namespace hocket::observe
