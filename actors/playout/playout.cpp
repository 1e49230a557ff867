#include "actors/playout/playout.hpp"

#include <thread>

#include "actors/playout/gst_speaker.hpp"
#include "graph/contract/capability.hpp"
#include "graph/core/samples.hpp"

namespace hocket::playout {
namespace {
constexpr std::int32_t rate_hz = 16000;
constexpr std::int64_t per_ms = rate_hz / 1000;
constexpr std::size_t heard_port = 0;
constexpr std::size_t played_port = 1;
}  // namespace

void playout::config::visit(config_visitor& v) {
  v.field({.name = "to", .doc = "where the sound goes", .choices = {"file", "device", "none"}}, to);
  v.field({.name = "file",
           .doc = "with `to: file`: WAV file relative to the run's output folder; later sessions "
                  "get their number before the extension",
           .is_output = true},
          file);
  v.field({.name = "pipeline", .doc = "with `to: device`: the GStreamer sink", .is_pipeline = true},
          pipeline);
  v.field({.name = "delay_ms",
           .doc = "a sample of stream time t sounds at t + delay_ms: room for the model's compute "
                  "time and for jitter",
           .unit = "ms",
           .min = 0,
           .max = 2000},
          delay_ms);
  v.field({.name = "period_ms",
           .doc = "with `to: device`: how much is handed over at once",
           .unit = "ms",
           .min = 5,
           .max = 100},
          period_ms);
  v.field(
      {.name = "fade_ms", .doc = "fade-out at an interruption", .unit = "ms", .min = 0, .max = 50},
      fade_ms);
  v.field({.name = "reach_ms",
           .doc = "how far ahead of its time audio may come",
           .unit = "ms",
           .min = 200,
           .max = 60000},
          reach_ms);
}

component_info playout::info() {
  const media_type voice{.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1};
  return {.type = "playout.gst",
          .summary = "Plays audio at its stream time: to a file, a device or nowhere.",
          .inputs = {{"audio", voice, "what to play", true, default_queue(payload_kind::audio)}},
          .outputs = {{"heard", voice, "what really sounded, when it sounded"},
                      {"played", {.kind = payload_kind::control}, "samples that sounded so far"}},
          .blocking = true,
          .ticks = true,
          .latency_ms = 100};
}

playout::playout(config c) : config_(std::move(c)) {}
playout::~playout() = default;

std::int64_t playout::index_at(timestamp t) const { return sample_index(t, rate_hz) - delay_; }

result<void> playout::open(const context& where) {
  context_ = where;
  delay_ = config_.delay_ms * per_ms;
  // A period that is handed over to a device cannot be changed any more: the playhead leads by one.
  const bool device = config_.to == "device";
  const auto start = index_at(now()) + (device ? 2 * config_.period_ms * per_ms : 0);
  queue_ = std::make_unique<play_queue>(start, config_.reach_ms * per_ms, config_.fade_ms * per_ms);
  heard_first_ = start;
  const auto may = capability_of(where);
  const auto sound = config_.to == "file" ? record::may_write_sound(where) : result<bool>(false);
  if (!sound) return fail(sound);
  if (*sound) {
    auto made = record::open_wav(where, config_.file, rate_hz, 1);
    if (!made) return fail(made);
    file_ = std::move(*made);
    file_begins_ = record::wav_begin(where, file_->frames(), rate_hz);
  }
  if (!device) return {};
  if (where.time->is_virtual())
    return fail("playout.device_in_virtual_time",
                "a device plays in real time only; use `to: file` or `to: none` in virtual time");
  HOCKET_TRY(may->pipeline(config_.pipeline));
  auto made = gst_speaker::open(
      {.sink = config_.pipeline,
       .rate_hz = rate_hz,
       .period = config_.period_ms * per_ms,
       .first = start + delay_,
       .time = where.time,
       .allow = [rules = may->allowed()](
                    std::string_view element) { return trust::may_use_element(rules, element); }},
      [this](std::int64_t n) {
        std::lock_guard lock(mutex_);
        auto samples = queue_->render(n);
        heard_.insert(heard_.end(), samples.begin(), samples.end());
        return samples;
      });
  if (!made) return fail(made);
  speaker_ = std::move(*made);
  return {};
}

result<void> playout::play_until(std::int64_t index) {
  if (index <= queue_->playhead()) return {};
  const auto first = queue_->playhead();
  const auto samples = queue_->render(index - first);
  heard_.insert(heard_.end(), samples.begin(), samples.end());
  if (!file_) return {};
  const auto at = std::max(first + delay_, file_begins_);
  const auto skip = static_cast<std::size_t>(
      std::min<std::int64_t>(at - (first + delay_), static_cast<std::int64_t>(samples.size())));
  auto late = file_->put(0, at - file_begins_, std::span(samples).subspan(skip));
  if (!late) return fail(late);
  return {};
}

// A full disk is no reason to fall silent.
void playout::flush() {
  disk_.note(context_, file_->path(), file_->flush());
  if (const auto lost = file_->lost_frames(); lost > told_lost_) {
    context_.count("lost_frames", lost - told_lost_);
    told_lost_ = lost;
  }
}

// Without a device the playhead follows the clock whenever anything happens.
result<void> playout::advance() {
  if (speaker_) return speaker_->check();
  return play_until(index_at(now()));
}

result<void> playout::process(std::size_t, const packet& p, emitter&) {
  const auto* audio = p.get_if<audio_chunk>();
  if (!audio) return {};
  if (audio->rate_hz != rate_hz || audio->channels != 1) {
    context_.count("wrong_format", 1);
    return {};
  }
  std::lock_guard lock(mutex_);
  HOCKET_TRY(advance());
  queue_->put(audio->first_sample, audio->samples.as<float>(), p.header.epoch);
  count_changes();
  return {};
}

result<void> playout::tick(std::int64_t, emitter& out) {
  std::lock_guard lock(mutex_);
  HOCKET_TRY(advance());
  if (file_) flush();
  report(out);
  return {};
}

result<void> playout::on_control(std::size_t, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (!c || c->what != control::kind::interrupt) return {};
  std::lock_guard lock(mutex_);
  HOCKET_TRY(advance());
  queue_->interrupt(std::max(p.header.epoch, queue_->epoch()));
  reported_ = -1;
  report(out);
  return {};
}

void playout::report(emitter& out) {
  count_changes();
  if (!heard_.empty()) {
    const auto length = static_cast<std::int64_t>(heard_.size());
    const auto first = heard_first_ + delay_;
    const auto skip =
        std::min(std::max<std::int64_t>(-first, 0), length);  // before the clock began
    heard_.erase(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(skip));
    if (!heard_.empty()) {
      audio_chunk chunk{rate_hz, 1, first + skip, buffer::take(std::move(heard_))};
      out.emit(heard_port, timestamp::of_samples(first + skip, rate_hz), std::move(chunk));
    }
    heard_ = {};
    heard_first_ += length;
  }
  const auto played = queue_->counts().played;
  if (played == reported_) return;
  reported_ = played;
  auto p = make_packet(now(), control{control::kind::played, "", played});
  p.header.epoch = queue_->epoch();
  out.emit(played_port, std::move(p));
}

void playout::count_changes() {
  const auto& c = queue_->counts();
  const auto add = [&](const char* name, std::int64_t play_counts::*field) {
    if (c.*field != counted_.*field) context_.count(name, c.*field - counted_.*field);
  };
  add("late_samples", &play_counts::late);
  add("gap_samples", &play_counts::gap);
  add("overlapped_samples", &play_counts::overlapped);
  add("too_far_samples", &play_counts::too_far);
  add("flushed_samples", &play_counts::flushed);
  counted_ = c;
}

// Last words: what is still queued is played to its end; a device gets at most a second for it.
result<void> playout::close(emitter& out) {
  if (!queue_) return {};
  if (speaker_) {
    const auto give_up = monotonic_ns() + 1'000'000'000;
    while (monotonic_ns() < give_up) {
      {
        std::lock_guard lock(mutex_);
        if (queue_->queued() == 0) break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(config_.period_ms));
    }
    speaker_.reset();
    queue_->interrupt(queue_->epoch() + 1);  // what is left will not sound
  }
  std::lock_guard lock(mutex_);
  HOCKET_TRY(play_until(queue_->queued_to()));
  report(out);
  if (file_) {
    flush();
    context_.log("wrote " + file_->path() +
                 (disk_.troubled() || told_lost_ > 0 ? ": INCOMPLETE" : ""));
  }
  file_.reset();
  queue_.reset();
  return {};
}

}  // namespace hocket::playout
