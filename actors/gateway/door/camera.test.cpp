#include <doctest/doctest.h>

#include "actors/gateway/door/caller.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

constexpr const char* camera =
    "videotestsrc is-live=true pattern=red ! video/x-raw,width=160,height=120,framerate=15/1";

std::vector<video_frame> seen(const harness& h) { return h.values<video_frame>("pictures"); }

}  // namespace

TEST_CASE("a call's camera: what it shows goes to its conversation, as pictures of messages do") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller a(h, camera);
  a.offers();
  REQUIRE(a.sdp.find("m=video 9 ") != a.sdp.npos);
  const auto answer = a.calls("/v1/realtime/calls?model=x");
  REQUIRE_MESSAGE(is(answer, 201), answer);
  CHECK(answer.find("m=video 9 UDP/TLS/RTP/SAVPF 96") != answer.npos);
  CHECK(answer.find("a=recvonly") != answer.npos);
  a.accepts(answer);
  REQUIRE(a.got("session.created"));
  REQUIRE(settles(h, [&] { return h.counter("pictures") > 0 && !seen(h).empty(); }));
  const auto picture = seen(h).back();
  CHECK(picture.width == 160);
  CHECK(picture.height == 120);
  const auto pixels = picture.pixels.as<std::uint8_t>();
  REQUIRE(pixels.size() == 160 * 120 * 3);
  const auto middle = static_cast<std::size_t>((60 * 160 + 80) * 3);
  CHECK(pixels[middle] > 180);
  CHECK(pixels[middle + 1] < 90);
  CHECK(pixels[middle + 2] < 90);
  for (const auto& p : h.outputs("pictures")) CHECK(p.header.session == h.sessions().back());
  // It is heard all the same.
  CHECK(settles(h, [&] {
    a.line->play(talk::tone(20, inner_rate_hz, 0.3));
    return !h.values<audio_chunk>("audio").empty();
  }));
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}
