#include "actors/gateway/webrtc/call.test.hpp"

using namespace hocket;
using namespace hocket::gateway::webrtc;
using namespace hocket::gateway::webrtc::testing;
using hocket::testing::becomes;

TEST_CASE("a call whose channel stands before its sound, of an SSRC that no line tells") {
  if (is_missing()) return;
  pair_of_ends p;
  const auto turn_round = [](description& d) {
    REQUIRE(d.media.size() == 2);
    std::swap(d.media[0], d.media[1]);
  };
  p.between = turn_round;
  p.connect([&](description& d) {
    turn_round(d);
    REQUIRE(d.media[0].of == medium::kind::data);
    d.ssrc = 0;
  });
  CHECK(p.server.sdp.find("m=application") < p.server.sdp.find("m=audio"));
  REQUIRE(becomes([&] {
    return p.server.locked([&] { return p.server.is_open; }) &&
           p.client.locked([&] { return p.client.is_open; });
  }));
  CHECK(is_heard(p.client, p.server));
  CHECK(is_heard(p.server, p.client));
}

TEST_CASE("a camera whose SSRC is another one than its SDP says is no end of the process") {
  if (is_missing()) return;
  constexpr const char* camera =
      "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=15/1";
  for (const bool has_sound : {false, true}) {
    CAPTURE(has_sound);
    pair_of_ends p(on_loopback(), camera);
    std::vector<medium> offered;
    p.connect([&](description& d) {
      offered = d.media;
      REQUIRE(d.media.size() == 3);
      REQUIRE(d.media[0].of == medium::kind::sound);
      ++d.pictures_ssrc;
      if (has_sound) return;
      d.media[0].of = medium::kind::other;
      std::swap(d.media[0], d.media[2]);
      REQUIRE(d.media[0].of == medium::kind::data);
      p.between = [&](description& answer) {  // as if its sound were taken, and silent
        std::swap(answer.media[0], answer.media[2]);
        answer.media[0] = offered[0];
        answer.media[0].direction = "inactive";
      };
    });
    REQUIRE(becomes(
        [&] { return p.server.locked([&] { return p.server.is_open || p.server.code != 0; }); }));
    CHECK(becomes([&] {
      return p.server.locked([&] { return p.server.pictures > 2 || p.server.code != 0; });
    }));
    p.here.stop(0);
  }
}
