#include "actors/gateway/webrtc/vp8_head.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace hocket::gateway::webrtc;

TEST_CASE("a frame of VP8 that begins anew says how large it is") {
  std::vector<std::uint8_t> frame = {0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 0x42, 0xe0, 0x81};
  REQUIRE(vp8_size(frame));  // the two highest bits of each are scales
  CHECK(vp8_size(frame)->width == 640);
  CHECK(vp8_size(frame)->height == 480);
  frame[0] |= 1;
  CHECK(!vp8_size(frame));
  frame[0] &= 0xfe;
  frame[4] = 2;
  CHECK(!vp8_size(frame));
  frame.resize(9);
  CHECK(!vp8_size(frame));
}
