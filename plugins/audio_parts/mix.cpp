#include "plugins/audio_parts/mix.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "plugins/audio_parts/common.hpp"

namespace hocket::audio_parts {
namespace {

constexpr std::int64_t longest_wait_s = 60;  ///< of sound that says it is later than its packet

}  // namespace

void mix::config::visit(config_visitor& v) {
  v.field({.name = "rate_hz",
           .doc = "samples per second of all inputs and of what comes out",
           .unit = "Hz",
           .min = 1000,
           .max = 384000},
          rate_hz);
  v.field({.name = "channels", .doc = "of all inputs and of what comes out", .min = 1, .max = 64},
          channels);
  v.field(
      {.name = "gains_db",
       .doc = "by input, from a on: louder by so much; those that are not said stay as they are",
       .unit = "dB",
       .min = -120,
       .max = 60},
      gains_db);
}

component_info mix::info() {
  return {.type = "audio.mix",
          .summary = "Adds up to four sounds on stream time.",
          .inputs = {{"a", any_audio(), "sound at `rate_hz` with `channels`"},
                     {"b", any_audio(), "a second one", false},
                     {"c", any_audio(), "a third one", false},
                     {"d", any_audio(), "a fourth one", false}},
          .outputs = {{"audio", any_audio(), "one chunk per micro-turn"}},
          .policy = input_policy::micro_turn,
          .latency_ms = 200};
}

result<void> mix::open(const context& where) {
  context_ = where;
  gain_.fill(1);
  if (config_.gains_db.size() > inputs_max)
    return fail("mix.bad_gains", fmt::format("gains_db: {} gains for {} inputs",
                                             config_.gains_db.size(), inputs_max));
  for (std::size_t i = 0; i < config_.gains_db.size(); ++i)
    gain_.at(i) = from_db(config_.gains_db[i]);
  return {};
}

// Puts what came beside what still waits; of what is out already only the count is left.
void mix::take(const bundle& set, std::int64_t from) {
  for (std::size_t port = 0; port < std::min(inputs_max, set.inputs.size()); ++port) {
    for (const auto& p : set.inputs[port]) {
      const auto* chunk = p.get_if<audio_chunk>();
      if (!chunk) continue;
      if (p.header.epoch > epoch_.at(port)) {
        // Somebody barged in: sound that was made anew takes the place of what overlaps it.
        epoch_.at(port) = p.header.epoch;
        for (auto& old : waiting_.at(port)) old = part_of(old, INT64_MIN, chunk->first_sample);
      }
      if (chunk->rate_hz != config_.rate_hz || chunk->channels != config_.channels) {
        context_.count("wrong_format", 1);
        continue;
      }
      if (chunk->first_sample - from > config_.rate_hz * longest_wait_s) {
        context_.count("early_chunks", 1);
        continue;
      }
      const auto end = chunk->first_sample + chunk->frames();
      if (const auto late = std::min(end, from) - chunk->first_sample; late > 0)
        context_.count("late_samples", late);
      if (end > from) waiting_.at(port).push_back(*chunk);
    }
  }
}

void mix::add(const audio_chunk& chunk, float gain, std::int64_t from, std::int64_t to,
              std::vector<float>& into) {
  const auto begin = std::max(from, chunk.first_sample);
  const auto end = std::min(to, chunk.first_sample + chunk.frames());
  const auto samples = chunk.samples.as<float>();
  const auto width = config_.channels;
  for (auto i = begin * width; i < end * width; ++i)
    into[static_cast<std::size_t>(i - from * width)] +=
        gain * samples[static_cast<std::size_t>(i - chunk.first_sample * width)];
}

result<void> mix::process_sets(std::span<const bundle> sets, emitter& out) {
  for (const auto& set : sets) {
    const auto from = sample_at(set.from, config_.rate_hz), to = sample_at(set.to, config_.rate_hz);
    take(set, from);
    std::vector<float> sum(static_cast<std::size_t>((to - from) * config_.channels));
    for (std::size_t port = 0; port < inputs_max; ++port) {
      for (const auto& chunk : waiting_.at(port)) add(chunk, gain_.at(port), from, to, sum);
      std::erase_if(waiting_.at(port),
                    [&](const auto& c) { return c.first_sample + c.frames() <= to; });
    }
    if (const auto clipped = clip(sum); clipped > 0) context_.count("clipped_samples", clipped);
    send(0,
         {static_cast<std::int32_t>(config_.rate_hz), static_cast<std::int32_t>(config_.channels),
          from, buffer::take(std::move(sum))},
         out);
  }
  return {};
}

// Whatever was made ahead is of the old epoch; what goes out from here on would be of the new one.
result<void> mix::on_control(std::size_t, const packet& p, emitter&) {
  const auto* c = p.get_if<control>();
  if (c && c->what == control::kind::interrupt)
    for (auto& waiting : waiting_) cut_ahead(waiting, p.header.ts);
  return {};
}

}  // namespace hocket::audio_parts
