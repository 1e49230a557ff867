// A host of this release that dials one of an older release.
#include <span>
#include <string>

#include <zmq.h>

#include "actors/wire/node.hpp"
#include "actors/wire/two_nodes.test.hpp"
#include "graph/schema/wire_messages.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

namespace {

/// Listens as `left`, with a bare socket: plaintext on loopback only.
struct bare_listener {
  void* context = zmq_ctx_new();
  void* socket = ::zmq_socket(context, ZMQ_ROUTER);
  std::string where;
  std::string caller;

  bare_listener() {
    const int zero = 0, limit_ms = 20'000;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    REQUIRE(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
    char at[256];
    std::size_t size = sizeof at;
    REQUIRE(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, at, &size) == 0);
    where = at;
  }
  ~bare_listener() {
    zmq_close(socket);
    zmq_ctx_term(context);
  }
  std::string part() const {
    char block[4096];
    const int size = zmq_recv(socket, block, sizeof block, 0);
    REQUIRE(size >= 0);
    return std::string(block, static_cast<std::size_t>(size));
  }
  control_frame receive() {
    caller = part();
    const auto bytes = part();
    return decode_control(std::as_bytes(std::span(bytes))).value();
  }
  void answer(const control_frame& f) const {
    const auto bytes = encode(f);
    REQUIRE(zmq_send(socket, caller.data(), caller.size(), ZMQ_SNDMORE) >= 0);
    REQUIRE(zmq_send(socket, bytes.data(), bytes.size(), 0) == static_cast<int>(bytes.size()));
  }
};

}  // namespace

TEST_CASE("who dials a host of another protocol version is refused, with both versions named") {
  bare_listener left;
  pair_of_options o(false);
  o.right.peers[0].address = left.where;
  recorder host;
  auto n = node::open(o.right, host).value();
  n->begin();
  const auto call = left.receive();
  const auto* theirs = std::get_if<hello>(&call.body);
  REQUIRE(theirs != nullptr);
  CHECK(theirs->protocol == protocol_version);
  const auto us = std::to_string(protocol_version);
  std::string named;
  SUBCASE("it answers with its greeting") {
    hello h;
    h.host = "left";
    h.protocol = 1;
    h.incarnation = 9;
    h.graph_hash = "graph";
    h.schema_hash = "another";  // the version is told, not what follows from it
    named = "right has " + us + ", left has 1";
    left.answer({call.connection, h});
  }
  SUBCASE("it refuses by itself") {
    named = "left has 1, right has " + us;
    left.answer(
        {call.connection, refusal{"wire.wrong_version", "protocol version differs: " + named}});
  }
  REQUIRE(host.wait_state(peer_state::refused));
  CHECK(host.last_change().reason.find(named) != std::string::npos);
}
