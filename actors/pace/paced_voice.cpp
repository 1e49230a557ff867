#include "actors/pace/paced_voice.hpp"

#include <SoundTouch.h>

#include <algorithm>
#include <cmath>

namespace hocket::pace {
namespace {

/// About -50 dBFS: a voice is louder.
constexpr float audible = 0.003f;
constexpr std::int64_t pieces_per_s = 100;
constexpr std::int64_t fades_per_s = 200;
/// The stretcher gives its output in blocks, some 50 ms after their input: so much silence in front of an
/// utterance, once, is why none falls into it.
constexpr double lead_s = 0.08;
/// For speech, by SoundTouch's own advice: blocks of 40 ms, sought within 15 ms, joined over 8 ms.
constexpr int block_ms = 40, seek_ms = 15, overlap_ms = 8;

}  // namespace

bool has_voice(std::span<const float> samples) {
  return std::ranges::any_of(samples, [](float v) { return std::fabs(v) > audible; });
}

paced_voice::paced_voice(std::int32_t rate_hz, std::int32_t channels, limits l)
    : rate_hz_(rate_hz),
      channels_(channels),
      limits_(l),
      stretch_(std::make_unique<soundtouch::SoundTouch>()) {
  stretch_->setSampleRate(static_cast<unsigned>(rate_hz));
  stretch_->setChannels(static_cast<unsigned>(channels));
  stretch_->setSetting(SETTING_SEQUENCE_MS, block_ms);
  stretch_->setSetting(SETTING_SEEKWINDOW_MS, seek_ms);
  stretch_->setSetting(SETTING_OVERLAP_MS, overlap_ms);
}

paced_voice::~paced_voice() = default;

void paced_voice::put(std::span<const float> samples) {
  const auto piece = static_cast<std::size_t>(rate_hz_ / pieces_per_s * channels_);
  for (std::size_t at = 0; at < samples.size(); at += piece) {
    const auto part = samples.subspan(at, std::min(piece, samples.size() - at));
    if (has_voice(part)) {
      silent_ = 0;
      if (!is_speaking_) begin_utterance();
      feed(part);
      continue;
    }
    silent_ += frames_of(part.size());
    if (!is_speaking_) continue;
    if (silent_ <= limits_.longest_pause)
      feed(part);
    else
      end_utterance();
  }
}

void paced_voice::begin_utterance() {
  is_speaking_ = true;
  // A rest that is shorter than it, such as a fade after an interruption, leads no further than it lasts.
  const auto lead =
      static_cast<std::size_t>(lead_s * rate_hz_) * static_cast<std::size_t>(channels_);
  if (waits_.size() < lead) waits_.resize(lead, 0.0f);
}

void paced_voice::end_utterance() {
  is_speaking_ = false;
  stretch_->flush();
  collect();
  stretch_->clear();
}

void paced_voice::feed(std::span<const float> samples) {
  const auto frames = frames_of(samples.size());
  if (is_hurrying_ ? behind() < limits_.most_behind / 2 : behind() > limits_.most_behind)
    is_hurrying_ = !is_hurrying_;
  if (is_hurrying_) hurried_ += frames;
  stretch_->setTempo(is_hurrying_ ? 1.0 : pace_);
  stretch_->putSamples(samples.data(), static_cast<unsigned>(frames));
  collect();
}

void paced_voice::collect() {
  std::vector<float> got(static_cast<std::size_t>(stretch_->numSamples()) *
                         static_cast<std::size_t>(channels_));
  if (got.empty()) return;
  const auto n = stretch_->receiveSamples(got.data(), static_cast<unsigned>(frames_of(got.size())));
  waits_.insert(waits_.end(), got.begin(),
                got.begin() + static_cast<std::ptrdiff_t>(n) * channels_);
}

std::vector<float> paced_voice::take(std::int64_t frames) {
  const auto wanted = static_cast<std::size_t>(frames * channels_);
  std::vector<float> out(wanted, 0.0f);
  const auto there = std::min(wanted, waits_.size());
  // Within an utterance silence comes before what is there, never behind it.
  const auto from = is_speaking_ ? wanted - there : 0;
  std::copy_n(waits_.begin(), there, out.begin() + static_cast<std::ptrdiff_t>(from));
  waits_.erase(waits_.begin(), waits_.begin() + static_cast<std::ptrdiff_t>(there));
  return out;
}

void paced_voice::drop() {
  const auto fade = static_cast<std::size_t>(rate_hz_ / fades_per_s * channels_);
  const auto kept = std::min(fade, waits_.size());
  dropped_ += frames_of(waits_.size() - kept);
  waits_.resize(kept);
  for (std::size_t i = 0; i < kept; ++i)
    waits_[i] *= 1.0f - static_cast<float>(i + 1) / static_cast<float>(kept);
  stretch_->clear();
  is_speaking_ = is_hurrying_ = false;
}

}  // namespace hocket::pace
