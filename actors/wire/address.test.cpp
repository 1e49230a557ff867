#include "actors/wire/address.hpp"

#include "actors/wire/two_nodes.test.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

TEST_CASE("addresses: what reads, what a socket takes, what stands for a whole machine") {
  const auto mapped = address::parse("tcp://gpu.example:9400,9555");
  REQUIRE(mapped);
  CHECK(mapped->host == "gpu.example");
  CHECK(mapped->port == 9400);
  CHECK(mapped->data_port == 9555);
  CHECK(mapped->to_string() == "tcp://gpu.example:9400");
  // The peer says where its data lane is there; here it is where we were told.
  CHECK(mapped->with_announced("7401")->to_string() == "tcp://gpu.example:9555");
  CHECK(address::parse("tcp://gpu.example:9400")->with_announced("7401")->port == 7401);
  for (const char* bad : {"tcp://a:1,", "tcp://a:1,0", "tcp://a:1,x", "tcp://a:1,70000",
                          "tcp://a:,7", "tcp://a:1,2,3"})
    CHECK_FALSE_MESSAGE(address::parse(bad), bad);
  for (const char* all : {"tcp://*:7", "tcp://0.0.0.0:7", "tcp://[::]:7", "tcp://lo:7"})
    CHECK_MESSAGE(address::parse(all)->is_wildcard(), all);
  for (const char* one :
       {"tcp://localhost:7", "tcp://127.0.0.1:7", "tcp://gpu.example:7", "ipc://x"})
    CHECK_FALSE_MESSAGE(address::parse(one)->is_wildcard(), one);
  CHECK(address::parse("tcp://127.8.9.1:7")->is_local());
  for (const char* name : {"tcp://127.evil.example:7", "tcp://localhost.evil.example:7"})
    CHECK_FALSE_MESSAGE(address::parse(name)->is_local(), name);
}

TEST_CASE("a name is bound by its addresses; one that nobody knows is told with the remedy") {
  const auto here = address::parse("tcp://localhost:7400")->to_bind();
  REQUIRE(here);
  REQUIRE_FALSE(here->empty());
  CHECK(here->front().port == 7400);
  CHECK(here->front().is_local());
  CHECK(here->front().host != "localhost");
  CHECK(address::parse("tcp://10.1.2.3:7")->to_bind()->front().to_string() == "tcp://10.1.2.3:7");
  CHECK(address::parse("tcp://*:7")->to_bind()->front().host == "*");
  const auto nobody = address::parse("tcp://no-such-host.invalid:7400")->to_bind();
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().message.find("--listen") != std::string::npos);
}

TEST_CASE("two hosts meet by name, and behind a port mapping where they were told to dial") {
  pair_of_options o(true);
  o.left.listen = "tcp://localhost:0";
  recorder left_host, right_host;
  const auto left = node::open(o.left, left_host).value();
  left->begin();
  const auto at = address::parse(left->listening());
  REQUIRE(at);
  SUBCASE("by name") { o.right.peers[0].address = "tcp://localhost:" + std::to_string(at->port); }
  SUBCASE("with a data port that nobody serves") {
    o.right.peers[0].address = "tcp://localhost:" + std::to_string(at->port) + ",1";
  }
  const bool wrong = o.right.peers[0].address.ends_with(",1");
  const auto right = node::open(o.right, right_host).value();
  right->begin();
  if (!wrong) {
    CHECK(right_host.wait_state(peer_state::up));
  } else {
    // It dials what it was told, not what the peer says of itself.
    CHECK(right_host.wait([&] { return !right_host.changes.empty(); }));
    CHECK(right_host.last_change().state != peer_state::up);
  }
}
