#include "actors/gateway/webrtc/voice_queue.hpp"

#include <doctest/doctest.h>

#include "actors/gateway/webrtc/jitter.hpp"

using namespace hocket::gateway::webrtc;

namespace {

const voice_queue::limits small{
    .rate_hz = 1000, .margin_ms = 40, .most_margin_ms = 80, .lag_ms = 260, .most_ms = 1000};

std::vector<float> loud(std::size_t n) { return std::vector<float>(n, 0.5f); }

/// Blocks until one is of the voice; at most `most`.
int blocks_of_silence(voice_queue& q, int most) {
  for (int n = 0; n < most; ++n)
    if (q.take()[0] != 0) return n;
  return most;
}

}  // namespace

TEST_CASE("a voice begins a moment late, and leaves whole and in order") {
  voice_queue q(small);
  CHECK(q.take() == std::vector<float>(20));
  std::vector<float> ramp(60);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = 0.1f + 0.01f * static_cast<float>(i);
  q.put(ramp);
  CHECK(q.take() == std::vector<float>(20));
  CHECK(q.take() == std::vector<float>(20));
  std::vector<float> said;
  for (int i = 0; i < 3; ++i) {
    const auto b = q.take();
    said.insert(said.end(), b.begin(), b.end());
  }
  CHECK(said == ramp);
  CHECK(q.left() == 60);
  CHECK(q.dropped() == 0);
  q.put(loud(20));  // just in time: it goes on
  CHECK(blocks_of_silence(q, 5) == 0);
}

TEST_CASE("after a hole the moment is longer; an end is no hole") {
  voice_queue q(small);
  q.put(loud(40));
  for (int i = 0; i < 10; ++i) q.take();
  q.put(loud(40));  // in mid-word: late
  CHECK(q.holes() == 1);
  CHECK(blocks_of_silence(q, 9) == 3);
  for (int i = 0; i < 60; ++i) q.take();
  q.put(loud(40));  // more than half a second later: new
  CHECK(q.holes() == 1);
  CHECK(blocks_of_silence(q, 9) == 3);
  q.take();
  q.put(std::vector<float>(20));
  for (int i = 0; i < 3; ++i) q.take();
  q.put(loud(20));  // it ended in silence
  CHECK(q.holes() == 1);
  for (int i = 0; i < 1600; ++i) q.take();
  q.put(loud(20));
  CHECK(blocks_of_silence(q, 9) == 2);  // after a long calm it is short again
}

TEST_CASE("what waits is bounded, catches up in silence, and goes at an interruption") {
  voice_queue q(small);
  CHECK(q.put(loud(1500)) == 500);
  CHECK(q.dropped() == 500);
  CHECK(q.waiting() == 1000);
  CHECK(q.flush() == 1000);
  CHECK(q.take() == std::vector<float>(20));
  CHECK(q.left() == 1500);
  q.put(std::vector<float>(600));
  q.put(loud(100));
  int n = 0;
  while (q.waiting() > 0 && n < 100) {
    q.take();
    ++n;
  }
  CHECK(n == 2 + 260 / 20);  // of 700 samples: the moment, and what may lie back
  CHECK(q.dropped() == 1500);
}

TEST_CASE("a missing packet is waited for as long as the network wants") {
  int calm = 0, ms = 60;
  ms = next_jitter_ms(ms, 0, calm, 60, 500);
  CHECK(ms == 60);
  for (int i = 0; i < 4; ++i) ms = next_jitter_ms(ms, 3, calm, 60, 500);
  CHECK(ms > 300);
  for (int i = 0; i < 4; ++i) ms = next_jitter_ms(ms, 3, calm, 60, 500);
  CHECK(ms == 500);
  for (int i = 0; i < 19; ++i) ms = next_jitter_ms(ms, 0, calm, 60, 500);
  CHECK(ms == 500);
  for (int i = 0; i < 1000; ++i) ms = next_jitter_ms(ms, 0, calm, 60, 500);
  CHECK(ms == 60);
}
