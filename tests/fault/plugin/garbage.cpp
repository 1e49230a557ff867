#include <cmath>
#include <limits>

#include "tests/fault/plugin/faulty.hpp"

namespace hocket::faulty {
namespace {

audio_chunk chunk(std::size_t samples, float value = 0.25f) {
  audio_chunk out;
  out.samples = buffer::take(std::vector<float>(samples, value));
  return out;
}

tensor floats(std::vector<std::int64_t> shape, std::size_t count) {
  return {dtype::f32, std::move(shape), buffer::take(std::vector<float>(count))};
}

}  // namespace

std::pair<std::int64_t, std::int64_t> emit_garbage(timestamp ts, emitter& out) {
  constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  std::int64_t sounds = 0, states = 0;
  const auto sound_out = [&](timestamp at, payload content) {
    out.emit(0, at, std::move(content));
    ++sounds;
  };
  const auto state_out = [&](timestamp at, payload content) {
    out.emit(1, at, std::move(content));
    ++states;
  };
  out.emit(0, packet{});  // no payload at all
  ++sounds;
  sound_out(ts, text{"not a sound", "user"});
  sound_out(ts, floats({4}, 4));
  sound_out(ts, chunk(0));
  sound_out(ts, chunk(320, nan));
  sound_out(ts, chunk(320, -infinity));
  auto odd = chunk(320);
  odd.rate_hz = 48000;
  sound_out(ts, odd);
  odd = chunk(320);
  odd.channels = 2;
  sound_out(ts, odd);
  odd = chunk(320);
  odd.rate_hz = -1;
  sound_out(ts, odd);
  odd = chunk(320);
  odd.channels = 0;
  sound_out(ts, odd);
  odd = chunk(320);
  odd.samples = odd.samples.slice(0, 1277);  // not a whole number of samples
  sound_out(ts, odd);
  sound_out(timestamp::min(), chunk(320));
  sound_out(timestamp(std::numeric_limits<std::int64_t>::max()), chunk(320));
  sound_out(ts - std::chrono::milliseconds(100), chunk(320));  // sound never goes back
  sound_out(ts + std::chrono::hours(24), chunk(320));

  state_out(ts, chunk(320));
  state_out(ts, tensor{dtype::i32, {4}, buffer::take(std::vector<std::int32_t>(4))});
  state_out(ts, floats({5}, 5));
  state_out(ts, floats({2, 2}, 4));
  state_out(ts, floats({}, 1));
  state_out(ts, floats({4}, 3));  // fewer bytes than its shape asks for
  state_out(ts, floats({-4}, 4));
  state_out(ts, floats({std::int64_t{1} << 62, 4}, 4));  // the product overflows
  state_out(timestamp::min(), floats({4}, 4));
  state_out(ts + std::chrono::hours(24), floats({4}, 4));
  return {sounds, states};
}

}  // namespace hocket::faulty
