#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/host/observer.hpp"

/// Packets' ways as spans of OpenTelemetry.
namespace hocket::otlp {

struct trace_id {
  std::uint64_t high = 0, low = 0;
};

/// The names of one plan, for spans that outlive it.
struct plan_names {
  struct actor {
    std::string name, component, host;
    std::vector<std::string> inputs, outputs;
  };
  std::vector<actor> actors;
  static std::shared_ptr<const plan_names> of(const plan& graph);
};

struct span {
  trace_id trace;
  std::uint64_t id = 0;
  std::uint64_t parent = 0;                                    ///< 0: it begins its trace here
  std::vector<std::pair<trace_id, std::uint64_t>> links = {};  ///< the other packets of a set
  std::shared_ptr<const plan_names> names = {};
  actor_index actor = 0;
  std::size_t port = 0;
  bool is_source = false;  ///< `port` is an output: the packet begins its way
  bool failed = false;
  std::int64_t began_ns = 0, ended_ns = 0;  ///< monotonic
  std::int64_t queued_ns = 0;               ///< how long the packet waited
  std::size_t packets = 1;                  ///< of a set
  std::uint64_t session = 0, seq = 0;
  std::int64_t micro_turn = 0;
  epoch_number epoch = 0;
};

/// Makes spans of what an observer is told. One trace is what came of one packet of a source in one
/// conversation: the spans of all calls that took it, or what was made of it. A set has a span for each
/// conversation, in the trace of its oldest packet, with links to the others.
///
/// Threads: any; it keeps nothing but its seed and its host's name.
class span_maker {
 public:
  /// `seed`: of this run; `host`: "" where it is the only one; `every`: packets of each n-th
  /// micro-turn.
  span_maker(std::uint64_t seed, std::string host, int every)
      : seed_(seed), host_(std::move(host)), every_(every) {}

  /// Of the packet that begins a way; nothing where it does not.
  void append(std::vector<span>& to, const plan& graph, actor_index actor, std::size_t port,
              const packet& p) const;
  void append(std::vector<span>& to, const plan& graph, const host::call_record& r) const;

 private:
  bool samples(const plan& graph, const packet_header& h) const;
  trace_id trace_of(std::uint64_t session, std::int64_t origin_ns) const;
  std::uint64_t id_of(actor_index actor, std::int64_t began_ns, std::uint64_t session,
                      std::int64_t origin_ns) const;
  /// The span of the call that emitted a packet; 0: another host's.
  std::uint64_t sender_of(const plan& graph, const packet_header& h) const;

  const std::uint64_t seed_;
  const std::string host_;
  const int every_;
};

/// What stands for the process in each request.
struct resource {
  std::string graph, graph_hash, host, version, run;  ///< run: told apart from others of the graph
};

/// An ExportTraceServiceRequest as JSON (OTLP 1.x, JSON mapping). `unix_zero_ns`: Unix time at which
/// the monotonic clock was 0. Holds names and figures alone.
std::string request_json(const resource& who, const std::vector<span>& spans,
                         std::int64_t unix_zero_ns);

}  // namespace hocket::otlp
