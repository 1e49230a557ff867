#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "actors/encoder/dmel.hpp"
#include "actors/encoder/patches.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;

namespace {

std::vector<float> noise(std::size_t n) {
  std::mt19937 random(3);
  std::vector<float> out(n);
  for (auto& v : out) v = static_cast<float>(random() % 2000) / 1000 - 1;
  return out;
}

audio_chunk part(const std::vector<float>& all, std::int64_t from, std::int64_t to) {
  return {16000, 1, from, buffer::take(std::vector<float>(all.begin() + from, all.begin() + to))};
}

std::vector<std::uint8_t> bins_of(const harness& h) {
  std::vector<std::uint8_t> all;
  for (const auto& t : h.values<tensor>("frames")) {
    const auto b = t.data.as<std::uint8_t>();
    all.insert(all.end(), b.begin(), b.end());
  }
  return all;
}

video_frame picture(std::int32_t w, std::int32_t h, std::uint8_t level) {
  return {w, h,
          buffer::take(std::vector<std::uint8_t>(static_cast<std::size_t>(w * h * 3), level))};
}

}  // namespace

TEST_CASE("audio.dmel is the same whatever the chunks") {
  const auto sound = noise(16000);
  const auto whole = engine::dmel_of(sound);
  for (const std::int64_t step : {160, 320, 777, 800, 16000}) {
    harness h(type_of<encoder::dmel>());
    REQUIRE(h.open());
    for (std::int64_t at = 0; at < 16000; at += step)
      REQUIRE(h.push("audio", timestamp::of_samples(at, 16000),
                     part(sound, at, std::min<std::int64_t>(at + step, 16000))));
    CHECK(bins_of(h) == whole);
    const auto& out = h.outputs("frames");
    CHECK(out[0].header.ts == timestamp::of_ms(0));
    std::int64_t frame = 0;
    for (const auto& p : out)
      if (p.get_if<tensor>()) CHECK(p.header.ts == timestamp::of_ms(50 * frame++));
    CHECK(frame == 20);
    REQUIRE(h.close());
    CHECK(h.violations().empty());
  }
}

TEST_CASE("audio.dmel: four frames a packet end with the micro-turn") {
  const auto sound = noise(9600);
  harness h(type_of<encoder::dmel>(), {.config = settings({{"frames_per_packet", 4}})});
  REQUIRE(h.open());
  REQUIRE(h.push("audio", timestamp::of_samples(1600, 16000), part(sound, 1600, 9600)));
  auto frames = h.values<tensor>("frames");
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].shape[0] == 2);  // the stream began in mid-turn
  CHECK(frames[1].shape[0] == 4);
  CHECK(h.outputs("frames")[2].header.ts == timestamp::of_ms(200));
  REQUIRE(h.push("audio", timestamp::of_ms(600), part(sound, 0, 0)));
  REQUIRE(h.control_packet("audio", {control::kind::end_of_stream, "", 0}));
  CHECK(h.values<tensor>("frames").size() == 3);
}

TEST_CASE("audio.dmel hears silence in a gap and drops what comes twice") {
  auto sound = noise(16000);
  harness h(type_of<encoder::dmel>());
  REQUIRE(h.open());
  REQUIRE(h.push("audio", timestamp(), part(sound, 0, 4000)));
  REQUIRE(h.push("audio", timestamp::of_ms(500), part(sound, 8000, 12000)));
  REQUIRE(h.push("audio", timestamp::of_ms(700), part(sound, 11200, 16000)));
  CHECK(h.counter("gap_samples") == 4000);
  CHECK(h.counter("repeated_samples") == 800);
  std::fill(sound.begin() + 4000, sound.begin() + 8000, 0.0f);
  CHECK(bins_of(h) == engine::dmel_of(sound));
  auto far = part(sound, 0, 800);
  far.first_sample = 1LL << 40;
  REQUIRE(h.push("audio", timestamp::of_samples(far.first_sample, 16000), far));
  CHECK(h.counter("restarts_of_time") == 1);
}

TEST_CASE("video.patches cuts and folds") {
  harness h(type_of<encoder::patches>(),
            {.config = settings({{"width", 80}, {"height", 50}, {"frames_per_s", 4.0}})});
  REQUIRE(h.open());
  auto marked = picture(80, 80, 10);
  std::vector<std::uint8_t> pixels(80 * 80 * 3, 10);
  for (int y = 0; y < 40; ++y)
    for (int x = 40; x < 80; ++x) pixels[static_cast<std::size_t>((y * 80 + x) * 3 + 1)] = 200;
  marked.pixels = buffer::take(std::move(pixels));
  REQUIRE(h.push("video", timestamp::of_ms(0), marked));
  REQUIRE(h.push("video", timestamp::of_ms(100), picture(80, 80, 99)));  // too early
  REQUIRE(h.push("video", timestamp::of_ms(250), picture(80, 80, 20)));
  REQUIRE(h.push("video", timestamp::of_ms(1000), picture(3, 3, 5)));
  REQUIRE(h.push("video", timestamp::of_ms(1250), picture(640, 480, 6)));
  auto broken = picture(4, 4, 0);
  broken.width = 5;
  (void)h.push("video", timestamp::of_ms(1500), broken);
  const auto out = h.values<tensor>("patches");
  REQUIRE(out.size() == 2);
  CHECK(out[0].shape == std::vector<std::int64_t>{4, 2, 40, 40, 3});
  const auto v = out[0].data.as<std::uint8_t>();
  const auto patch = static_cast<std::size_t>(2 * 40 * 40 * 3);
  CHECK(v[1] == 10);                        // upper left, first frame
  CHECK(v[patch + 1] == 200);               // upper right, first frame, green
  CHECK(v[patch + 40 * 40 * 3 + 1] == 20);  // upper right, second frame
  CHECK(v[2 * patch + 1] == 10);            // lower left
  CHECK(out[1].data.as<std::uint8_t>()[0] == 5);
  CHECK(out[1].data.as<std::uint8_t>()[40 * 40 * 3] == 6);
  CHECK(h.counter("skipped_frames") == 1);
  CHECK(h.counter("missed_frames") == 2);
}

TEST_CASE("video.patches: nobody waits for a camera that is off") {
  harness h(type_of<encoder::patches>(), {.config = settings({{"frames_per_s", 4.0}})});
  REQUIRE(h.open());
  const auto bounds = [&] {
    std::vector<std::int64_t> out;
    for (const auto& p : h.outputs("patches"))
      if (const auto* c = p.get_if<control>(); c && c->what == control::kind::bound)
        out.push_back(p.header.ts.ns() / 1'000'000);
    return out;
  };
  REQUIRE(h.advance_to(timestamp::of_ms(500)));
  CHECK(bounds() == std::vector<std::int64_t>{200, 400});
  REQUIRE(h.push("video", timestamp::of_ms(500), picture(80, 80, 10)));
  REQUIRE(h.advance_to(timestamp::of_ms(1500)));
  CHECK(bounds().size() == 2);  // it is on: the next one may be on its way
  REQUIRE(h.advance_to(timestamp::of_ms(2100)));
  CHECK(bounds() == std::vector<std::int64_t>{200, 400, 1600, 1800, 2000});
}

TEST_CASE("scaled keeps the mean") {
  std::vector<std::uint8_t> checker(64 * 48 * 3);
  for (std::size_t i = 0; i < checker.size(); ++i) checker[i] = (i / 3 + i / 192) % 2 ? 200 : 100;
  for (const auto v : encoder::scaled(checker, 64, 48, 16, 12)) CHECK(v == 150);
  const std::vector<std::uint8_t> flat(12 * 10 * 3, 77);
  for (const auto v : encoder::scaled(flat, 12, 10, 40, 40)) CHECK(v == 77);
}
