#include "tools/scenarios/video_scene.hpp"

#include <doctest/doctest.h>

using namespace hocket::scenarios;

TEST_CASE("a hop goes up and comes back, a drift stays in the picture") {
  random_stream rng(4);
  video_scene scene(rng);
  sprite s = draw_sprite(rng, "black", "square");
  s.x = 20, s.y = 30, s.half = 5, s.from = 0, s.to = 64000;
  s.moves = sprite::motion::hops, s.height = 14, s.spans = {{16000, 32000}};
  scene.add(s);
  std::vector<std::uint8_t> frame(video_scene::frame_bytes);
  const auto top = [&](std::int64_t at) {
    scene.draw(at, frame);
    for (int y = 0; y < 40; ++y)
      if (frame[static_cast<std::size_t>((y * 40 + 20) * 3)] < 60) return y;
    return -1;
  };
  CHECK(top(0) == top(16000));
  CHECK(top(24000) == top(0) - 14);
  CHECK(top(40000) == top(0));
  CHECK(top(64000) == -1);
}
