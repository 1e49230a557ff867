#include "tools/duplex/player.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

namespace hocket::duplex {
namespace {

constexpr std::int64_t chunk_samples = rate_hz / 50;

double resident_mib() {
  std::ifstream in("/proc/self/statm");
  double total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

// Nearest pixel: the pictures are flat shapes, and most often already of the wanted size.
video_frame scaled(const picture_frame& f, std::int32_t width, std::int32_t height) {
  if ((width == 0 && height == 0) || (width == f.width && height == f.height))
    return {f.width, f.height, buffer::take(std::vector<std::uint8_t>(f.pixels))};
  std::vector<std::uint8_t> out;
  out.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (std::int32_t y = 0; y < height; ++y)
    for (std::int32_t x = 0; x < width; ++x) {
      const auto from =
          static_cast<std::size_t>(y * f.height / height) * static_cast<std::size_t>(f.width) +
          static_cast<std::size_t>(x * f.width / width);
      for (std::size_t c = 0; c < 3; ++c) out.push_back(f.pixels[from * 3 + c]);
    }
  return {width, height, buffer::take(std::move(out))};
}

}  // namespace

result<void> player::open(const context& where) {
  context_ = where;
  const auto number = static_cast<std::size_t>(where.session);
  if (number < 1 || number > how_.tapes->size())
    return fail("duplex.run", "there is no item for session " + std::to_string(number));
  tape_ = &(*how_.tapes)[number - 1];
  tape_->minute_began = std::chrono::steady_clock::now();
  return {};
}

// When a chunk is there: at its end, or when the stall that holds it back is over.
timestamp player::released(std::int64_t chunk) const {
  for (const auto& s : tape_->plays->way.stalls)
    if (chunk >= s.chunk && chunk < s.chunk + s.chunks)
      return timestamp::of_ms((s.chunk + 1) * 20 + s.late_ms);
  return timestamp::of_ms((chunk + 1) * 20);
}

void player::note_minute(timestamp now) {
  if (tape_->plays->parts.empty()) return;
  const auto minutes = static_cast<std::size_t>(now.seconds() / 60);
  if (minutes <= tape_->minute_wall_s.size()) return;
  const auto wall = std::chrono::steady_clock::now();
  tape_->minute_wall_s.push_back(std::chrono::duration<double>(wall - tape_->minute_began).count());
  tape_->minute_rss_mib.push_back(resident_mib());
  tape_->minute_began = wall;
}

void player::emit_sound(emitter& to) {
  const item& plays = *tape_->plays;
  const std::int64_t first = next_chunk_ * chunk_samples;
  const auto total = static_cast<std::int64_t>(plays.input.size());
  const std::int64_t end = std::min(first + chunk_samples, total);
  std::vector<float> samples(plays.input.begin() + first, plays.input.begin() + end);
  if (plays.way.echo_db < 0) {
    const std::lock_guard hold(tape_->lock);
    const auto gain = static_cast<float>(std::pow(10.0, plays.way.echo_db / 20));
    const auto delay = std::llround(plays.way.echo_delay_s * rate_hz);
    for (std::int64_t i = first; i < end; ++i)
      if (i >= delay && i - delay < static_cast<std::int64_t>(tape_->sound.size()))
        samples[static_cast<std::size_t>(i - first)] +=
            gain * tape_->sound[static_cast<std::size_t>(i - delay)];
  }
  to.emit(
      static_cast<std::size_t>(how_.audio_port), timestamp::of_samples(first, rate_hz),
      audio_chunk{static_cast<std::int32_t>(rate_hz), 1, first, buffer::take(std::move(samples))});
}

void player::emit_frames(timestamp until, emitter& to) {
  const auto& frames = tape_->plays->frames;
  for (; next_frame_ < frames.size(); ++next_frame_) {
    const timestamp at(std::llround(frames[next_frame_].at_s * 1e9));
    if (at >= until) return;
    to.emit(static_cast<std::size_t>(how_.video_port), at,
            scaled(frames[next_frame_], how_.width, how_.height));
  }
}

result<source_state> player::produce(timestamp until, emitter& to) {
  const auto chunks =
      (static_cast<std::int64_t>(tape_->plays->input.size()) + chunk_samples - 1) / chunk_samples;
  if (!context_.time->is_virtual())
    if (const auto wait = until - context_.time->now(); wait.count() > 0)
      std::this_thread::sleep_for(wait);
  if (how_.video_port >= 0) emit_frames(until, to);
  for (; next_chunk_ < chunks && released(next_chunk_) <= until; ++next_chunk_)
    if (how_.audio_port >= 0) emit_sound(to);
  if (how_.audio_port >= 0) note_minute(until);
  return next_chunk_ < chunks ? source_state::more : source_state::end_of_stream;
}

}  // namespace hocket::duplex
