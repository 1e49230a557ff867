#include <deque>

#include "actors/gateway/door/app.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;
using hocket::testing::raw_client;

namespace {

std::string upgrade_head(const std::string& more) {
  return "GET /v1/hocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: "
         "websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
         more + "\r\n";
}
const std::string with_key = "Authorization: Bearer one\r\n";

/// One that has a key and misuses it.
void misuse(app& a, int kind) {
  const json start = {{"type", "start"}};
  switch (kind) {
    case 0:  // more than a message may hold
      a.socket->send(std::string(5 << 20, 'x'));
      break;
    case 1:  // wrong JSON, and deep JSON
      for (int i = 0; i < 50; ++i) a.socket->send("{\"type\":" + std::string(20'000, '['));
      break;
    case 2:  // wrong base64, half samples
      a.send(start);
      for (int i = 0; i < 200; ++i) a.send({{"type", "sound"}, {"audio", i % 2 ? "****" : "AAA="}});
      break;
    case 3:  // a flood of requests whose answers it does not read
      a.socket->pause_reading(true);
      a.send(start);
      for (int i = 0; i < 20'000; ++i)
        if (!a.socket->send(R"({"type":"nothing of ours","id":"0123456789"})")) break;
      break;
    case 4:  // bytes that are no text
      for (int i = 0; i < 50; ++i) a.socket->send(std::string(1000, '\xff'), false);
      break;
    case 5:  // hours of sound at once
      a.send(start);
      for (int i = 0; i < 40; ++i)
        if (!a.socket->send(json{{"type", "sound"}, {"audio", std::string(400'000, 'A')}}.dump()))
          break;
      break;
    default:  // as many tools as fit, again and again
      a.send(start);
      for (int i = 0; i < 20; ++i)
        a.send({{"type", "tools"}, {"tools", std::string(200'000, 't')}});
  }
}

/// One that has none, or no manners: what it sends first.
std::string rude(int kind) {
  switch (kind) {
    case 0: return "";                                          // says nothing
    case 1: return "GET /v1/hocket HT";                         // slow handshake
    case 2: return std::string("\x16\x03\x01\x02\x00\x01", 6);  // a TLS that does not come
    case 3: return std::string(2000, '\x00');
    case 4: return upgrade_head("");  // no key
    case 5: return upgrade_head("Authorization: Bearer ek_stolen\r\n");
    case 6: return upgrade_head(with_key + "Origin: https://evil.example\r\n");
    case 7:
      return upgrade_head(with_key) + std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10);
    default: return upgrade_head(with_key) + std::string("\x81\x05hello", 7);  // without a mask
  }
}

}  // namespace

TEST_CASE("thirty hostile clients, and one that talks all the while") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"},
                                      {"max_sessions", 64},
                                      {"sessions_per_key", 64},
                                      {"resume_s", 0}}));
  REQUIRE(h.open());
  const http::header_list key = {{"Authorization", "Bearer one"}};
  app good;
  http::websocket_client by, hostile_by;
  good.connect(by, url_of(h) + "/v1/hocket", key);
  REQUIRE(settles(h, [&] { return good.is_open(); }));
  good.send({{"type", "start"}});
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  h.use_session(h.sessions().back());
  std::vector<raw_client> rudes;
  for (int i = 0; i < 16; ++i) {
    rudes.emplace_back(port_of(h));
    rudes.back().send(rude(i % 9));
  }
  std::deque<app> misusers(14);
  for (auto& m : misusers) m.connect(hostile_by, url_of(h) + "/v1/hocket", key);
  for (auto& m : misusers) REQUIRE(settles(h, [&] { return m.is_open(); }));
  for (int i = 0; i < 14; ++i) misuse(misusers[static_cast<std::size_t>(i)], i % 7);
  // The one who talks gets each of the model's micro-turns, and an answer to each question.
  for (int turn = 0; turn < 10; ++turn) {
    auto voice = talk::tone(200, inner_rate_hz, 0.3);
    const auto first = std::int64_t{3'200} * turn;
    REQUIRE(h.push("audio", timestamp::of_ms(200 * turn),
                   audio_chunk{inner_rate_hz, 1, first, buffer::take(std::move(voice))}));
    good.send({{"type", "ping"}, {"t", turn}});
    REQUIRE(settles(h, [&] {
      return good.count("voice") == static_cast<std::size_t>(turn) + 1 &&
             good.count("pong") == static_cast<std::size_t>(turn) + 1;
    }));
  }
  CHECK(!good.is_over());
  CHECK(settles(h, [&] { return misusers[0].is_over(); }));  // 1009, or cut off while it still sent
  for (auto& m : misusers)
    if (m.is_open()) m.socket->abort();
  rudes.clear();
  CHECK(settles(h, [&] { return h.sessions().size() == 2; }));  // each gave back what it took
  CHECK(h.counter("refused_keys") >= 2);
  good.send({{"type", "end"}});
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  CHECK(h.violations().empty());
}
