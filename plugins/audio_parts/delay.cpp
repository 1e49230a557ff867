#include "plugins/audio_parts/delay.hpp"

#include "plugins/audio_parts/common.hpp"

namespace hocket::audio_parts {

void delay::config::visit(config_visitor& v) {
  v.field({.name = "delay_ms", .doc = "later by so much", .unit = "ms", .min = 0, .max = 600000},
          delay_ms);
}

component_info delay::info() {
  return {.type = "audio.delay",
          .summary = "Puts sound to a later stream time.",
          .inputs = {{"audio", any_audio(), "any rate and number of channels"}},
          .outputs = {{"audio", any_audio(), "the same samples, `delay_ms` later"}}};
}

result<void> delay::process(std::size_t, const packet& p, emitter& out) {
  if (const auto* chunk = p.get_if<audio_chunk>()) {
    auto later = *chunk;
    later.first_sample += sample_at(timestamp::of_ms(config_.delay_ms), chunk->rate_hz);
    send(0, std::move(later), out);
  }
  return {};
}

}  // namespace hocket::audio_parts
