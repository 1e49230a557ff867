#pragma once

#include <string>
#include <vector>

#include "actors/foxglove/machine.hpp"
#include "graph/contract/packet.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::foxglove {

inline constexpr std::uint32_t events_channel = 1;

/// The channels of a running graph: those of its recordings (actors/record/channels.hpp), and one more
/// for each output whose payloads have a schema of their own, with these payloads alone
/// ("robot.pose/Pose").
///
/// Threads: one at a time.
class channel_table {
 public:
  /// `host`: of a graph with hosts, whose outputs; else "". Without `with_pii` only outputs that carry
  /// figures alone.
  channel_table(const plan& graph, std::string host, bool with_pii);

  struct of_output {
    std::uint32_t packets = 0;   ///< 0: it has none
    std::uint32_t payloads = 0;  ///< the same
  };
  of_output of(actor_index actor, std::size_t port) const;

  struct change {
    std::vector<channel> appeared;
    std::vector<std::uint32_t> vanished;
  };
  /// The graph is another one now, under the numbers of before. An actor that comes, or comes back,
  /// counts anew: its outputs get channels of their own.
  change rewired(const plan& whole);
  const std::vector<channel>& all() const { return all_; }

 private:
  void add(const plan& graph, actor_index actor, std::vector<channel>& into);

  const std::string host_;
  const bool with_pii_;
  std::uint32_t last_ = events_channel;
  std::vector<std::vector<of_output>> ids_;  ///< [actor][port]
  std::vector<bool> runs_;                   ///< by actor
  std::vector<channel> all_;
};

/// A packet as its channel carries it. Errors: those of wire::append_recorded.
result<std::string> packet_bytes(const packet& p);
/// The payload alone, of an output with a schema; "" where it is of no such kind.
std::string payload_bytes(const packet& p);

/// Which actors send and take each topic of `table`.
connection_graph connections_of(const plan& graph, const channel_table& table);

}  // namespace hocket::foxglove
