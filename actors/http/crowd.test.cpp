// Many, slow and rude clients: the quick and polite one is served all the same.
#include <atomic>

#include "actors/http/certificate.hpp"
#include "actors/http/fetch.hpp"
#include "actors/http/server.test.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

bool is_served(const server& s) {
  fetch_request ask;
  ask.url = s.url() + "/";
  const auto answer = fetch(ask);
  return answer && answer->status == 200;
}

constexpr const char* half_a_head = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

}  // namespace

TEST_CASE("clients that never finish their request hold up nobody, whatever their number") {
  auto o = echo_options();
  o.limits.connections = 16;
  o.limits.connections_per_address = 16;
  const auto s = start(std::move(o));
  std::vector<raw_client> slow;
  for (int i = 0; i < 200; ++i) {
    slow.emplace_back(s->port());
    if (i % 3 == 0) slow.back().send(half_a_head);
    if (i % 3 == 1)
      slow.back().send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1");
    if (i % 50 == 0) CHECK(is_served(*s));
  }
  CHECK(is_served(*s));
  CHECK(s->counters().open <= 16);
  CHECK(s->counters().displaced >= 180);
}

TEST_CASE("each stage of a request has its time, however the bytes trickle") {
  auto o = echo_options();
  o.limits.header_ms = o.limits.body_ms = o.limits.idle_ms = 2'000;
  const auto s = start(std::move(o));
  const raw_client idle(s->port()), head(s->port()), body(s->port()), kept(s->port());
  body.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n");
  kept.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(kept.read("GET /? ").size() > 0);
  head.send(half_a_head);
  // A byte now and then resets nothing: the time is that of the whole head, of the whole body.
  CHECK(becomes([&] {
    head.send("x");
    body.send("x");
    return idle.is_over() && head.is_over() && body.is_over() && kept.is_over();
  }));
  CHECK(s->counters().timed_out == 4);
  CHECK(is_served(*s));
}

TEST_CASE("a client that does not read its answer gives way") {
  auto o = echo_options();
  o.handle = [](const request&, const responder& reply) {
    reply({200, "text/plain", std::string(32 << 20, 'x'), {}});
  };
  o.limits.connections = 1;
  const auto s = start(std::move(o));
  const raw_client deaf(s->port());
  deaf.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  REQUIRE(becomes([&] { return s->counters().requests == 1; }));
  // 64 KiB a second are conceded to the answer, minutes with this one; yet after its first second it
  // may be displaced.
  CHECK(becomes([&] {
    const raw_client next(s->port());
    next.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return next.read("200 OK").find("200 OK") != std::string::npos;
  }));
}

TEST_CASE("one address does not get all connections while its requests are being answered") {
  auto o = echo_options();
  o.limits.connections_per_address = 4;
  std::mutex mutex;
  std::vector<responder> kept;
  o.handle = [&](const request&, const responder& reply) {
    std::lock_guard lock(mutex);
    kept.push_back(reply);
  };
  const auto s = start(std::move(o));
  std::vector<raw_client> busy;
  for (int i = 0; i < 4; ++i) {
    busy.emplace_back(s->port());
    busy.back().send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  REQUIRE(becomes([&] { return s->counters().requests == 4; }));
  const raw_client fifth(s->port());
  CHECK(fifth.read().rfind("HTTP/1.1 503", 0) == 0);
  CHECK(s->counters().refused == 1);
  {
    std::lock_guard lock(mutex);
    kept.front()({200, "text/plain", "x", {}});
    kept.clear();
  }
  CHECK(busy.front().read("200 OK").find("200 OK") != std::string::npos);
}

TEST_CASE("a flood of connections that come and go leaves nothing behind") {
  const auto s = start(echo_options());
  for (int i = 0; i < 500; ++i) {
    const raw_client c(s->port());
    if (i % 2 == 0) c.send(half_a_head);
  }
  CHECK(is_served(*s));
  CHECK(becomes([&] { return s->counters().open == 0; }));
}

TEST_CASE("plain and TLS come in at one port") {
  const auto own = make_certificate({"localhost", "127.0.0.1"});
  REQUIRE(own);
  const temporary_file ca(own->certificate_chain);
  auto o = echo_options();
  o.tls = *own;
  o.limits.header_ms = 3'000;
  const auto s = start(std::move(o));
  CHECK(is_served(*s));
  fetch_request ask;
  ask.connect_ms = ask.total_ms = 120'000;  // of a busy machine
  ask.ca_file = ca.path;
  for (const char* host : {"https://localhost:", "https://127.0.0.1:"}) {
    ask.url = host + std::to_string(s->port()) + "/tls";
    const auto answer = fetch(ask);
    REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().message));
    CHECK(answer->body == "GET /tls? ");
  }
  ask.ca_file.clear();  // whoever was not given the certificate does not believe it
  CHECK(fetch(ask).error().code == "http.bad_tls");
  // TLS that never gets further than its first byte has as long as a head, and holds up nobody.
  const raw_client stalled(s->port());
  stalled.send("\x16");
  CHECK(is_served(*s));
  CHECK(becomes([&] { return stalled.is_over(); }));
  const raw_client garbage(s->port());
  garbage.send(std::string("\x16\x03\x01\xff\xff", 5) + std::string(2000, 'x'));
  CHECK(becomes([&] { return s->counters().open == 0; }));
}

TEST_CASE("a server starts with a certificate that fits its key, at a port that is free") {
  const auto one = make_certificate({"localhost"}), other = make_certificate({"localhost"});
  auto o = echo_options();
  o.tls = tls_identity{one->certificate_chain, other->private_key};
  CHECK(server::start(o).error().code == "http.bad_certificate");
  o.tls = tls_identity{"nonsense", "nonsense"};
  CHECK(server::start(o).error().code == "http.bad_certificate");
  CHECK(!make_certificate({}));
  CHECK(!make_certificate({"a,DNS:evil.example"}));
  const auto s = start(echo_options());
  auto second = echo_options();
  second.address = s->url();
  CHECK(server::start(second).error().code == "http.cannot_listen");
}

TEST_CASE(
    "who may not ask is refused before what it sends is kept, and all bodies have one bound") {
  auto o = echo_options();
  o.limits.body_bytes = 1 << 20;
  o.limits.all_bodies_bytes = 3 << 20;
  o.admit = [](const request& r) -> std::optional<response> {
    if (r.header("X-Key") == "mine") return {};
    return response{401, "text/plain", "a key\n", {}};
  };
  const auto s = start(std::move(o));
  const auto head = [](const std::string& more) {
    return "POST / HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
  };
  for (const char* length : {"Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const raw_client stranger(s->port());
    stranger.send(head(length));  // not a byte of the body
    CHECK(stranger.read().find(" 401 ") != std::string::npos);
  }
  CHECK(s->counters().requests == 0);
  std::vector<raw_client> slow;
  for (int i = 0; i < 3; ++i) {
    slow.emplace_back(s->port());
    slow.back().send(head("X-Key: mine\r\n" + std::string(i == 0 ? "Transfer-Encoding: chunked\r\n"
                                                                 : "Content-Length: 1048576\r\n")));
  }
  REQUIRE(becomes([&] { return s->counters().accepted == 5; }));
  CHECK(becomes([&] {
    const raw_client more(s->port());
    more.send(head("X-Key: mine\r\nContent-Length: 9\r\n"));
    return more.read().find(" 503 ") != std::string::npos;
  }));
  // Without a body there is always room; and who leaves gives back what it took.
  const raw_client none(s->port());
  none.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Key: mine\r\nConnection: close\r\n\r\n");
  CHECK(none.read().find(" 200 ") != std::string::npos);
  slow.clear();
  CHECK(becomes([&] {
    const raw_client more(s->port());
    more.send(head("X-Key: mine\r\nContent-Length: 2\r\nConnection: close\r\n") + "ab");
    return more.read().find(" 200 ") != std::string::npos;
  }));
}
