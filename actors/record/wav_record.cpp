#include "actors/record/wav_record.hpp"

#include <algorithm>
#include <utility>

#include "actors/record/forgotten.hpp"
#include "graph/contract/capability.hpp"
#include "graph/core/samples.hpp"

namespace hocket::record {
namespace {
constexpr std::int32_t rate_hz = 16000;
/// What may still come late for a piece that has ended: the window of wav_writer.
constexpr std::int64_t late_frames = 5 * rate_hz;
constexpr std::int64_t header_bytes = 44, frame_bytes = 4;

std::int64_t frame_at(timestamp t) { return sample_index(t, rate_hz); }
}  // namespace

component_info wav_record::info() {
  const media_type voice{.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1};
  const auto queue = default_queue(payload_kind::audio);
  return {.type = "record.wav",
          .summary = "Writes both voices into one stereo WAV file: person left, model right.",
          .inputs = {{"person", voice, "what the person said", false, queue},
                     {"model", voice, "what the model said or what was played", false, queue},
                     forgets_input()},
          .outputs = {forgotten_output()},
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
  begins_ = wav_begin(where, file_->frames(), rate_hz);
  turns_ = rotation(file_->path(), config_.rotate, where.restarts > 0);
  if (where.restarts == 0 || where.time == nullptr) return {};
  // How far the piece of the life before had come is known, and not when it began: a new one. So
  // is what lies there where that life wrote in turns, and this one does not.
  const auto now = where.time->now();
  const auto border = frame_at(context_.grid.start_of(context_.grid.index_of(now)));
  const bool is_piece =
      !pieces_of(file_->path()).empty() && border - begins_ - file_->frames() > rate_hz;
  if (turns_.on() || is_piece) {
    if (!turn(border, now.ns())) begins_ = border - file_->frames();  // it goes on behind its end
    end_before();
  }
  return {};
}

// A chunk over a border is put into both pieces.
result<std::int64_t> wav_record::put(std::int32_t channel, std::int64_t first,
                                     std::span<const float> samples) {
  std::int64_t late = 0;
  if (const auto early =
          std::min<std::int64_t>(begins_ - first, static_cast<std::int64_t>(samples.size()));
      early > 0) {
    const auto part = samples.first(static_cast<std::size_t>(early));
    if (before_) {
      const auto done = before_->put(channel, first - before_begins_, part);
      if (!done) return done;
      late = *done;
    } else {
      late = early;
    }
    samples = samples.subspan(static_cast<std::size_t>(early));
    first += early;
  }
  if (samples.empty()) return late;
  const auto done = file_->put(channel, first - begins_, samples);
  return done ? result<std::int64_t>(late + *done) : done;
}

bool wav_record::turn(std::int64_t border, std::int64_t at_ns) {
  end_before();
  auto to = trust::create_file(turns_.next_path());
  auto next =
      to ? wav_writer::on(trust::file(to->release(), file_->path()), rate_hz, 2, late_frames)
         : fail("record.cannot_write", to.error().message);
  if (!next) return turns_.postpone(at_ns), false;
  if (const auto done = turns_.turn(at_ns); !done) return context_.log(done.error().message), false;
  before_ = std::exchange(file_, std::move(*next));
  before_begins_ = std::exchange(begins_, border);
  return true;
}

void wav_record::end_before() {
  if (!before_) return;
  disk_.note(context_, before_->path(), before_->flush());
  lost_before_ += before_->lost_frames();
  before_.reset();
}

void wav_record::forget(timestamp at, emitter& out) {
  if (std::exchange(is_forgotten_, true)) return;
  end_before();
  const auto path = file_ ? file_->path() : "";
  file_.reset();
  tell_forgotten(context_,
                 path.empty() ? forgotten_files() : remove_recorded(path, turns_.has_pieces()), 0,
                 at, out);
}

result<void> wav_record::process(std::size_t port, const packet& p, emitter& out) {
  if (port == 2) return forget(p.header.ts, out), result<void>();
  const auto* audio = p.get_if<audio_chunk>();
  if (!audio || !file_) return {};
  if (audio->rate_hz != rate_hz || audio->channels != 1) {
    context_.count("wrong_format", 1);
    return {};
  }
  auto late = put(port == 0 ? 0 : 1, audio->first_sample, audio->samples.as<float>());
  if (!late) return fail(late);
  if (*late > 0) context_.count("late_samples", *late);
  return {};
}

result<void> wav_record::tick(std::int64_t micro_turn, emitter&) {
  if (!file_) return {};
  const auto end = context_.grid.end_of(micro_turn);
  const auto now = frame_at(end);
  HOCKET_TRY(file_->extend_to(now - begins_));
  flush();
  if (before_ && now >= begins_ + late_frames) end_before();
  const auto bytes = header_bytes + file_->frames() * frame_bytes;
  if (!before_ && turns_.due(static_cast<std::uint64_t>(bytes), end.ns()))
    (void)turn(begins_ + file_->frames(), end.ns());
  return {};
}

// A full disk is no reason to end a conversation.
void wav_record::flush() {
  disk_.note(context_, file_->path(), file_->flush());
  if (before_) disk_.note(context_, before_->path(), before_->flush());
  const auto earlier = lost_before_ + (before_ ? before_->lost_frames() : 0);
  if (const auto lost = earlier + file_->lost_frames(); lost > told_lost_) {
    context_.count("lost_frames", lost - told_lost_);
    told_lost_ = lost;
  }
}

result<void> wav_record::close(emitter&) {
  if (!file_) return {};
  flush();
  end_before();
  context_.log("wrote " + file_->path() +
               (disk_.troubled() ? ": INCOMPLETE, its end is missing"
                : told_lost_ > 0 ? ": INCOMPLETE, it has gaps"
                                 : ""));
  file_.reset();
  return {};
}

}  // namespace hocket::record
