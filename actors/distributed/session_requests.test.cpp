// Conversations that a component opens where several hosts run one plan.
#include "actors/distributed/hosts.test.hpp"
#include "actors/host/run/gateway.test.hpp"

using namespace hocket;
using namespace hocket::distributed;
using namespace hocket::testing;

TEST_CASE("over two hosts a component opens conversations, on the leader or not, that both have") {
  for (const std::string gate : {"a", "b"})
    for (const bool virtual_time : {true, true, false}) {
      CAPTURE(gate);
      CAPTURE(virtual_time);
      gateway t;
      host_group hosts(t.g, {{"mic", "a"}, {"gate", gate}, {"speaker", gate == "a" ? "b" : "a"}},
                       virtual_time, {.seed = 3, .delay_us = 500});
      hosts.wait();
      t.check_two(2);
      t.check_interrupted(2);
      CHECK(t.told->lines().back() == "end");
    }
}

TEST_CASE("over two hosts a conversation that one of them cannot open is refused on both") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    gateway t(3);
    t.broken_from = 4;
    host_group hosts(t.g, {{"mic", "a"}, {"gate", "b"}, {"speaker", "a"}}, virtual_time);
    for (const auto& [name, done] : hosts.wait()) {
      CHECK(done.why == end_reason::finished);
      CHECK(done.last.sessions == 1);
    }
    t.check_two(2);
    CHECK(t.told->count("sessions.refused") == 1);
    CHECK(t.told->count("open 4") == 0);
  }
}

TEST_CASE("over two hosts the leader's limit holds for a component elsewhere") {
  gateway t(3);
  start_options o;
  o.max_sessions = 3;
  host_group hosts(t.g, {{"mic", "a"}, {"gate", "b"}, {"speaker", "a"}}, false, {}, o);
  hosts.wait();
  t.check_two(2);
  CHECK(t.told->count("sessions.refused") == 1);
}

TEST_CASE("over two hosts a stop on either ends them, and the component is told once") {
  for (const std::string stops : {"a", "b"}) {
    CAPTURE(stops);
    gateway t;
    t.closes = false;
    host_group hosts(t.g, {{"mic", "a"}, {"gate", "b"}, {"speaker", "a"}}, false);
    REQUIRE(eventually([&] { return t.spoken->count("2: interrupted") == 1; }));
    hosts.hosts[stops]->stop();
    for (const auto& [name, done] : hosts.wait()) CHECK(done.why == end_reason::stopped);
    t.check_two(2);
  }
}
