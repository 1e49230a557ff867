#include "actors/encoder/dmel.hpp"

#include <algorithm>

namespace hocket::encoder {
namespace {
using format = engine::dmel_format;
constexpr auto hop = static_cast<std::int64_t>(format::hop_samples);
constexpr auto channels = static_cast<std::int64_t>(format::channels);
constexpr std::int64_t longest_gap = 60LL * engine::sample_rate_hz;
}  // namespace

component_info dmel::info() {
  return {
      .type = "audio.dmel",
      .summary =
          "Turns sound into causal dMel frames, one per 50 ms: what the interaction "
          "model hears.",
      .inputs = {{"audio",
                  {.kind = payload_kind::audio, .rate_hz = engine::sample_rate_hz, .channels = 1},
                  "sound in chunks of any length",
                  true,
                  default_queue(payload_kind::audio)}},
      .outputs = {{"frames",
                   {.kind = payload_kind::tensor,
                    .element = dtype::u8,
                    .shape = {-1, channels},
                    .packets_per_s = 20},
                   "dMel bins 0..15, [T, 80], 50 ms a row"}},
      .latency_ms = 1};
}

result<void> dmel::open(const context& where) {
  context_ = where;
  return {};
}

result<void> dmel::process(std::size_t, const packet& p, emitter& out) {
  const auto* audio = p.get_if<audio_chunk>();
  if (!audio) return {};
  if (audio->rate_hz != engine::sample_rate_hz || audio->channels != 1) {
    context_.count("wrong_format", 1);
    return {};
  }
  auto samples = audio->samples.as<float>();
  const auto first = audio->first_sample;
  if (next_ && std::abs(first - *next_) > longest_gap) {
    context_.count("restarts_of_time", 1);
    next_.reset();
    pending_.clear();
    encoder_.reset();
  }
  if (!next_) {
    // The stream begins here: on the 50 ms grid, with silence before.
    frame_ = first >= 0 ? first / hop : -((-first + hop - 1) / hop);
    next_ = frame_ * hop;
  } else if (first > *next_) {
    context_.count("gap_samples", first - *next_);
  }
  if (first > *next_) push(std::vector<float>(static_cast<std::size_t>(first - *next_), 0.0f), out);
  if (first < *next_) {
    const auto again =
        std::min<std::int64_t>(*next_ - first, static_cast<std::int64_t>(samples.size()));
    context_.count("repeated_samples", again);
    samples = samples.subspan(static_cast<std::size_t>(again));
  }
  push(samples, out);
  return {};
}

void dmel::push(std::span<const float> samples, emitter& out) {
  encoder_.push(samples, pending_);
  *next_ += static_cast<std::int64_t>(samples.size());
  send(false, out);
}

// Packets end on the grid of frames_per_packet; `all` also sends a shorter last one.
void dmel::send(bool all, emitter& out) {
  for (;;) {
    const auto have = static_cast<std::int64_t>(pending_.size() / format::channels);
    const auto group = config_.frames_per_packet;
    const auto to_grid = group - ((frame_ % group) + group) % group;
    if (have == 0 || (have < to_grid && !all)) return;
    const auto rows = std::min(have, to_grid);
    const auto bytes = static_cast<std::ptrdiff_t>(rows * channels);
    std::vector<std::uint8_t> data(pending_.begin(), pending_.begin() + bytes);
    pending_.erase(pending_.begin(), pending_.begin() + bytes);
    const auto at = timestamp::of_samples(frame_ * hop, engine::sample_rate_hz);
    frame_ += rows;
    const auto end = timestamp::of_samples(frame_ * hop, engine::sample_rate_hz);
    out.emit(0, at, tensor{dtype::u8, {rows, channels}, buffer::take(std::move(data))});
    out.emit(0, end, control{control::kind::bound, "", 0});
  }
}

result<void> dmel::on_control(std::size_t, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c && c->what == control::kind::end_of_stream) finish(out);
  return {};
}

// The last, shorter hop sounds as if silence followed.
void dmel::finish(emitter& out) {
  if (!next_) return;
  encoder_.flush(pending_);
  send(true, out);
  next_.reset();
  encoder_.reset();
}

result<void> dmel::close(emitter& out) {
  finish(out);
  return {};
}

}  // namespace hocket::encoder
