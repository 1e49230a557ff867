#include "actors/record/wav_record.hpp"

namespace hocket::record {
namespace {
constexpr std::int32_t rate_hz = 16000;
}

component_info wav_record::info() {
  const media_type voice{.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1};
  const auto queue = default_queue(payload_kind::audio);
  return {.type = "record.wav",
          .summary = "Writes both voices into one stereo WAV file: person left, model right.",
          .inputs = {{"person", voice, "what the person said", false, queue},
                     {"model", voice, "what the model said or what was played", false, queue}},
          .outputs = {},
          .blocking = true,
          .ticks = true};
}

result<void> wav_record::open(const context& where) {
  context_ = where;
  const auto may = may_write_sound(where);
  if (!may) return fail(may);
  if (!*may) return {};
  auto made = open_wav(where, config_.file, rate_hz, 2);
  if (!made) return fail(made);
  file_ = std::move(*made);
  return {};
}

result<void> wav_record::process(std::size_t port, const packet& p, emitter&) {
  const auto* audio = p.get_if<audio_chunk>();
  if (!audio || !file_) return {};
  if (audio->rate_hz != rate_hz || audio->channels != 1) {
    context_.count("wrong_format", 1);
    return {};
  }
  auto late = file_->put(port == 0 ? 0 : 1, audio->first_sample, audio->samples.as<float>());
  if (!late) return fail(late);
  if (*late > 0) context_.count("late_samples", *late);
  return {};
}

result<void> wav_record::tick(std::int64_t micro_turn, emitter&) {
  if (!file_) return {};
  const auto end = context_.grid.end_of(micro_turn);
  HOCKET_TRY(file_->extend_to(end.ns() / 1000 * rate_hz / 1'000'000));
  flush();
  return {};
}

// A full disk is no reason to end a conversation.
void wav_record::flush() {
  disk_.note(context_, file_->path(), file_->flush());
  if (const auto lost = file_->lost_frames(); lost > told_lost_) {
    context_.count("lost_frames", lost - told_lost_);
    told_lost_ = lost;
  }
}

result<void> wav_record::close(emitter&) {
  if (!file_) return {};
  flush();
  context_.log("wrote " + file_->path() +
               (disk_.troubled() ? ": INCOMPLETE, its end is missing"
                : told_lost_ > 0 ? ": INCOMPLETE, it has gaps"
                                 : ""));
  file_.reset();
  return {};
}

}  // namespace hocket::record
