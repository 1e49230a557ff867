#include "actors/gateway/webrtc/call.test.hpp"

using namespace hocket;
using namespace hocket::gateway::webrtc;
using namespace hocket::gateway::webrtc::testing;
using hocket::testing::becomes;

TEST_CASE("a call: words over its channel, sound both ways, an end that is told") {
  if (is_missing()) return;
  pair_of_ends p;
  p.connect();
  REQUIRE(becomes([&] {
    return p.server.locked([&] { return p.server.is_open; }) &&
           p.client.locked([&] { return p.client.is_open; });
  }));
  CHECK(p.server.line->send("{\"type\":\"session.created\"}", true));
  CHECK(p.client.line->send(std::string(65'000, 'x'), true));
  CHECK(becomes([&] { return p.client.locked([&] { return p.client.messages.size() == 1; }); }));
  CHECK(becomes([&] { return p.server.locked([&] { return p.server.messages.size() == 1; }); }));
  CHECK(p.server.locked(
      [&] { return !p.server.messages.empty() && p.server.messages[0].size() == 65'000; }));
  CHECK(!p.server.line->send(std::string(300'000, 'x'), true));  // more than the other side takes
  CHECK(is_heard(p.server, p.client));
  CHECK(is_heard(p.client, p.server));
  p.server.line->play(tone(0, 16'000));
  const auto before = p.server.line->figures();
  p.server.line->hush();
  CHECK(p.server.line->figures().dropped_out > before.dropped_out);
  CHECK(p.server.line->send("bye", true));
  p.server.line->close(1000, "that was all");
  CHECK(becomes([&] {
    return p.client.locked(
        [&] { return !p.client.messages.empty() && p.client.messages.back() == "bye"; });
  }));
  CHECK(becomes([&] { return p.server.locked([&] { return p.server.code == 1000; }); }));
  CHECK(becomes([&] { return p.client.locked([&] { return p.client.code == 1006; }); }));
  CHECK(!p.server.line->send("more", true));
  CHECK(becomes([&] { return p.here.calls() == 0 && p.there.calls() == 0; }));
}

TEST_CASE(
    "messages are as long as the other side takes, whoever called; a longer one ends the call, "
    "told") {
  if (is_missing()) return;
  auto o = on_loopback();
  o.limits.message_bytes = 20'000;
  pair_of_ends p(o);
  p.between = [](description& answer) {
    for (auto& m : answer.media) m.message_bytes = 30'000;
  };
  p.connect([](description& offer) {
    for (auto& m : offer.media) m.message_bytes = 1'000;
  });
  REQUIRE(becomes([&] {
    return p.server.locked([&] { return p.server.is_open; }) &&
           p.client.locked([&] { return p.client.is_open; });
  }));
  CHECK(p.server.line->largest_message() == 1'000);
  CHECK(p.client.line->largest_message() == 30'000);
  CHECK(!p.server.line->send(std::string(1'001, 'x'), true));
  CHECK(p.server.line->send(std::string(1'000, 'x'), true));
  CHECK(!p.client.line->send(std::string(30'001, 'x'), true));
  CHECK(p.client.line->send(std::string(25'000, 'x'), true));  // as the answer says, not as it is
  CHECK(becomes([&] { return p.server.locked([&] { return p.server.code == 1009; }); }));
}

TEST_CASE("who does not know the offer's password does not come in, and holds nothing") {
  if (is_missing()) return;
  auto o = on_loopback();
  o.limits.connect_ms = 2'000;
  pair_of_ends p(o);
  p.connect([](description& d) { d.ice_pwd = std::string(24, 'z'); });
  CHECK(becomes([&] { return p.server.locked([&] { return p.server.code == 1006; }); }));
  CHECK(p.server.locked([&] { return !p.server.is_open; }));
  CHECK(becomes([&] { return p.here.calls() == 0; }));
}

TEST_CASE("a stranger with another key than the offer's is not let in") {
  if (is_missing()) return;
  pair_of_ends p;
  p.connect([](description& d) { d.fingerprint.back() = d.fingerprint.back() == '0' ? '1' : '0'; });
  CHECK(becomes([&] {
    p.client.line->send("let me in", true);
    p.client.line->play(tone(0, 3200));
    return p.server.locked([&] { return p.server.code != 0; });
  }));
  p.server.locked([&] {
    CHECK(p.server.code == 1008);
    CHECK(!p.server.is_open);
    CHECK(p.server.messages.empty());
    CHECK(p.server.sound.empty());
  });
}

TEST_CASE("a STUN server whose name is none costs a call a moment, no more") {
  if (is_missing()) return;
  auto o = on_loopback();
  o.stun = "stun://no-such-host.invalid:3478";
  pair_of_ends p(o);
  p.connect();
  CHECK(becomes([&] { return p.server.locked([&] { return p.server.is_open; }); }));
}
