// The mel analysis of the model's own voice: what its flow head draws and its vocoder sounds.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hocket::engine {

/// The layout of speech patches. These constants belong to a trained model: they are written into
/// its config, and a model with other values is refused.
struct speech_format {
  static constexpr std::size_t hop_samples = 200;     ///< 12.5 ms
  static constexpr std::size_t window_samples = 800;  ///< 50 ms, periodic Hann, also the FFT size
  static constexpr std::size_t channels = 80;         ///< Slaney mel, 0..8000 Hz, magnitudes
  static constexpr std::size_t frames_per_patch = 4;  ///< 50 ms
  static constexpr std::size_t patch_samples = 800;
  static constexpr std::size_t patch_size = frames_per_patch * channels;  ///< 320
  static constexpr float log10_floor = -3.5f;  ///< quieter is inaudible beside speech
  static constexpr float mean = -2.4f;  ///< normalised = (log10 - mean) / scale, measured over the
  static constexpr float scale = 0.9f;  ///< teacher voice's phrases
};

/// Log-mel frames of a whole signal: frame i is the window [i * 200, i * 200 + 800), zeros after
/// the end; n = ceil(samples / 200) frames, [n, 80] log10 of magnitudes, not below the floor.
///
/// The window *begins* at the frame's time, so that all windows that cover a sample belong to
/// frames at or before it: a vocoder that has the frames up to now can sound everything up to now,
/// with no look-ahead. The teacher knows what it will say, so its labels may look ahead.
std::vector<float> speech_mel_of(std::span<const float> samples);

/// Normalised patches [ceil(samples / 800), 320] of a whole signal.
std::vector<float> speech_patches_of(std::span<const float> samples);

/// In place: log10 mel to normalised numbers and back.
void normalise_speech(std::span<float> log_mel);
void denormalise_speech(std::span<float> normalised);

}  // namespace hocket::engine
