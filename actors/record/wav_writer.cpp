#include "actors/record/wav_writer.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

namespace hocket::record {
namespace {

constexpr std::int64_t header_bytes = 44;

result<void> cannot_write(const std::string& path) {
  return fail("record.cannot_write", path + ": " + std::strerror(errno));
}

std::int16_t to_pcm(float v) {
  if (!(v == v)) return 0;  // NaN
  return static_cast<std::int16_t>(std::lrint(std::clamp(v, -1.0f, 1.0f) * 32767.0f));
}

}  // namespace

result<std::unique_ptr<wav_writer>> wav_writer::create(const std::string& path,
                                                       std::int32_t rate_hz, std::int32_t channels,
                                                       std::int64_t window_frames) {
  auto to = trust::create_file(path);
  if (!to) return fail("record.cannot_write", to.error().message);
  return on(std::move(*to), rate_hz, channels, window_frames, false);
}

result<std::unique_ptr<wav_writer>> wav_writer::resume(const std::string& path,
                                                       std::int32_t rate_hz, std::int32_t channels,
                                                       std::int64_t window_frames) {
  auto to = trust::create_file(path, trust::create_as::kept);
  if (!to) return fail("record.cannot_write", to.error().message);
  return on(std::move(*to), rate_hz, channels, window_frames, true);
}

result<std::unique_ptr<wav_writer>> wav_writer::on(trust::file to, std::int32_t rate_hz,
                                                   std::int32_t channels,
                                                   std::int64_t window_frames, bool keep) {
  std::unique_ptr<wav_writer> made(new wav_writer(std::move(to), rate_hz, channels, window_frames));
  if (const auto there = ::lseek(made->file_.fd(), 0, SEEK_END); keep && there > header_bytes)
    made->start_ = made->clean_to_ = (there - header_bytes) / (channels * 2);
  HOCKET_TRY(made->write_header());
  return made;
}

wav_writer::~wav_writer() { (void)flush(); }

result<std::int64_t> wav_writer::put(std::int32_t channel, std::int64_t first,
                                     std::span<const float> samples) {
  std::int64_t late = 0;
  if (first < start_) {
    late = std::min<std::int64_t>(start_ - first, static_cast<std::int64_t>(samples.size()));
    samples = samples.subspan(static_cast<std::size_t>(late));
    first += late;
  }
  // In steps that fit the window: growing it may push its beginning out.
  while (!samples.empty()) {
    const auto n =
        std::min<std::int64_t>(static_cast<std::int64_t>(samples.size()), window_frames_);
    HOCKET_TRY(extend_to(first + n));
    for (std::int64_t i = 0; i < n; ++i)
      window_[static_cast<std::size_t>((first + i - start_) * channels_ + channel)] =
          to_pcm(samples[static_cast<std::size_t>(i)]);
    clean_to_ = std::min(clean_to_, first);
    samples = samples.subspan(static_cast<std::size_t>(n));
    first += n;
  }
  return late;
}

result<void> wav_writer::extend_to(std::int64_t frames) {
  if (frames > this->frames() + max_jump_frames)
    return fail("record.bad_time", path() + ": a sample index lies more than an hour ahead");
  // In steps, so that a long silence does not sit in memory as a whole.
  while (this->frames() < frames) {
    const auto step = std::min(frames - this->frames(), window_frames_);
    window_.resize(window_.size() + static_cast<std::size_t>(step * channels_), 0);
    if (window_size() > 2 * window_frames_) trim();
  }
  return {};
}

void wav_writer::trim() {
  (void)flush();  // what it could not write shows in clean_to_
  const auto drop = window_size() - window_frames_;
  if (drop <= 0) return;
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(drop * channels_));
  start_ += drop;
  if (clean_to_ >= start_) return;
  lost_frames_ += std::min(start_ - clean_to_, drop);
  clean_to_ = start_;
}

result<void> wav_writer::flush() {
  const auto from = std::max(clean_to_, start_);
  if (from < frames()) {
    const auto skip = static_cast<std::size_t>((from - start_) * channels_);
    HOCKET_TRY(write_at(header_bytes + from * channels_ * 2,
                        std::as_bytes(std::span(window_).subspan(skip))));
    clean_to_ = frames();
    return write_header();
  }
  return {};
}

result<void> wav_writer::write_header() {
  // RIFF sizes have 32 bits; beyond 4 GiB readers take "as long as the file".
  const auto data = static_cast<std::uint32_t>(std::min<std::int64_t>(
      frames() * channels_ * 2, std::numeric_limits<std::uint32_t>::max() - 64));
  const auto block = static_cast<std::uint16_t>(channels_ * 2);
  std::array<std::byte, header_bytes> header{};
  std::size_t at = 0;
  const auto put = [&](const auto& v, std::size_t n) {
    std::memcpy(header.data() + at, &v, n);
    at += n;
  };
  const auto u32 = [&](std::uint32_t v) { put(v, 4); };
  const auto u16 = [&](std::uint16_t v) { put(v, 2); };
  put("RIFF", 4);
  u32(data + 36);
  put("WAVEfmt ", 8);
  u32(16);
  u16(1);  // PCM
  u16(static_cast<std::uint16_t>(channels_));
  u32(static_cast<std::uint32_t>(rate_hz_));
  u32(static_cast<std::uint32_t>(rate_hz_) * block);
  u16(block);
  u16(16);
  put("data", 4);
  u32(data);
  return write_at(0, header);
}

result<void> wav_writer::write_at(std::int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto n = ::pwrite(file_.fd(), bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return cannot_write(path());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

}  // namespace hocket::record
