#include "plugins/audio_parts/remix.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "plugins/audio_parts/common.hpp"

namespace hocket::audio_parts {
namespace {

constexpr std::size_t channels_max = 64;

/// "0+1" -> {0, 1}; empty where it is no such list.
std::vector<std::size_t> channels_of(std::string_view entry) {
  std::vector<std::size_t> out;
  const char* at = entry.data();
  const char* const end = at + entry.size();
  while (true) {
    std::size_t channel = 0;
    const auto [behind, why] = std::from_chars(at, end, channel);
    if (why != std::errc() || channel >= channels_max) return {};
    out.push_back(channel);
    if (behind == end) return out;
    if (*behind != '+') return {};
    at = behind + 1;
  }
}

}  // namespace

void remix::config::visit(config_visitor& v) {
  v.field({.name = "take",
           .doc = "per channel that comes out: the channel of the input, from 0 on, or several as "
                  "`0+1`, whose mean it is; `[\"0\", \"0\"]` makes stereo of mono"},
          take);
  v.field({.name = "gain_db", .doc = "louder by so much", .unit = "dB", .min = -120, .max = 60},
          gain_db);
}

component_info remix::info() {
  return {.type = "audio.remix",
          .summary = "Makes channels of sound from others, and turns them up or down.",
          .inputs = {{"audio", any_audio(), "any rate and number of channels"}},
          .outputs = {{"audio", any_audio(), "one channel per entry of `take`"}}};
}

result<void> remix::open(const context& where) {
  context_ = where;
  take_.clear();
  if (config_.take.empty() || config_.take.size() > channels_max)
    return fail("remix.bad_take", fmt::format("take: names {} channels; write 1 to {}",
                                              config_.take.size(), channels_max));
  for (const auto& entry : config_.take) {
    take_.push_back(channels_of(entry));
    if (take_.back().empty())
      return fail("remix.bad_take",
                  fmt::format("take: \"{}\" names no channel of the input; write one from 0 to {}, "
                              "or several as \"0+1\"",
                              entry, channels_max - 1));
  }
  return {};
}

result<void> remix::process(std::size_t, const packet& p, emitter& out) {
  const auto* chunk = p.get_if<audio_chunk>();
  if (!chunk || chunk->frames() == 0) return {};
  if (!is_usual(*chunk)) {
    context_.count("wrong_format", 1);
    return {};
  }
  const auto in = static_cast<std::size_t>(chunk->channels);
  const auto frames = static_cast<std::size_t>(chunk->frames());
  const auto samples = chunk->samples.as<float>();
  std::vector<float> made(frames * take_.size());
  bool missing = false;
  for (std::size_t c = 0; c < take_.size(); ++c) {
    const auto gain = from_db(config_.gain_db) / static_cast<float>(take_[c].size());
    for (const auto from : take_[c]) {
      if (from >= in) {
        missing = true;
        continue;
      }
      for (std::size_t i = 0; i < frames; ++i)
        made[i * take_.size() + c] += gain * samples[i * in + from];
    }
  }
  if (missing) context_.count("missing_channels", 1);
  if (const auto clipped = clip(made); clipped > 0) context_.count("clipped_samples", clipped);
  send(0,
       {chunk->rate_hz, static_cast<std::int32_t>(take_.size()), chunk->first_sample,
        buffer::take(std::move(made))},
       out);
  return {};
}

}  // namespace hocket::audio_parts
