#include "actors/webhook/webhook.hpp"

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "actors/http/server.test.hpp"
#include "actors/http/signature.hpp"
#include "graph/contract/harness.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::webhook;

namespace {

/// A sender that answers as it is told, and says what it was given.
struct receiver {
  testing::notebook got;
  std::atomic<bool> open{true};
  std::atomic<int> failures{0};  ///< of the next tries
  std::atomic<bool> refuses{false};

  outbox::sender sender() {
    return [this](const delivery& d) {
      got.add(std::to_string(d.number) + " " + d.body);
      while (!open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (refuses) return fate::refused;
      return failures.fetch_sub(1) > 0 ? fate::again : fate::delivered;
    };
  }
};
constexpr int limit_ms = 120'000;

}  // namespace

TEST_CASE("deliveries go in order, each again until it arrives, with the number it had") {
  receiver r;
  r.failures = 2;
  outbox box({.backoff_ms = 1}, r.sender());
  for (const char* body : {"a", "b", "c"}) CHECK(box.put(body));
  box.wait(limit_ms);
  CHECK(r.got.lines() == std::vector<std::string>{"1 a", "1 a", "1 a", "2 b", "3 c"});
  CHECK(box.so_far().delivered == 3);
  CHECK(box.so_far().retried == 2);
}

TEST_CASE("who never answers is given up, who refuses is not asked again") {
  receiver r;
  r.failures = 1'000'000;
  outbox box({.tries = 3, .backoff_ms = 1}, r.sender());
  CHECK(box.put("a"));
  box.wait(limit_ms);
  CHECK(r.got.size() == 3);
  CHECK(box.so_far().gave_up == 1);
  r.refuses = true;
  CHECK(box.put("b"));
  box.wait(limit_ms);
  CHECK(r.got.size() == 4);
  CHECK(box.so_far().refused == 1);
}

TEST_CASE("what a slow receiver has no room for is dropped and counted, by number and by bytes") {
  receiver r;
  r.open = false;
  outbox box({.waiting = 2, .bytes = 10}, r.sender());
  CHECK(box.put("a"));
  CHECK(testing::eventually([&] { return r.got.size() == 1; }, 120));  // it is under way
  CHECK(box.put("b"));
  CHECK(!box.put(std::string(10, 'x')));
  CHECK(box.put("c"));
  CHECK(!box.put("d"));
  CHECK(box.so_far().dropped == 2);
  r.open = true;
  box.wait(limit_ms);
  CHECK(box.so_far().delivered == 3);
  box.end();
  CHECK(!box.put("e"));
}

TEST_CASE("the end drops what waits, and wakes whom a pause holds") {
  receiver r;
  r.failures = 1'000'000;
  outbox box({.backoff_ms = 60'000}, r.sender());
  CHECK(box.put("a"));
  CHECK(box.put("b"));
  REQUIRE(testing::eventually([&] { return r.got.size() == 1; }, 120));
  box.end();
  CHECK(r.got.size() == 1);
  CHECK(box.so_far().gave_up == 1);
  CHECK(box.so_far().dropped == 1);
}

namespace {

/// A sink at a server of loopback.
struct world {
  std::mutex mutex;
  std::vector<http::request> asked;
  std::atomic<int> status{200};
  std::unique_ptr<http::server> server;
  std::map<std::string, std::int64_t> counters;
  context where;
  sink::config c;

  world() {
    auto o = hocket::testing::echo_options();
    o.handle = [this](const http::request& r, const http::responder& reply) {
      {
        std::lock_guard lock(mutex);
        asked.push_back(r);
      }
      reply({status, "text/plain", "ok", {}});
    };
    server = hocket::testing::start(std::move(o));
    where.actor = "tell";
    where.count = [this](std::string_view name, std::int64_t n) {
      counters[std::string(name)] += n;
    };
    c.url = server->url() + "/hook";
    c.inside = {"127.0.0.1:" + std::to_string(server->port())};
    c.backoff_ms = 1;
    c.end_ms = 4000;
    c.time_limit_ms = 60'000;
  }
  std::vector<http::request> requests() {
    std::lock_guard lock(mutex);
    return asked;
  }
  void forget() {
    std::lock_guard lock(mutex);
    asked.clear();
    counters.clear();
  }
  std::string opened() const {
    sink s(c);
    const auto done = s.open(where);
    return done ? "" : done.error().code + ": " + done.error().message;
  }
};

struct nobody final : emitter {
  void emit(std::size_t, packet) override {}
  void interrupt() override {}
  void for_session(session_id) override {}
};

packet said(const char* words) {
  auto p = make_packet(timestamp(1'500'000'000), text{.value = words, .role = "model"});
  p.header.session = static_cast<session_id>(7);
  p.header.seq = 3;
  return p;
}

}  // namespace

TEST_CASE("a packet becomes one signed POST") {
  world w;
  ::setenv("HOCKET_TEST_HOOK", "whsec_c2VjcmV0", 1);
  w.c.secret_env = "HOCKET_TEST_HOOK";
  sink s(w.c);
  nobody out;
  REQUIRE(s.open(w.where));
  REQUIRE(s.process(0, said("hello"), out));
  REQUIRE(testing::eventually(
      [&] {
        (void)s.tick(0, out);
        return w.counters["delivered"] == 1;
      },
      120));
  REQUIRE(s.close(out));
  const auto requests = w.requests();
  REQUIRE(requests.size() == 1);
  const auto& r = requests[0];
  CHECK(r.method == "POST");
  CHECK(r.path == "/hook");
  const auto body = nlohmann::json::parse(r.body);
  CHECK(body["type"] == "text");
  CHECK(body["session"] == 7);
  CHECK(body["seq"] == 3);
  CHECK(body["t_ms"] == 1500.0);
  CHECK(body["data"]["value"] == "hello");
  const auto header = [&](const char* name) {
    return std::string(http::find_header(r.headers, name).value_or(""));
  };
  CHECK(header("webhook-id").starts_with("msg_"));
  CHECK(header("webhook-signature") ==
        "v1," + http::base64_of(http::hmac_sha256(
                    "secret",
                    header("webhook-id") + "." + header("webhook-timestamp") + "." + r.body)));
}

TEST_CASE("statuses decide: later, never, or done") {
  world w;
  w.c.tries = 3;
  for (const auto& [status, counter, asked] :
       {std::tuple(204, "delivered", 1u), std::tuple(503, "gave_up", 3u),
        std::tuple(429, "gave_up", 3u), std::tuple(404, "refused", 1u),
        std::tuple(302, "refused", 1u)}) {
    CAPTURE(status);
    w.status = status;
    w.forget();
    sink s(w.c);
    nobody out;
    REQUIRE(s.open(w.where));
    REQUIRE(s.process(0, said("x"), out));
    REQUIRE(testing::eventually(
        [&] {
          (void)s.tick(0, out);
          return w.counters[counter] == 1;
        },
        120));
    REQUIRE(s.close(out));
    CHECK(w.requests().size() == asked);
  }
}

TEST_CASE("private addresses, plain http and missing secrets are refused") {
  world w;
  CHECK(w.opened() == "");
  w.c.secret_env = "HOCKET_TEST_NOT_SET";
  CHECK(w.opened().find("HOCKET_TEST_NOT_SET") != std::string::npos);
  w.c.secret_env = "";
  w.c.inside.clear();
  CHECK(w.opened().find("must be https://") != std::string::npos);
  w.c.url = "https://127.0.0.1:" + std::to_string(w.server->port()) + "/hook";
  sink s(w.c);
  nobody out;
  REQUIRE(s.open(w.where));
  REQUIRE(s.process(0, said("x"), out));
  REQUIRE(testing::eventually(
      [&] {
        (void)s.tick(0, out);
        return w.counters["refused"] == 1;
      },
      120));
  REQUIRE(s.close(out));
  CHECK(w.requests().empty());
}
