#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/contract/fwd.hpp"
#include "graph/core/result.hpp"
#include "graph/trust/files.hpp"

namespace hocket::record {

/// A 16-bit PCM WAV file that is a timeline: samples are put at their index, what nobody put is
/// silence, and a kill at any moment leaves a readable file.
///
/// The newest `window_frames` stay in memory and may still be changed; `flush` writes them and then
/// the sizes in the header, so the header never promises samples that are not there.
///
/// A disk that refuses costs no samples for as long as `window_frames`; what leaves the window
/// unwritten after that is silence in the file, and counted.
/// Errors: record.cannot_write (path and the system's words), of flush alone.
/// Threads: one at a time. Memory: 2 * window_frames * channels * 2 bytes.
class wav_writer {
 public:
  /// Writes to an open file; `keep`: goes on with what is there. Errors: record.cannot_write.
  static result<std::unique_ptr<wav_writer>> on(trust::file to, std::int32_t rate_hz,
                                                std::int32_t channels,
                                                std::int64_t window_frames = 5 * 16000,
                                                bool keep = false);
  /// For a path of the caller's own, as trust::create_file.
  static result<std::unique_ptr<wav_writer>> create(const std::string& path, std::int32_t rate_hz,
                                                    std::int32_t channels,
                                                    std::int64_t window_frames = 5 * 16000);
  /// Goes on with a file that an earlier life of its writer left; makes one where there is none.
  static result<std::unique_ptr<wav_writer>> resume(const std::string& path, std::int32_t rate_hz,
                                                    std::int32_t channels,
                                                    std::int64_t window_frames = 5 * 16000);
  ~wav_writer();
  wav_writer(const wav_writer&) = delete;
  wav_writer& operator=(const wav_writer&) = delete;

  /// Puts mono samples in [-1, 1] into one channel from frame `first` on; beyond is cut off.
  /// Returns how many frames came too late: before the window that can still be changed. More than
  /// `max_jump_frames` beyond the end is refused, so that a wrong index cannot fill the disk.
  result<std::int64_t> put(std::int32_t channel, std::int64_t first,
                           std::span<const float> samples);
  /// Makes the file at least this long, with silence.
  result<void> extend_to(std::int64_t frames);
  /// Data first, header after; what the disk refuses is tried again by the next one.
  result<void> flush();
  /// Frames that no disk took in time.
  std::int64_t lost_frames() const { return lost_frames_; }

  const std::string& path() const { return file_.path(); }
  std::int64_t frames() const { return start_ + window_size(); }

  static constexpr std::int64_t max_jump_frames = 3600LL * 16000;

 private:
  wav_writer(trust::file to, std::int32_t rate_hz, std::int32_t channels,
             std::int64_t window_frames)
      : file_(std::move(to)),
        rate_hz_(rate_hz),
        channels_(channels),
        window_frames_(window_frames) {}
  std::int64_t window_size() const { return static_cast<std::int64_t>(window_.size()) / channels_; }
  result<void> write_header();
  result<void> write_at(std::int64_t offset, std::span<const std::byte> bytes);
  void trim();

  trust::file file_;
  std::int32_t rate_hz_;
  std::int32_t channels_;
  std::int64_t window_frames_;
  std::int64_t start_ = 0;  ///< frame index of window_[0]
  std::int64_t lost_frames_ = 0;
  std::int64_t clean_to_ = 0;         ///< frames before this are in the file as they are here
  std::vector<std::int16_t> window_;  ///< [frames, channels]
};

/// Whether a component may write sound to a file of its own: not with --no-pii, nor where the run seals
/// what it keeps (a WAV is nothing that can be sealed); it says why. Errors: seal.bad_key.
result<bool> may_write_sound(const context& where);

/// The WAV file of a component, beneath the run's output folder; after a restart it goes on with what
/// is there. Errors: record.cannot_write.
result<std::unique_ptr<wav_writer>> open_wav(const context& where, const std::string& file,
                                             std::int32_t rate_hz, std::int32_t channels);

/// Stream sample with which such a file begins: the micro-turn in which its component's first life
/// began, so that what begins late in a run writes no hours of silence. `frames`: what is there already
/// after a restart; where that and the clock contradict each other, it goes on behind its end.
std::int64_t wav_begin(const context& where, std::int64_t frames, std::int32_t rate_hz);

}  // namespace hocket::record
