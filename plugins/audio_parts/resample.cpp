#include "plugins/audio_parts/resample.hpp"

#include <algorithm>

#include "plugins/audio_parts/common.hpp"

namespace hocket::audio_parts {
namespace {

constexpr std::int64_t most_made = 16'000'000;  ///< samples out of one chunk, 64 MB

/// round(n * out / in), exact in 64 bits for a century of sound.
std::int64_t scaled(std::int64_t n, std::int64_t out_hz, std::int64_t in_hz) {
  const auto whole = n / in_hz * out_hz, rest = n % in_hz * out_hz;
  return whole + (2 * rest + in_hz) / (2 * in_hz);
}

}  // namespace

void resample::config::visit(config_visitor& v) {
  v.field({.name = "rate_hz",
           .doc = "samples per second of what comes out",
           .unit = "Hz",
           .min = 1000,
           .max = 384000},
          rate_hz);
}

component_info resample::info() {
  return {.type = "audio.resample",
          .summary = "Changes the sample rate of sound.",
          .inputs = {{"audio", any_audio(), "any rate and number of channels"}},
          .outputs = {{"audio", any_audio(), "at `rate_hz`, on the same stream time"}},
          .latency_ms = 10};
}

result<void> resample::open(const context& where) {
  context_ = where;
  return {};
}

result<void> resample::begin(const audio_chunk& first) {
  stretch s{.rate_hz = first.rate_hz,
            .next_in = first.first_sample,
            .next_out = scaled(first.first_sample, config_.rate_hz, first.rate_hz),
            .epoch = 0,
            .channels = {}};
  for (std::int32_t c = 0; c < first.channels; ++c) {
    auto made = engine::resampler::make(first.rate_hz, static_cast<double>(config_.rate_hz));
    if (!made) return tl::unexpected(made.error());
    s.channels.push_back(std::move(*made));
  }
  stretch_ = std::move(s);
  return {};
}

result<void> resample::process(std::size_t, const packet& p, emitter& out) {
  const auto* chunk = p.get_if<audio_chunk>();
  if (!chunk) return {};
  if (!is_usual(*chunk)) {
    context_.count("wrong_format", 1);
    return {};
  }
  if (scaled(chunk->frames(), config_.rate_hz, chunk->rate_hz) > most_made / chunk->channels) {
    context_.count("too_long", 1);
    return {};
  }
  const auto channels = static_cast<std::size_t>(chunk->channels);
  if (stretch_ && (stretch_->rate_hz != chunk->rate_hz || stretch_->channels.size() != channels))
    finish(out);
  // After an interruption sound that was made anew does not join on, and what the filter holds is not
  // to be heard; a microphone's goes on without a hole.
  if (stretch_ && p.header.epoch > stretch_->epoch) {
    if (chunk->first_sample != stretch_->next_in)
      stretch_.reset();
    else
      stretch_->epoch = p.header.epoch;
  }
  if (stretch_ && chunk->first_sample > stretch_->next_in) {
    context_.count("gaps", 1);
    finish(out);
  }
  if (!stretch_) {
    HOCKET_TRY(begin(*chunk));
    stretch_->epoch = p.header.epoch;
  }
  const auto fresh = part_of(*chunk, stretch_->next_in, chunk->first_sample + chunk->frames());
  if (const auto again = chunk->frames() - fresh.frames(); again > 0)
    context_.count("repeated_samples", again);
  if (fresh.frames() == 0) return {};
  stretch_->next_in += fresh.frames();

  const auto samples = fresh.samples.as<float>();
  std::vector<std::vector<float>> made(channels);
  std::vector<float> one(static_cast<std::size_t>(fresh.frames()));
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < one.size(); ++i) one[i] = samples[i * channels + c];
    stretch_->channels[c].push(one, made[c]);
  }
  send_channels(std::move(made), out);
  return {};
}

void resample::send_channels(std::vector<std::vector<float>> made, emitter& out) {
  const auto channels = made.size(), frames = made.front().size();
  std::vector<float> woven(frames * channels);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < frames; ++i) woven[i * channels + c] = made[c][i];
  const auto first = stretch_->next_out;
  stretch_->next_out += static_cast<std::int64_t>(frames);
  send(0,
       {static_cast<std::int32_t>(config_.rate_hz), static_cast<std::int32_t>(channels), first,
        buffer::take(std::move(woven))},
       out);
}

// The tail that is still in the filter.
void resample::finish(emitter& out) {
  if (!stretch_) return;
  std::vector<std::vector<float>> made(stretch_->channels.size());
  for (std::size_t c = 0; c < made.size(); ++c) stretch_->channels[c].flush(made[c]);
  send_channels(std::move(made), out);
  stretch_.reset();
}

result<void> resample::on_control(std::size_t, const packet& p, emitter& out) {
  if (const auto* c = p.get_if<control>(); c && c->what == control::kind::end_of_stream)
    finish(out);
  return {};
}

result<void> resample::close(emitter& out) {
  finish(out);
  return {};
}

}  // namespace hocket::audio_parts
