#include "actors/gateway/tinker/futures.hpp"

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "actors/http/fetch.hpp"

using namespace hocket;
using namespace hocket::tinker;

// What waits for an answer needs a connection: tests/integration/tinker has it.
TEST_CASE("an owner has its own number of futures") {
  future_table t;
  t.allow("few", 2);
  const auto first = t.add("few");
  CHECK(!first.empty());
  CHECK(!t.add("few").empty());
  CHECK(t.add("few").empty());
  CHECK(t.outstanding("few") == 2);
  CHECK(!t.add("other").empty());
  t.finish(first, done({{"x", 1}}));
  t.finish(first, done({{"x", 2}}));  // a second end is none
  CHECK(t.outstanding("few") == 1);
  CHECK(!t.add("few").empty());
  CHECK(t.add("few").empty());
}

TEST_CASE("a poll that waited long enough is told what its request waits for now") {
  future_table t(future_table::limits{.hold = std::chrono::milliseconds(0)});
  http::server_options o;
  o.address = "tcp://127.0.0.1:0";
  o.handle = [&](const http::request& r, const http::responder& reply) {
    t.poll(r.path.substr(1), "ann", false, false, reply);
  };
  auto server = http::server::start(std::move(o));
  REQUIRE(server);
  // What comes back for a poll, however often the table is swept before it is there.
  const auto told = [&](const std::string& id) {
    std::atomic<bool> is_over{false};
    std::thread sweeps([&] {
      while (!is_over) {
        t.sweep(future_table::clock::now());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    http::fetch_request ask;
    ask.url = (*server)->url() + "/" + id, ask.total_ms = 120'000;
    const auto answer = http::fetch(ask);
    is_over = true;
    sweeps.join();
    REQUIRE(answer);
    return nlohmann::json::parse(answer->body);
  };
  const auto plain = t.add("ann"), run = t.add("ann", "", "run");
  CHECK(told(plain) ==
        nlohmann::json{{"type", "try_again"}, {"request_id", plain}, {"queue_state", "active"}});
  t.note(plain, {true, "no room"});
  CHECK(told(plain)["queue_state"] == "paused_capacity");
  CHECK(told(plain)["queue_state_reason"] == "no room");
  t.note(plain, {});
  CHECK(told(plain)["queue_state"] == "active");
  // Who knows more of a run is asked, about no other request, and may ask the table itself.
  t.explain_by([&](const std::string& about, const std::string& request) -> queue_note {
    return {true,
            about + " of " + std::to_string(t.outstanding("ann")) + (request == run ? "" : "?")};
  });
  CHECK(told(run)["queue_state_reason"] == "run of 2");
  CHECK(!told(plain).contains("queue_state_reason"));
  t.explain_by(nullptr);
  t.finish(run, done({{"x", 1}}));
  CHECK(told(run) == nlohmann::json{{"x", 1}});
}
