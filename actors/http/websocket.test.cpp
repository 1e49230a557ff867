#include <condition_variable>
#include <mutex>

#include "actors/http/certificate.hpp"
#include "actors/http/server.test.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

/// What a client's end of a connection saw.
struct seen {
  std::mutex mutex;
  std::shared_ptr<websocket> socket;
  std::string failed;
  std::vector<std::string> messages;
  int code = 0;  ///< 0: open

  websocket_client::opened opened() {
    return [this](result<std::shared_ptr<websocket>> s) {
      std::lock_guard lock(mutex);
      if (!s) {
        failed = s.error().code + ": " + s.error().message;
        return websocket_events{};
      }
      socket = *s;
      websocket_events e;
      e.message = [this](std::string_view m, bool) {
        std::lock_guard inner(mutex);
        messages.emplace_back(m);
      };
      e.closed = [this](int c, const std::string&) {
        std::lock_guard inner(mutex);
        code = c;
      };
      return e;
    };
  }
  template <class What>
  bool becomes_true(What what) {
    return becomes([&] {
      std::lock_guard lock(mutex);
      return what(*this);
    });
  }
  bool stands() {
    return becomes_true([](seen& s) { return s.socket != nullptr; });
  }
  bool closes_with(int wanted) {
    return becomes_true([&](seen& s) { return s.code == wanted; });
  }
};

websocket_target at(const server& s, const std::string& path) {
  websocket_target to;
  to.url = "ws" + s.url().substr(4) + path;
  return to;
}

constexpr const char* upgrade_request =
    "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

}  // namespace

TEST_CASE("a message comes back, text and binary, small and large") {
  const auto s = start(echo_options());
  seen c;
  websocket_client client;
  client.connect(at(*s, "/echo"), c.opened());
  REQUIRE(c.stands());
  CHECK(c.socket->send("hello"));
  CHECK(c.socket->send(std::string("\x00\xff", 2), false));
  CHECK(c.socket->send(std::string(300'000, 'x')));
  CHECK(c.becomes_true([](seen& e) { return e.messages.size() == 3; }));
  CHECK(c.messages[0] == "hello");
  CHECK(c.messages[1] == std::string("\x00\xff", 2));
  CHECK(c.messages[2].size() == 300'000);
  c.socket->close(1000, "bye");
  CHECK(c.closes_with(1000));
  CHECK(!c.socket->send("late"));
  CHECK(becomes([&] { return s->counters().open == 0; }));
}

TEST_CASE("a WebSocket over TLS believes only the certificate that it was given") {
  const auto own = make_certificate({"127.0.0.1"});
  auto o = echo_options();
  o.tls = *own;
  const auto s = start(std::move(o));
  const temporary_file ca(own->certificate_chain);
  seen good, strange, wrong_name;
  websocket_client client;
  auto to = at(*s, "/echo");
  to.url = "wss://127.0.0.1:" + std::to_string(s->port()) + "/echo";
  client.connect(to, strange.opened());
  to.ca_file = ca.path;
  client.connect(to, good.opened());
  to.url = "wss://localhost:" + std::to_string(s->port()) + "/echo";
  client.connect(to, wrong_name.opened());
  REQUIRE(good.stands());
  good.socket->send("hi");
  CHECK(good.becomes_true([](seen& e) { return e.messages.size() == 1; }));
  CHECK(strange.becomes_true([](seen& e) { return e.failed.find("TLS") != e.failed.npos; }));
  CHECK(wrong_name.becomes_true([](seen& e) { return e.failed.find("TLS") != e.failed.npos; }));
}

TEST_CASE("an upgrade is refused with a reason, and strangers' pages may not have one") {
  const auto s = start(echo_options());
  seen c, bad_url;
  websocket_client client;
  client.connect(at(*s, "/nothing"), c.opened());
  CHECK(c.becomes_true([](seen& e) { return e.failed.find("refused with 404") != e.failed.npos; }));
  websocket_target wrong;
  wrong.url = "http://localhost/";
  client.connect(wrong, bad_url.opened());
  CHECK(bad_url.becomes_true([](seen& e) { return e.failed.find("http.bad_url") == 0; }));
  const auto with = [](const std::string& more) {
    return answers_to(echo_options(), upgrade_request + more + "\r\n").substr(9, 3);
  };
  CHECK(with("") == "101");
  CHECK(with("Origin: http://localhost:3000\r\n") == "101");
  CHECK(with("Origin: https://evil.example\r\n") == "403");
  CHECK(with("Origin: null\r\n") == "403");
}

TEST_CASE("the sub-protocol that was chosen is answered") {
  auto o = echo_options();
  o.upgrade = [](const request&) -> std::variant<response, websocket_accept> {
    return websocket_accept{"realtime",
                            [](std::shared_ptr<websocket>) { return websocket_events{}; }};
  };
  const auto out =
      answers_to(o, upgrade_request + std::string("Sec-WebSocket-Protocol: realtime, x\r\n\r\n"));
  CHECK(out.find("Sec-WebSocket-Protocol: realtime\r\n") != out.npos);
}

TEST_CASE("too large a message ends the connection, and so does what is no frame") {
  auto o = echo_options();
  o.limits.socket.message_bytes = 1000;
  const auto s = start(std::move(o));
  seen c;
  websocket_client client;
  client.connect(at(*s, "/echo"), c.opened());
  REQUIRE(c.stands());
  c.socket->send(std::string(1001, 'x'));
  CHECK(c.closes_with(1009));
  // Unmasked, reserved bits, a control frame of 126 bytes, broken UTF-8: the protocol's own errors.
  for (const auto& frame :
       {std::string("\x81\x02hi"), std::string("\xf1\x80\0\0\0\0", 6),
        std::string("\x89\xfe\x00\x7e\0\0\0\0", 8), std::string("\x81\x82\0\0\0\0\xff\xff", 8)}) {
    const raw_client raw(s->port());
    raw.send(upgrade_request + std::string("\r\n"));
    CHECK(raw.read("\r\n\r\n").rfind("HTTP/1.1 101", 0) == 0);
    raw.send(frame);
    const auto goodbye = raw.read();
    CHECK(goodbye.size() >= 4);
    CHECK(goodbye.size() < 130);
    CHECK(goodbye[0] == '\x88');
  }
  CHECK(becomes([&] { return s->counters().open == 0; }));
}

TEST_CASE("a client that does not read fills its own queue, and then is gone") {
  auto o = echo_options();
  o.limits.socket.queue_bytes = 1 << 20;
  o.limits.socket.write_ms = 1'000;
  std::mutex mutex;
  std::shared_ptr<websocket> kept;
  std::atomic<int> code{0};
  o.upgrade = [&](const request&) -> std::variant<response, websocket_accept> {
    return websocket_accept{"", [&](std::shared_ptr<websocket> w) {
                              std::lock_guard lock(mutex);
                              kept = w;
                              websocket_events e;
                              e.closed = [&](int c, const std::string&) { code = c; };
                              return e;
                            }};
  };
  const auto s = start(std::move(o));
  const raw_client deaf(s->port());
  deaf.send(upgrade_request + std::string("\r\n"));
  REQUIRE(becomes([&] {
    std::lock_guard lock(mutex);
    return kept != nullptr;
  }));
  const std::string piece(200'000, 'x');
  // The queue is full whenever the server is slower than we are; only the kernel's, full too, makes it
  // wait for the client.
  bool full = false, bounded = true;
  CHECK(becomes([&] {
    if (!kept->send(piece) && kept->queued_bytes() > 0) full = true;  // whoever sends knows at once
    bounded = bounded && kept->queued_bytes() <= 1 << 20;
    return code.load() == 1006;
  }));
  CHECK(full);
  CHECK(bounded);
  CHECK(!kept->send("x"));
  CHECK(becomes([&] { return s->counters().open == 0; }));
}

TEST_CASE("a client that fell silent is found out, one that answers pings stays") {
  auto o = echo_options();
  o.limits.socket.silence_ms = 4'000;
  const auto s = start(std::move(o));
  const raw_client dead(s->port());
  dead.send(upgrade_request + std::string("\r\n"));
  seen c;
  websocket_client client;
  client.connect(at(*s, "/echo"), c.opened());
  REQUIRE(c.stands());
  CHECK(becomes([&] { return s->counters().open == 1; }));
  c.socket->send("still here");
  CHECK(c.becomes_true([](seen& e) { return e.messages.size() == 1; }));
}

TEST_CASE("a stopping server tells its WebSockets, and a handle outlives everything") {
  auto s = start(echo_options());
  seen c;
  std::shared_ptr<websocket> outlives;
  {
    websocket_client client;
    client.connect(at(*s, "/echo"), c.opened());
    REQUIRE(c.stands());
    outlives = c.socket;
    s->stop(5'000);
    CHECK(c.closes_with(1001));
    s.reset();
  }
  CHECK(!outlives->send("x"));
  outlives->close(1000, "");
  seen cut;
  auto other = start(echo_options());
  {
    websocket_client client;
    client.connect(at(*other, "/echo"), cut.opened());
    REQUIRE(cut.stands());
  }
  CHECK(cut.code == 1006);  // the destructor waited for it
}

TEST_CASE("a reader that pauses holds up the sender, and gets everything in the end") {
  auto o = echo_options();
  std::mutex mutex;
  std::shared_ptr<websocket> kept;
  std::atomic<std::size_t> got{0};
  o.upgrade = [&](const request&) -> std::variant<response, websocket_accept> {
    return websocket_accept{"", [&](std::shared_ptr<websocket> w) {
                              std::lock_guard lock(mutex);
                              w->pause_reading(true);
                              kept = w;
                              websocket_events e;
                              e.message = [&](std::string_view m, bool) { got += m.size(); };
                              return e;
                            }};
  };
  const auto s = start(std::move(o));
  seen c;
  websocket_client client;
  auto to = at(*s, "/");
  to.limits.queue_bytes = 1 << 20;
  client.connect(to, c.opened());
  REQUIRE(c.stands());
  REQUIRE(becomes([&] {  // the server's end begins when it has answered
    std::lock_guard lock(mutex);
    return kept != nullptr;
  }));
  const std::string piece(100'000, 'x');
  std::size_t sent = 0;
  for (int i = 0; i < 500 && c.socket->send(piece); ++i) {
    sent += piece.size();
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  CHECK(got <= piece.size());  // the one that was under way
  kept->pause_reading(false);
  CHECK(becomes([&] { return got == sent; }));
}

TEST_CASE("a connection that is not read any more ends when it is cut") {
  const auto s = start(echo_options());
  websocket_client by;
  std::atomic<int> code = 0;
  std::atomic<bool> echoed = false;
  std::shared_ptr<websocket> socket;
  std::mutex mutex;
  websocket_target to;
  to.url = "ws" + s->url().substr(4) + "/echo";
  by.connect(to, [&](result<std::shared_ptr<websocket>> made) {
    std::lock_guard lock(mutex);
    if (made) socket = *made;
    websocket_events e;
    e.message = [&](std::string_view, bool) { echoed = true; };
    e.closed = [&](int c, const std::string&) { code = c; };
    return e;
  });
  REQUIRE(becomes([&] {
    std::lock_guard lock(mutex);
    return socket != nullptr;
  }));
  socket->pause_reading(true);
  socket->send("one");  // its echo is the message that still comes
  REQUIRE(becomes([&] { return echoed.load(); }));
  socket->abort();
  CHECK(becomes([&] { return code == 1006; }));
}
