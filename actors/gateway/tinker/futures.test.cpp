#include "actors/gateway/tinker/futures.hpp"

#include <atomic>
#include <functional>
#include <string>
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

namespace {

/// What a request gets that `ask` answers at once.
std::string told_at_once(std::function<void(const http::responder&)> ask) {
  http::server_options o;
  o.handle = [&](const http::request&, const http::responder& reply) { ask(reply); };
  return http::answers_to(o, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}
std::string polled(future_table& t, const std::string& id, const std::string& owner) {
  return told_at_once([&](const auto& reply) { t.poll(id, owner, false, false, reply); });
}

}  // namespace

TEST_CASE("a result is the same as often as it is asked, then its owner is told that it is gone") {
  future_table t;
  const auto id = t.add("ann");
  t.finish(id, done({{"x", 1}}));
  const auto begin = future_table::clock::now();
  t.sweep(begin + std::chrono::minutes(19));  // nobody has read it
  for (int i = 0; i < 2; ++i) CHECK(polled(t, id, "ann").ends_with(R"({"x":1})"));
  CHECK(polled(t, id, "bob").find(" 404 ") != std::string::npos);
  t.sweep(begin + std::chrono::minutes(9));  // a network was away for a while
  CHECK(polled(t, id, "ann").ends_with(R"({"x":1})"));
  t.sweep(future_table::clock::now() + std::chrono::seconds(601));
  const auto gone = polled(t, id, "ann");
  CHECK(gone.find(" 200 ") != std::string::npos);
  CHECK(gone.find(R"("category":"user")") != std::string::npos);
  CHECK(gone.find("was delivered") != std::string::npos);
  const auto others = polled(t, id, "bob"), never = polled(t, "req-none", "bob");
  CHECK(others == never);
}

TEST_CASE("a client that says what it has received is not kept a copy") {
  future_table t;
  const auto read = t.add("ann", "topic"), other = t.add("ann", "topic");
  t.finish(read, done({{"x", 1}})), t.finish(other, done({{"x", 2}}));
  polled(t, read, "ann");
  const auto says = [&](const char* who) {
    told_at_once([&](const auto& reply) {
      t.poll_topic("topic", who, 0, false, {read, other}, reply);
    });
    t.sweep(future_table::clock::now());
  };
  says("bob");  // they are none of his
  CHECK(polled(t, read, "ann").ends_with(R"({"x":1})"));
  says("ann");
  CHECK(polled(t, read, "ann").find("was delivered") != std::string::npos);
  CHECK(polled(t, other, "ann").ends_with(R"({"x":2})"));  // nobody has read it yet
}

TEST_CASE("who does not read what it asked for is given nothing more to do until it does") {
  future_table t(future_table::limits{.results = {.unread_bytes = 10}});
  const auto id = t.add("ann");
  t.finish(id, done({{"long", "0123456789"}}));
  CHECK(t.add("ann").empty());
  CHECK(!t.add("bob").empty());
  polled(t, id, "ann");
  CHECK(!t.add("ann").empty());
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
