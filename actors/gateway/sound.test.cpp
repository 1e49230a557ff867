#include "actors/gateway/sound.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "actors/gateway/detector.hpp"

using namespace hocket::gateway;

TEST_CASE("base64 of both alphabets is read, and nothing else") {
  CHECK(decode_base64("") == "");
  CHECK(decode_base64("aGk=") == "hi");
  CHECK(decode_base64("aGk") == "hi");
  CHECK(decode_base64("-_-_") == decode_base64("+/+/"));
  CHECK(encode_base64("hi") == "aGk=");
  CHECK(encode_base64("") == "");
  for (const char* bad :
       {"a", "aGk==", "aG k", "aGk=\n", "=", "====", "a===", "aG=k", "aGl", "aGk*", "ab"})
    CHECK_MESSAGE(!decode_base64(bad), bad);
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    all += static_cast<char>(i * 37);
    CHECK(decode_base64(encode_base64(all)) == all);
  }
}

TEST_CASE("G.711 is the standard's") {
  // ITU-T G.711: the ends of both scales, silence, and that each code stands for itself.
  CHECK(to_mulaw(0) == 0xff);
  CHECK(to_mulaw(32767) == 0x80);
  CHECK(to_mulaw(-32768) == 0x00);
  CHECK(from_mulaw(0x80) == 32124);
  CHECK(from_mulaw(0x00) == -32124);
  CHECK(to_alaw(0) == 0xd5);
  CHECK(to_alaw(32767) == 0xaa);
  CHECK(to_alaw(-32768) == 0x2a);
  CHECK(from_alaw(0xaa) == 32256);
  CHECK(from_alaw(0x2a) == -32256);
  for (int code = 0; code < 256; ++code) {
    const auto c = static_cast<std::uint8_t>(code);
    CHECK(to_alaw(from_alaw(c)) == c);
    if (c != 0x7f) CHECK(to_mulaw(from_mulaw(c)) == c);  // 0x7f is minus zero
  }
  for (int linear = -32768; linear < 32768; linear += 7) {
    const auto x = static_cast<std::int16_t>(linear);
    const int least = std::abs(linear) / 16 + 16;
    CHECK(std::abs(from_alaw(to_alaw(x)) - linear) <= least);
    CHECK(std::abs(from_mulaw(to_mulaw(x)) - linear) <= least + 200);
  }
}

TEST_CASE("sound keeps its length and its tone through every format") {
  std::vector<float> tone(16'000);
  for (std::size_t i = 0; i < tone.size(); ++i)
    tone[i] = 0.5f * static_cast<float>(std::sin(2 * M_PI * 440 * static_cast<double>(i) / 16'000));
  for (const sound_format f : {sound_format{sound_format::coding::pcm16, 24'000},
                               sound_format{sound_format::coding::mulaw, 8'000},
                               sound_format{sound_format::coding::alaw, 8'000}}) {
    sound_writer writer(16'000);
    sound_reader reader(16'000);
    std::vector<float> back;
    for (std::size_t at = 0; at < tone.size(); at += 3'200) {
      const auto bytes = writer.write({tone.data() + at, 3'200}, f);
      REQUIRE(bytes);
      const auto samples = reader.read(*bytes, f);
      REQUIRE(samples);
      back.insert(back.end(), samples->begin(), samples->end());
    }
    // A second, but for what both resamplers still hold: with 8 kHz some 130 ms.
    CHECK(back.size() > 13'500);
    CHECK(back.size() <= 16'000);
    double power = 0;
    for (std::size_t i = 4'000; i < 12'000; ++i) power += static_cast<double>(back[i]) * back[i];
    CHECK(std::sqrt(power / 8'000) == doctest::Approx(0.5 / std::sqrt(2)).epsilon(0.03));
  }
  sound_reader reader(16'000);
  CHECK(!reader.read("abc", {}));
  sound_writer writer(24'000);
  CHECK(*writer.write(std::vector<float>{2.0f, -2.0f, NAN}, {}) ==
        std::string("\xff\x7f\x00\x80\x00\x00", 6));
}

TEST_CASE("speech is found where it is, in quiet and in noise") {
  for (const float noise : {0.0f, 0.001f, 0.01f}) {
    speech_detector d(16'000);
    unsigned random = 1;
    std::vector<speech_detector::mark> marks;
    const auto play = [&](int ms, float loud) {
      std::vector<float> piece(static_cast<std::size_t>(16 * ms));
      for (auto& s : piece) {
        random = random * 1664525u + 1013904223u;
        s = (noise + loud) * (static_cast<float>(random >> 8) / 8388608.0f - 1.0f);
      }
      for (const auto& m : d.hear(piece)) marks.push_back(m);
    };
    play(2'000, 0);
    play(20, 0.2f);  // a click
    play(1'000, 0);
    CHECK(marks.empty());
    play(1'000, 0.2f);
    play(300, 0);  // a pause for breath
    play(700, 0.2f);
    CHECK(d.is_speaking());
    play(1'000, 0);
    REQUIRE(marks.size() == 2);
    CHECK(marks[0].is_start);
    CHECK(std::abs(marks[0].at_ms - (3'020 - 300)) <= 60);
    CHECK(std::abs(marks[1].at_ms - (5'020 + 500)) <= 60);
  }
}
