#include "actors/trainer/service/service_call.hpp"

#include <doctest/doctest.h>

#include "graph/trust/secret.hpp"

using namespace hocket;
using namespace hocket::trainer;

namespace {

constexpr std::int64_t patience_ms = 200'000;

result<http::fetch_answer> says(int status, std::string body = "{}", http::header_list more = {}) {
  http::fetch_answer a;
  a.status = status, a.body = std::move(body), a.headers = std::move(more);
  if (!http::find_header(a.headers, "Content-Type"))
    a.headers.emplace_back("Content-Type", "application/json");
  return a;
}
result<http::fetch_answer> lost(const char* code) { return fail(code, "https://host: it broke"); }
const auto name = R"({"request_id": "r1"})";

/// A call and its time.
struct rig {
  std::int64_t now = 0, paused = 0;
  service_call c;
  explicit rig(service_ask what = {.path = "/api/v1/optim_step", .body = "{}", .id = "once"})
      : c(std::move(what), 0, patience_ms) {}
  http::fetch_request sent;
  rig& take(const result<http::fetch_answer>& came, std::int64_t took_ms = 1) {
    REQUIRE(!c.is_over());
    auto t = c.next(now);
    paused = t.pause_ms, sent = std::move(t.request);
    now += t.pause_ms + (took_ms < 0 ? sent.total_ms : took_ms);  // < 0: all that it had
    c.take(came, now);
    return *this;
  }
  std::string code() const {
    return !c.is_over() ? "" : c.outcome() ? "fine" : c.outcome().error().code;
  }
  std::string words() const { return c.outcome() ? "" : c.outcome().error().message; }
};

}  // namespace

TEST_CASE("service_call: an operation is sent, and its result polled for") {
  rig r;
  r.take(says(202, name));
  CHECK(r.c.is_submitted());
  CHECK(r.sent.url == "/api/v1/optim_step");
  CHECK(http::find_header(r.sent.headers, "X-Idempotency-Key") == "once");
  r.take(says(200, R"({"type": "try_again", "queue_state": "paused_capacity"})"), 20'000);
  CHECK(r.sent.url == "/api/v1/retrieve_future");
  CHECK(r.sent.body.find("\"r1\"") != std::string::npos);
  r.take(says(408, R"({"type": "try_again"})"));
  CHECK(r.paused == 0);  // the server had held the poll
  r.take(says(200, R"({"metrics": {}})"));
  CHECK(r.paused > 100);  // it had not
  CHECK(r.code() == "fine");
  CHECK(r.c.outcome()->body == R"({"metrics": {}})");
}

TEST_CASE("service_call: what may be gone by and by is tried again, with the same bytes") {
  rig r;
  for (const auto& came : {lost("http.no_connection"), lost("http.broken"), lost("http.timeout"),
                           says(429), says(503), says(500), says(408), says(409), says(400, "")}) {
    const auto before = r.now;
    r.take(came);
    CHECK(r.code().empty());
    CHECK(r.sent.body == "{}");
    CHECK(http::find_header(r.sent.headers, "X-Idempotency-Key") == "once");
    r.now = before;  // how long it takes is not what is looked at here
  }
  r.take(says(200, name));
  CHECK(r.c.is_submitted());
  for (const auto& came : {lost("http.broken"), lost("http.timeout"), says(503), says(502)})
    r.take(came);
  r.take(says(200, "{}"));
  CHECK(r.code() == "fine");
}

TEST_CASE("service_call: pauses double, and are what Retry-After says where that is longer") {
  rig r;
  r.take(says(503)), r.take(says(503));
  CHECK(r.paused == 500);
  r.take(says(503, "{}", {{"Retry-After", "7"}}));
  CHECK(r.paused == 1000);
  r.take(says(503));
  CHECK(r.paused == 7000);
  rig long_wait;
  long_wait.take(says(429, "{}", {{"Retry-After", "3600"}}));
  CHECK(long_wait.code() == "train.service_late");
}

TEST_CASE("service_call: what is answered the same each time is not asked again") {
  const auto code = [](const result<http::fetch_answer>& came, bool submitted) {
    rig r;
    if (submitted) r.take(says(200, name));
    return r.take(came).code();
  };
  for (const bool submitted : {false, true}) {
    for (const int status : {400, 401, 402, 403, 413, 422, 301})
      CHECK_MESSAGE(code(says(status, R"({"detail": "no"})"), submitted) == "train.service_refused",
                    status);
    CHECK(code(says(404), submitted) == "train.service_lost");
    CHECK(code(says(410), submitted) == "train.service_lost");
    CHECK(code(says(503, "{}", {{"x-should-retry", "false"}}), submitted) ==
          "train.service_refused");
    CHECK(code(lost("http.bad_tls"), submitted) == "train.service_unreachable");
    CHECK(code(lost("http.not_allowed"), submitted) == "train.service_unreachable");
    CHECK(code(lost("http.too_large"), submitted) == "train.service_odd");
    CHECK(code(lost("http.cancelled"), submitted) == "train.stopped");
  }
  CHECK(code(says(200, R"({"error": "bad data", "category": "user"})"), true) ==
        "train.service_refused");
  CHECK(code(says(200, R"({"error": "disk", "category": "server"})"), true) ==
        "train.service_failed");
  CHECK(code(says(200, R"({"error": "hm"})"), true) == "train.service_failed");
}

TEST_CASE("service_call: answers of no protocol end it") {
  for (const char* odd : {"", "[]", "{", R"({"request_id": 7})", R"({"request_id": ""})"}) {
    rig r;
    CHECK_MESSAGE(r.take(says(200, odd)).code() == "train.service_odd", odd);
  }
  rig longest;
  longest.take(says(200, R"({"request_id": ")" + std::string(10'000, 'a') + "\"}"));
  CHECK(longest.code() == "train.service_odd");
  rig json({.path = "/api/v1/forward_backward", .wants_proto = true, .id = ""});
  json.take(says(200, name)).take(says(200, R"({"metrics": {"loss:sum": 1}})"));
  CHECK(json.code() == "train.service_odd");
  rig proto;
  proto.take(says(200, name)).take(says(200, "x", {{"Content-Type", "application/x-protobuf"}}));
  CHECK(proto.code() == "train.service_odd");
  rig status;
  status.take(says(200, name)).take(says(204, ""));
  CHECK(status.code() == "train.service_odd");
}

TEST_CASE("service_call: an error without the name of a future is the service's no") {
  for (const char* no : {R"({"error": "too many sessions"})", R"({"error": {"code": 7}})"}) {
    rig r;
    CHECK(r.take(says(200, no)).code() == "train.service_refused");
  }
}

TEST_CASE("service_call: a future that never comes ends in its time, with the last reason") {
  rig r;
  r.take(says(200, name));
  int polls = 0;
  for (; r.code().empty(); ++polls)
    r.take(says(200, R"({"type": "try_again", "queue_state": "paused_capacity",
                         "queue_state_reason": "others\u001b[2J train"})"));
  CHECK(r.code() == "train.service_late");
  CHECK(r.words().find("paused_capacity") != std::string::npos);
  CHECK(r.words().find('\x1b') == std::string::npos);
  CHECK(polls <= patience_ms / 200 + 1);
  rig silent;
  silent.take(says(200, name));
  while (silent.code().empty()) silent.take(lost("http.timeout"), -1);
  CHECK(silent.code() == "train.service_late");
  CHECK(silent.now <= patience_ms + 1000);
}

TEST_CASE("service_call: words of the service are short, clean and hold no key") {
  trust::note_secret("HOCKET_TEST_SERVICE_KEY", "tml-s3cret-key");
  CHECK(service_words(R"({"detail": "bad key tml-s3cret-key"})").find("s3cret") ==
        std::string::npos);
  CHECK(service_words(R"({"message": "a\u0007b"})") == "ab");
  CHECK(service_words(std::string(10'000, 'x')).size() < 300);
  // Where the text is cut, half a key is a key, too.
  for (const std::size_t before : {180, 190, 195, 199, 795})
    CHECK(service_words(std::string(before, 'x') + " tml-s3cret-key").find("tml") ==
          std::string::npos);
  rig r;
  r.take(fail("http.bad_tls", "https://host/\x1b[2J" + std::string(10'000, 'x')));
  CHECK(r.words().size() < 400);
  CHECK(r.words().find('\x1b') == std::string::npos);
  trust::forget_secrets();
}
