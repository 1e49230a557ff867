// From mel patches to a waveform by a small network that was trained for it (tools/vocoder).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "engine/audio/vocoder.hpp"
#include "graph/core/result.hpp"

namespace hocket::engine {

/// A trained vocoder. Never changed. *Threads*: any. *Memory*: 1.3 MB as it is trained.
class vocoder_weights {
 public:
  /// *Errors*: vocoder.weights: what the file lacks, has in another shape or not as finite numbers; those
  /// of the file.
  static result<std::shared_ptr<const vocoder_weights>> open(const std::string& path);
  ~vocoder_weights();

  struct parts;
  const parts& inside() const { return *parts_; }

 private:
  vocoder_weights();
  std::unique_ptr<parts> parts_;
};

/// Streaming; one instance per session. A copy goes on as the original would (a forked session).
///
/// Of every mel frame (12.5 ms) a causal network says how high the voice is, and how a train of pulses and
/// noise have to be filtered (a minimum phase, so that nothing sounds before its time).
///
/// *Inputs*: any number of patches [n, 320] of normalised log-mel (speech_mel.hpp) and their voice gates; a
/// patch whose gate is 0 is silence, whatever it holds. *Outputs*: n * 800 samples, 16 kHz. There is no
/// look-ahead. The same bits however the patches are cut into calls. Speech that stops (gate 0) rings out
/// within 52 ms; after 0.3 s of silence the state is that of a new session. A pure function of what was
/// pushed since `reset`. *Latency*: about 120 us of a core per frame that speaks (believed; not measured
/// on an idle core), nothing while silent.
/// *Source*: harmonic plus noise synthesis by a network's filters (Engel et al. 2020, DDSP), minimum phase
/// from the folded cepstrum (Oppenheim and Schafer), a network of separable convolutions.
class learnt_vocoder {
 public:
  explicit learnt_vocoder(std::shared_ptr<const vocoder_weights> weights);
  learnt_vocoder(const learnt_vocoder& other);
  learnt_vocoder& operator=(const learnt_vocoder& other);
  learnt_vocoder(learnt_vocoder&&) noexcept;
  learnt_vocoder& operator=(learnt_vocoder&&) noexcept;
  ~learnt_vocoder();

  void push(std::span<const float> patches, std::span<const std::uint8_t> voice,
            std::span<float> out);
  void reset();

 private:
  struct state;
  std::shared_ptr<const vocoder_weights> weights_;
  std::unique_ptr<state> state_;
};

/// The vocoder of a model: the learnt one where it has weights, else that without a learnt part.
class voice_sound {
 public:
  explicit voice_sound(std::shared_ptr<const vocoder_weights> weights = nullptr) {
    if (weights) way_.emplace<learnt_vocoder>(std::move(weights));
  }
  /// As `vocoder::push`: a micro-turn.
  void push(std::span<const float> patches, std::span<const std::uint8_t> voice,
            std::span<float> out) {
    std::visit([&](auto& way) { way.push(patches, voice, out); }, way_);
  }

 private:
  std::variant<vocoder, learnt_vocoder> way_;
};

}  // namespace hocket::engine
