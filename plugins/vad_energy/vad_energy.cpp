#include "plugins/vad_energy/vad_energy.hpp"

#include <cstdlib>

#include "graph/contract/plugin.hpp"

namespace hocket::vad_energy {
namespace {

enum output : std::size_t { segments_out, events_out };
constexpr std::int64_t longest_gap = 60LL * rate_hz;

const char* name_of(detection::kind what) {
  switch (what) {
    case detection::kind::speech_begin: return "speech_begin";
    case detection::kind::barge_in: return "barge_in";
    case detection::kind::speech_end: return "speech_end";
  }
  return "";
}

}  // namespace

void vad::config::visit(config_visitor& v) {
  auto& o = options;
  v.field({.name = "min_level_dbfs",
           .doc = "quieter sound is never speech of the person near the microphone",
           .unit = "dBFS",
           .min = -90,
           .max = 0},
          o.min_level_dbfs);
  v.field({.name = "margin_db",
           .doc = "speech is louder than the noise of the last 3 s by this",
           .unit = "dB",
           .min = 1,
           .max = 60},
          o.margin_db);
  v.field({.name = "near_db",
           .doc = "quieter than the person so far by more than this is somebody far",
           .unit = "dB",
           .min = 1,
           .max = 100},
          o.near_db);
  v.field({.name = "onset_ms",
           .doc = "sound that lasts so long begins an utterance",
           .unit = "ms",
           .min = 10,
           .max = 1000},
          o.onset_ms);
  v.field({.name = "barge_in_ms",
           .doc = "sound that lasts so long interrupts whoever talks",
           .unit = "ms",
           .min = 10,
           .max = 5000},
          o.barge_in_ms);
  v.field({.name = "endpoint_ms",
           .doc = "silence that lasts so long ends the utterance: shorter answers sooner, longer "
                  "cuts fewer pauses",
           .unit = "ms",
           .min = 50,
           .max = 5000},
          o.endpoint_ms);
  v.field({.name = "pre_ms",
           .doc = "sound before the onset that belongs to a segment",
           .unit = "ms",
           .min = 0,
           .max = 1000},
          o.pre_ms);
  v.field({.name = "post_ms",
           .doc = "sound behind the end that belongs to a segment, at most endpoint_ms",
           .unit = "ms",
           .min = 0,
           .max = 1000},
          o.post_ms);
  v.field({.name = "max_ms",
           .doc = "a longer utterance is cut",
           .unit = "ms",
           .min = 1000,
           .max = 120000},
          o.max_ms);
}

component_info vad::info() {
  const media_type voice{.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1};
  return {.type = "vad.energy",
          .summary = "Cuts sound into utterances by its energy: begin, barge-in, end of speech.",
          .inputs = {{"audio", voice, "sound in chunks of any length", true,
                      default_queue(payload_kind::audio)}},
          .outputs = {{"segments", voice, "one chunk per utterance, when it has ended"},
                      {"events",
                       {.kind = payload_kind::text},
                       "`speech_begin`, `barge_in`, `speech_end`, role `vad`"}},
          .latency_ms = 500};
}

result<void> vad::open(const context& where) {
  context_ = where;
  return {};
}

result<void> vad::process(std::size_t, const packet& p, emitter& out) {
  const auto* audio = p.get_if<audio_chunk>();
  if (!audio) return {};
  if (audio->rate_hz != rate_hz || audio->channels != 1) {
    context_.count("wrong_format", 1);
    return {};
  }
  auto samples = audio->samples.as<float>();
  const auto first = audio->first_sample;
  if (detector_ && std::abs(first - detector_->next()) > longest_gap) {
    context_.count("restarts_of_time", 1);
    send(detector_->finish(), out);
    detector_.reset();
  }
  if (!detector_) detector_.emplace(config_.options, first);
  if (const auto gap = first - detector_->next(); gap > 0) {
    context_.count("gap_samples", gap);
    send(detector_->push(std::vector<float>(static_cast<std::size_t>(gap), 0.0f)), out);
  } else if (gap < 0) {
    const auto again = std::min<std::int64_t>(-gap, static_cast<std::int64_t>(samples.size()));
    context_.count("repeated_samples", again);
    samples = samples.subspan(static_cast<std::size_t>(again));
  }
  send(detector_->push(samples), out);
  return {};
}

void vad::send(std::vector<detection> found, emitter& out) {
  for (auto& d : found) {
    if (d.what == detection::kind::speech_end) {
      context_.count("utterances", 1);
      out.emit(segments_out, timestamp::of_samples(d.first, rate_hz),
               audio_chunk{rate_hz, 1, d.first, buffer::take(std::move(d.samples))});
    }
    out.emit(events_out, timestamp::of_samples(d.at, rate_hz), text{name_of(d.what), "vad"});
  }
}

result<void> vad::on_control(std::size_t, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c && c->what == control::kind::end_of_stream) return close(out);
  return {};
}

// The stream's end ends an utterance too.
result<void> vad::close(emitter& out) {
  if (detector_) send(detector_->finish(), out);
  detector_.reset();
  return {};
}

}  // namespace hocket::vad_energy

HOCKET_PLUGIN(vad_energy) { return into.add(hocket::type_of<hocket::vad_energy::vad>()); }
