#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/wire/node.hpp"
#include "graph/schema/wire_messages.hpp"

namespace hocket::wire {

/// What this process says in its Hello. Pure functions: whether a peer is accepted is decided here
/// alone.
struct identity {
  std::string host;
  std::uint64_t incarnation = 0;
  std::string graph_hash, schema_hash, boot_id;
  bool shared_memory = false;
  std::string graph_note = {};  ///< the remedy for a peer with another graph hash
  std::shared_ptr<const std::vector<graph_key>> keys = {};  ///< what the graph says; none: not told
  std::string next_graph_hash = {};  ///< decided, from a boundary on that is not reached yet
  bool asks = false;                 ///< see node_options::asks

  /// Votes are being counted: what this run will have is not known.
  bool decides() const { return next_graph_hash == undecided_graph; }
  /// What this run has, or is about to have.
  const std::string& newest_graph() const {
    return next_graph_hash.empty() || decides() ? graph_hash : next_graph_hash;
  }
};

hello hello_of(const identity& us, std::uint64_t knows, std::string data_lane);

/// Where two graphs differ first, in the order of ours: "`actors.mic.rate_hz` is the first of 3
/// places that differ". Values are not known here. "": no place that both know.
/// Errors: none; theirs may be anything.
std::string first_difference(const std::vector<graph_key>& ours,
                             const std::vector<graph_key>& theirs, const std::string& us,
                             const std::string& them);

/// Why we cannot work with the sender of a Hello; both values are named. Empty: we can.
/// `expected`: the name that the key or the address of the connection belongs to.
std::optional<refusal> refuse(const identity& us, const std::string& expected, const hello& theirs);

/// Whether both ends still have the other's links in their books: numbering goes on. Otherwise both
/// start afresh. Both ends come to the same answer from the same two Hellos.
/// `known`: the incarnation that we know of them, 0 = none, as we said in our Hello.
bool goes_on(const identity& us, std::uint64_t known, const hello& theirs);

}  // namespace hocket::wire
