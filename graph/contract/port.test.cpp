#include "graph/contract/port.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace hocket {
namespace {

buffer bytes(std::size_t n) { return buffer::take(std::vector<std::uint8_t>(n)); }
buffer floats(std::vector<float> v) { return buffer::take(std::move(v)); }

constexpr auto audio = payload_kind::audio;
constexpr auto numbers = payload_kind::tensor;

}  // namespace

TEST_CASE("what two ports leave open fits; what both say must be the same") {
  struct row {
    media_type from, to;
    const char* why;  ///< "": fits
  };
  const media_type any_sound{.kind = audio}, cd{.kind = audio, .rate_hz = 44100, .channels = 2};
  const media_type voice{.kind = audio, .rate_hz = 16000, .channels = 1};
  const auto shaped = [](std::vector<std::int64_t> s) {
    return media_type{.kind = numbers, .element = {}, .shape = std::move(s)};
  };
  for (const auto& r : std::vector<row>{
           {voice, voice, ""},
           {any_sound, voice, ""},
           {voice, any_sound, ""},
           {cd, voice, "rate 44100 Hz cannot feed 16000 Hz"},
           {{.kind = audio, .channels = 2}, voice, "2 channels cannot feed 1"},
           {voice, {.kind = payload_kind::text}, "audio cannot feed text"},
           {shaped({-1, 80}), shaped({50, 80}), ""},
           {shaped({50, 80}), shaped({-1, -1}), ""},
           {shaped({50, 80}), shaped({}), ""},
           {shaped({50, 80}), shaped({50, 40}), "shape [50, 80] cannot feed [50, 40]"},
           {shaped({80}), shaped({1, 80}), "shape [80] cannot feed [1, 80]"},
           {{.kind = numbers, .element = dtype::u8}, {.kind = numbers, .element = {}}, ""},
           {{.kind = numbers, .element = dtype::u8},
            {.kind = numbers, .element = dtype::f32},
            "elements u8 cannot feed f32"}})
    CHECK(why_incompatible(r.from, r.to) == r.why);
}

TEST_CASE("a medium is said as the messages need it") {
  CHECK(media_type{.kind = audio, .rate_hz = 16000, .channels = 1}.to_string() ==
        "audio 16000 Hz x1");
  CHECK(media_type{.kind = numbers, .element = dtype::u8, .shape = {-1, 80}}.to_string() ==
        "tensor u8 [-1, 80]");
  CHECK(media_type{.kind = payload_kind::text}.to_string() == "text");
}

TEST_CASE("a picture has three bytes for each of its pixels, however large it says it is") {
  const media_type port{.kind = payload_kind::video};
  CHECK(why_unfit(port, video_frame{4, 2, bytes(24)}).empty());
  constexpr auto most = std::numeric_limits<std::int32_t>::max();
  for (const auto& [w, h] : {std::pair{4, 3}, {0, 0}, {-4, -2}, {4, -2}, {most, most}, {most, 1}})
    CHECK(!why_unfit(port, video_frame{w, h, bytes(24)}).empty());
}

TEST_CASE("a tensor fills its shape, whatever the shape says") {
  const media_type port{.kind = numbers, .element = dtype::f32, .shape = {-1, 3}};
  CHECK(why_unfit(port, tensor{dtype::f32, {2, 3}, bytes(24)}).empty());
  CHECK(why_unfit(port, tensor{dtype::f32, {0, 3}, bytes(0)}).empty());
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  for (const auto& t : std::vector<tensor>{{dtype::f32, {2, 3}, bytes(23)},
                                           {dtype::f32, {3, 2}, bytes(24)},
                                           {dtype::f32, {6}, bytes(24)},
                                           {dtype::u8, {8, 3}, bytes(24)},
                                           {dtype::f32, {-2, -3}, bytes(24)},
                                           {dtype::f32, {most, most}, bytes(4)},
                                           {dtype::f32, {most, 3}, bytes(0)}})
    CHECK(!why_unfit(port, t).empty());
}

TEST_CASE("sound has whole frames of numbers at a time that is one") {
  const media_type port{.kind = audio, .rate_hz = 16000, .channels = 2};
  const auto chunk = [](std::int64_t first, std::vector<float> s) {
    return audio_chunk{16000, 2, first, floats(std::move(s))};
  };
  CHECK(why_unfit(port, chunk(0, {0.1f, 0.2f})).empty());
  CHECK(why_unfit(port, chunk(-16000, {})).empty());
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  const auto inf = std::numeric_limits<float>::infinity();
  CHECK(!why_unfit(port, chunk(0, {0.1f})).empty());
  CHECK(!why_unfit(port, chunk(0, {0.1f, nan})).empty());
  CHECK(!why_unfit(port, chunk(0, {-inf, 0.1f})).empty());
  CHECK(!why_unfit(port, chunk(std::numeric_limits<std::int64_t>::max(), {0, 0})).empty());
  CHECK(!why_unfit(port, chunk(std::numeric_limits<std::int64_t>::min(), {0, 0})).empty());
  CHECK(!why_unfit(port, audio_chunk{0, 2, 0, floats({0, 0})}).empty());
  CHECK(!why_unfit(port, audio_chunk{16000, -2, 0, floats({0, 0})}).empty());
  CHECK(!why_unfit(port, audio_chunk{8000, 2, 0, floats({0, 0})}).empty());
}

TEST_CASE("what must not be lost waits, and of live pictures the newest counts") {
  for (int k = 0; k < payload_kind_count; ++k) {
    const auto kind = static_cast<payload_kind>(k);
    const auto queue = default_queue(kind);
    CHECK(queue.size > 0);
    CHECK((queue.full == full_policy::latest) == (kind == payload_kind::video));
  }
}

}  // namespace hocket
