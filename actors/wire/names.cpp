// Names of enums, and sums over accounts.
#include <numeric>

#include "actors/wire/node.hpp"
#include "graph/core/assert.hpp"

namespace hocket::wire {

std::string_view code_of(wire_error e) {
  switch (e) {
    case wire_error::bad_address: return "wire.bad_address";
    case wire_error::plaintext: return "wire.plaintext";
    case wire_error::bad_key: return "wire.bad_key";
    case wire_error::cannot_listen: return "wire.cannot_listen";
    case wire_error::bad_option: return "wire.bad_option";
    case wire_error::wrong_version: return "wire.wrong_version";
    case wire_error::wrong_graph: return "wire.wrong_graph";
    case wire_error::wrong_schema: return "wire.wrong_schema";
    case wire_error::wrong_name: return "wire.wrong_name";
    case wire_error::malformed: return "wire.malformed";
    case wire_error::no_shared_memory: return "wire.no_shared_memory";
  }
  HOCKET_ASSERT(false);
}

std::string_view to_string(peer_state s) {
  switch (s) {
    case peer_state::connecting: return "connecting";
    case peer_state::up: return "up";
    case peer_state::suspect: return "suspect";
    case peer_state::lost: return "lost";
    case peer_state::refused: return "refused";
  }
  HOCKET_ASSERT(false);
}

std::string_view to_string(wire_drop d) {
  switch (d) {
    case wire_drop::disconnected: return "disconnected";
    case wire_drop::peer_gone: return "peer_gone";
    case wire_drop::no_room: return "no_room";
    case wire_drop::undecodable: return "undecodable";
  }
  HOCKET_ASSERT(false);
}

std::uint64_t wire_account::dropped_total() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

bool node_status::law_holds() const {
  for (const auto& l : links)
    if (!l.adds_up()) return false;
  return true;
}

bool we_connect(std::string_view our_name, std::string_view our_listen, std::string_view their_name,
                std::string_view their_listen) {
  if (their_listen.empty()) return false;
  return our_listen.empty() || our_name < their_name;
}

}  // namespace hocket::wire
