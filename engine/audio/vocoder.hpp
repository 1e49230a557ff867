// From the mel patches that the model draws to a waveform, one micro-turn at a time.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/audio/fft.hpp"
#include "engine/audio/mel_filters.hpp"

namespace hocket::engine {

struct vocoder_options {
  int iterations = 16;    ///< of phase retrieval per micro-turn
  int nnls_steps = 20;    ///< mel to linear magnitudes
  float momentum = 0.9f;  ///< of the fast Griffin-Lim iteration
};

/// Streaming spectrogram inversion without a learnt part; one instance per session. A copy goes on
/// as the original would (a forked session).
///
/// *Inputs*: per micro-turn 4 patches [4, 320] normalised log-mel (speech_mel.hpp) and 4 voice
/// gates; a patch whose gate is 0 is silence, whatever it holds. *Outputs*: exactly 3200 samples,
/// 16 kHz. There is no look-ahead: a speech frame begins at its time, so what sounds in a
/// micro-turn follows from the patches up to it. Micro-turns join without a seam: the last 600
/// samples stay open until the next patches are in. Speech that stops (gate 0) fades within 37.5
/// ms. A pure function of what was pushed since `reset`. *Latency*: 4.5 ms of one core per
/// micro-turn (median), nothing while silent; vocoder.test.cpp prints it. *Memory*: 100 kB.
/// *Source*: mel inversion by multiplicative updates (Lee and Seung 1999); initial phases by
/// single-pass spectrogram inversion (Beauregard et al. 2015); refined by the fast Griffin-Lim
/// iteration (Perraudin et al. 2013), with what already sounded held fixed as in real-time
/// iterative inversion with look-ahead (Zhu et al. 2007), the look-ahead being the rest of the
/// micro-turn.
class vocoder {
 public:
  explicit vocoder(vocoder_options options = {});

  /// `patches`: [4 * 320], `voice`: [4], `out`: [3200].
  void push(std::span<const float> patches, std::span<const std::uint8_t> voice,
            std::span<float> out);
  void reset();

 private:
  using spectrum = std::vector<std::complex<float>>;

  void magnitudes_of(const float* patch_frame, std::span<float> magnitude);
  void first_phases(std::size_t frame);
  void overlap_add();
  void iterate();

  vocoder_options options_;
  real_fft fft_;
  mel_filters filters_;
  std::vector<std::size_t> low_filter_;  // per bin: the lower of its two filters
  std::vector<float> low_weight_, high_weight_, column_sum_;
  std::vector<float> window_, cover_;  // [800]; [3200 + 600] sum of squared windows
  // Frames -3 .. 15 of the micro-turn, in this order; the first three belong to the one before.
  std::vector<std::vector<float>> magnitude_;
  std::vector<spectrum> phase_;       // unit vectors times magnitude
  std::vector<spectrum> previous_;    // of the last iteration, for the momentum
  std::vector<float> running_phase_;  // of single-pass inversion, per bin
  std::vector<float> sound_;          // [600 settled | 3200 | 600 open]
  std::vector<float> sum_, frame_;
  spectrum scratch_;
  bool silent_ = true;  // nothing sounds and nothing is open
};

}  // namespace hocket::engine
