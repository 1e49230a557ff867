#pragma once

#include <optional>
#include <string>

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
};

hello hello_of(const identity& us, std::uint64_t knows, std::string data_lane);

/// Why we cannot work with the sender of a Hello; both values are named. Empty: we can.
/// `expected`: the name that the key or the address of the connection belongs to.
std::optional<refusal> refuse(const identity& us, const std::string& expected, const hello& theirs);

/// Whether both ends still have the other's links in their books: numbering goes on. Otherwise both
/// start afresh. Both ends come to the same answer from the same two Hellos.
/// `known`: the incarnation that we know of them, 0 = none, as we said in our Hello.
bool goes_on(const identity& us, std::uint64_t known, const hello& theirs);

}  // namespace hocket::wire
