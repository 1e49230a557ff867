#include <atomic>
#include <thread>

#include "actors/gateway/webrtc/call.test.hpp"

using namespace hocket;
using namespace hocket::gateway::webrtc;
using namespace hocket::gateway::webrtc::testing;
using hocket::testing::becomes;

TEST_CASE("an exchange sets nothing up when it stops, or too late: who waits is told so") {
  if (is_missing()) return;
  pair_of_ends p;
  p.there.offer("oai-events", p.client.events(), p.client.done());
  REQUIRE(becomes([&] { return p.client.stands(); }));
  REQUIRE_MESSAGE(p.client.failed.empty(), p.client.failed);
  std::vector<std::unique_ptr<side>> waiting;
  exchange stops(on_loopback());
  for (int i = 0; i < 30; ++i) {
    auto& one = *waiting.emplace_back(std::make_unique<side>());
    stops.answer(*read_description(p.client.sdp), one.events(), one.done());
  }
  stops.stop(0);
  for (const auto& one : waiting) CHECK(one->stands());
  CHECK(stops.calls() == 0);
  auto o = on_loopback();
  o.limits.setup_ms = 0;  // whose turn comes after his time is set up for nobody
  side late;
  exchange slow(o);
  slow.answer(*read_description(p.client.sdp), late.events(), late.done());
  REQUIRE(becomes([&] { return late.stands(); }));
  CHECK(late.locked([&] { return late.failed.starts_with("gateway.busy"); }));
}

TEST_CASE("an exchange that stops tells its calls, and takes none any more") {
  if (is_missing()) return;
  pair_of_ends p;
  p.connect();
  REQUIRE(becomes([&] { return p.client.locked([&] { return p.client.is_open; }); }));
  p.here.stop(2'000);
  CHECK(p.server.locked([&] { return p.server.code == 1001; }));
  CHECK(becomes([&] { return p.client.locked([&] { return p.client.code == 1006; }); }));
  side late;
  p.here.answer(*read_description(p.client.sdp), late.events(), late.done());
  CHECK(becomes([&] { return late.stands(); }));
  CHECK(late.failed.starts_with("gateway.busy"));
}

TEST_CASE("a call ends while messages come, one after the other without a pause") {
  if (is_missing()) return;
  for (int i = 0; i < 2; ++i) {
    pair_of_ends p;
    p.connect();
    REQUIRE(becomes([&] {
      return p.server.locked([&] { return p.server.is_open; }) &&
             p.client.locked([&] { return p.client.is_open; });
    }));
    std::atomic<bool> is_over = false;
    std::thread floods([&] {
      while (!is_over)
        if (!p.client.line->send("word", true)) std::this_thread::yield();
    });
    CHECK(becomes([&] { return p.server.locked([&] { return p.server.messages.size() > 50; }); }));
    p.here.stop(0);
    CHECK(p.server.locked([&] { return p.server.code != 0; }));
    is_over = true;
    floods.join();
  }
}
