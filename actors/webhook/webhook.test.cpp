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
      if (refuses) return answer{fate::refused, 400};
      return failures.fetch_sub(1) > 0 ? answer{fate::again, 503} : answer{fate::delivered, 200};
    };
  }
};
constexpr int limit_ms = 120'000;

}  // namespace

TEST_CASE("deliveries go in order, each again until it arrives, with the number it had") {
  receiver r;
  r.failures = 2;
  outbox box({.backoff_ms = 1}, r.sender());
  for (const char* body : {"a", "b", "c"}) CHECK(box.put({.body = body}));
  box.wait(limit_ms);
  CHECK(r.got.lines() == std::vector<std::string>{"1 a", "1 a", "1 a", "2 b", "3 c"});
  CHECK(box.so_far().delivered == 3);
  CHECK(box.so_far().retried == 2);
}

TEST_CASE("who never answers is given up, who refuses is not asked again") {
  receiver r;
  r.failures = 1'000'000;
  outbox box({.tries = 3, .backoff_ms = 1}, r.sender());
  CHECK(box.put({.body = "a"}));
  box.wait(limit_ms);
  CHECK(r.got.size() == 3);
  CHECK(box.so_far().gave_up == 1);
  r.refuses = true;
  CHECK(box.put({.body = "b"}));
  box.wait(limit_ms);
  CHECK(r.got.size() == 4);
  CHECK(box.so_far().refused == 1);
}

TEST_CASE("what a slow receiver has no room for is dropped and counted, by number and by bytes") {
  receiver r;
  r.open = false;
  outbox box({.waiting = 2, .bytes = 10}, r.sender());
  CHECK(box.put({.body = "a"}));
  CHECK(testing::eventually([&] { return r.got.size() == 1; }, 120));  // it is under way
  CHECK(box.put({.body = "b"}));
  CHECK(!box.put({.body = std::string(10, 'x')}));
  CHECK(box.put({.body = "c"}));
  CHECK(!box.put({.body = "d"}));
  CHECK(box.so_far().dropped == 2);
  r.open = true;
  box.wait(limit_ms);
  CHECK(box.so_far().delivered == 3);
  box.end();
  CHECK(!box.put({.body = "e"}));
}

TEST_CASE("the end drops what waits, and wakes whom a pause holds") {
  receiver r;
  r.failures = 1'000'000;
  outbox box({.backoff_ms = 60'000}, r.sender());
  CHECK(box.put({.body = "a"}));
  CHECK(box.put({.body = "b"}));
  REQUIRE(testing::eventually([&] { return r.got.size() == 1; }, 120));
  box.end();
  CHECK(r.got.size() == 1);
  CHECK(box.so_far().gave_up == 1);
  CHECK(box.so_far().dropped == 1);
}

TEST_CASE("what is urgent goes first, also while another delivery waits for its next try") {
  receiver r;
  r.failures = 1;
  // The pause is longer than this test may take: only what is urgent ends it.
  outbox box({.backoff_ms = 3'600'000}, r.sender());
  const auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> run = held;
  const auto put = [&](const char* body, bool urgent, std::shared_ptr<const void> hold) {
    return box.put({.body = body, .is_urgent = urgent, .hold = std::move(hold)});
  };
  CHECK(put("a", false, std::make_shared<int>(1)));
  CHECK(put("b", false, std::make_shared<int>(1)));
  REQUIRE(testing::eventually([&] { return r.got.size() == 1; }, 120));
  CHECK(put("c", true, nullptr));
  box.wait(limit_ms);
  const auto lines = r.got.lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "1 a");
  CHECK(std::vector<std::string>(lines.begin() + 1, lines.end()) ==
        std::vector<std::string>{"3 c", "1 a", "2 b"});
  CHECK(box.so_far().delivered == 3);
  CHECK(box.so_far().retried == 1);
}

TEST_CASE("after a try that failed nothing that waits or comes holds anybody up") {
  receiver r;
  r.failures = 1'000'000;
  outbox box({.backoff_ms = 3'600'000}, r.sender());
  std::vector<std::weak_ptr<const void>> held;
  const auto put = [&] {
    std::shared_ptr<const void> hold = std::make_shared<int>(1);
    held.push_back(hold);
    CHECK(box.put({.body = "a", .hold = std::move(hold)}));
  };
  put(), put();
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(testing::eventually([&] { return held[i].expired(); }, 120));
  put();
  CHECK(testing::eventually([&] { return held[2].expired(); }, 120));
}

TEST_CASE(
    "where too many wait, what is urgent takes the place of the oldest other, which is told") {
  receiver r;
  r.open = false;
  outbox box({.waiting = 2}, r.sender());
  CHECK(box.put({.body = "a"}));
  REQUIRE(testing::eventually([&] { return r.got.size() == 1; }, 120));  // it is under way
  CHECK(box.put({.body = "b", .name = "bee"}));
  CHECK(box.put({.body = "c"}));
  CHECK(box.put({.body = "d", .is_urgent = true}));
  CHECK(box.put({.body = "e", .is_urgent = true}));
  CHECK(!box.put({.body = "f", .is_urgent = true}));
  CHECK(box.so_far().dropped == 3);
  CHECK(box.take_lost().front().name == "bee");
  CHECK(box.take_lost().empty());
  r.open = true;
  box.wait(limit_ms);
  CHECK(r.got.lines() == std::vector<std::string>{"1 a", "4 d", "5 e"});
}

TEST_CASE("every delivery is counted once, whatever becomes of it and whenever it ends") {
  for (const int fails : {0, 3, 1'000'000}) {
    CAPTURE(fails);
    receiver r;
    r.failures = fails;
    outbox box({.waiting = 8, .tries = 2, .backoff_ms = 1}, r.sender());
    for (int i = 0; i < 50; ++i) (void)box.put({.body = "x", .is_urgent = i % 7 == 0});
    box.end();
    const auto f = box.so_far();
    CHECK(f.delivered + f.refused + f.gave_up + f.dropped == 50);
  }
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

TEST_CASE("a sink that is taken down without its end counts what it had") {
  world w;
  w.status = 503;
  w.c.backoff_ms = 60'000;
  w.c.end_ms = 0;
  {
    sink s(w.c);
    nobody out;
    REQUIRE(s.open(w.where));
    for (int i = 0; i < 5; ++i) REQUIRE(s.process(0, said("x"), out));
  }
  CHECK(w.counters["dropped"] + w.counters["gave_up"] == 5);
  w.forget();
  w.status = 204;
  w.c.end_ms = 4000;
  {
    sink s(w.c);
    nobody out;
    REQUIRE(s.open(w.where));
    REQUIRE(s.process(0, said("x"), out));
  }
  CHECK(w.counters["delivered"] + w.counters["dropped"] + w.counters["gave_up"] == 1);
}

TEST_CASE("an operator's own server may be on this machine, or anywhere over https") {
  for (const char* good : {"https://example.org/x", "http://127.0.0.1:8080/x", "http://localhost/x",
                           "http://[::1]:80/", "http://localhost?x"})
    CHECK_MESSAGE(check_address({.url = good, .where = reach::own}), good);
  for (const char* bad :
       {"", "https://", "http://example.org", "http://127.0.0.1.example.org/",
        "http://127.example.org", "http://localhost@example.org/", "ftp://127.0.0.1/",
        "file:///etc/passwd", "http://10.0.0.1/", "127.0.0.1:80"})
    CHECK_MESSAGE(!check_address({.url = bad, .where = reach::own}), bad);
}
