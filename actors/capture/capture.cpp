#include "actors/capture/capture.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "actors/capture/decoder_child.hpp"
#include "graph/core/samples.hpp"

namespace hocket::capture {
namespace {
constexpr std::size_t audio_port = 0;
constexpr std::size_t video_port = 1;
constexpr std::int64_t grace_ms = 100;    ///< how long produce() waits for late live data
constexpr std::int64_t max_gap_s = 3600;  ///< a file's times that jump further are wrong
constexpr auto jumped = "its times jump by more than an hour: they are wrong";
}  // namespace

void capture::config::visit(config_visitor& v) {
  v.field({.name = "pipeline",
           .doc = "GStreamer source pipeline, such as `autoaudiosrc` or `rtspsrc location=… ! "
                  "decodebin`; with `media: both` it names its demultiplexer `src`",
           .is_pipeline = true},
          pipeline);
  v.field({.name = "file", .doc = "any media file; instead of `pipeline`", .is_path = true}, file);
  v.field({.name = "media", .doc = "what to take from it", .choices = {"audio", "video", "both"}},
          media);
  v.field(
      {.name = "width", .doc = "video: scaled to this", .unit = "pixels", .min = 8, .max = 7680},
      width);
  v.field(
      {.name = "height", .doc = "video: scaled to this", .unit = "pixels", .min = 8, .max = 4320},
      height);
  v.field({.name = "frames_per_s",
           .doc = "video: frames are dropped or repeated to this rate",
           .unit = "1/s",
           .min = 0.1,
           .max = 120},
          frames_per_s);
  v.field({.name = "pad_s",
           .doc = "after the end of the source: silence for so long, so that the "
                  "model can finish its answer",
           .unit = "s",
           .min = 0,
           .max = 3600},
          pad_s);
  v.field({.name = "gap_ms",
           .doc = "a source's own time that differs by more than this from the "
                  "count of samples is a gap",
           .unit = "ms",
           .min = 10,
           .max = 1000},
          gap_ms);
  v.field({.name = "stall_ms",
           .doc = "a source that gives nothing for so long is lost",
           .unit = "ms",
           .min = 200,
           .max = 60000},
          stall_ms);
}

component_info capture::info() {
  return {
      .type = "capture.gst",
      .summary =
          "Takes audio and video from any GStreamer source: file, microphone, camera, "
          "network, test signal.",
      .inputs = {},
      .outputs =
          {{"audio",
            {.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1, .packets_per_s = 50},
            "16 kHz mono, 20 ms a packet"},
           {"video", {.kind = payload_kind::video}, "RGB frames"}},
      .blocking = true,
      .source = true,
      .period_ms = 20,
      .latency_ms = 20};
}

/// What the pipeline may hold. A file's content is a stranger's whoever wrote the graph: it gets what
/// decodes, and nothing that opens a file, a device or an address.
result<allow_element> capture::element_rule(const trust::capability& may) const {
  if (config_.file.empty()) {
    HOCKET_TRY(may.pipeline(config_.pipeline));
    return [rules = may.allowed()](std::string_view element) {
      return trust::may_use_element(rules, element);
    };
  }
  if (const auto ok = may.readable(config_.file); !ok) return fail(ok);
  std::error_code ignored;
  // A pipe would keep us waiting for who writes to it.
  if (std::filesystem::exists(config_.file, ignored) &&
      !std::filesystem::is_regular_file(config_.file, ignored))
    return fail("capture.cannot_open", config_.file + ": is no file");
  auto rules = trust::default_policy(trust::level::downloaded);
  rules.elements.insert(rules.elements.end(), {"filesrc", "avdec_*"});
  return [rules = std::move(rules)](std::string_view element) {
    return trust::may_use_element(rules, element);
  };
}

result<void> capture::open(const context& where) {
  context_ = where;
  timeline_ = sample_timeline(chunk_samples, config_.gap_ms * rate_hz / 1000);
  if (config_.pipeline.empty() == config_.file.empty())
    return fail("capture.cannot_open", "give either `pipeline` or `file`");
  const auto may = capability_of(where);
  auto allow = element_rule(*may);
  if (!allow) return fail(allow);
  // A file that the operator did not choose is decoded where its decoders reach nothing.
  const bool confine = !config_.file.empty() && may->allowed().who != trust::level::own;
  auto made = (confine ? open_confined : gst_source::open)(
      {.pipeline = config_.file.empty() ? config_.pipeline : config_.file,
       .is_file = !config_.file.empty(),
       .audio = config_.media != "video",
       .video = config_.media != "audio",
       .rate_hz = rate_hz,
       .width = static_cast<std::int32_t>(config_.width),
       .height = static_cast<std::int32_t>(config_.height),
       .frames_per_s = config_.frames_per_s,
       .allow = std::move(*allow)});
  if (!made) {
    if (config_.file.empty()) return fail(made);
    return fail(made.error().code, config_.file + ": " + made.error().message);
  }
  source_ = std::move(*made);
  first_pts_ns_ = source_->begins_ns();
  if (!source_->live() && source_->audio_ended() && source_->video_ended())
    context_.log((config_.file.empty() ? "the pipeline" : config_.file) +
                 " holds nothing to play: it ends at once");
  else if (!source_->live() && config_.media == "both" &&
           source_->audio_ended() != source_->video_ended())
    context_.log((config_.file.empty() ? "the pipeline" : config_.file) +
                 (source_->video_ended() ? " holds no pictures" : " holds no sound"));
  if (source_->live() && is_virtual())
    return fail("capture.live_in_virtual_time",
                "a live source has a time of its own; run it in real time");
  // A source without a time of its own begins at the next chunk; after a restart it goes on where
  // it would be by now.
  const auto begins = context_.restarts > 0 ? context_.began : context_.time->now();
  const auto chunk = sample_index(begins, rate_hz) / chunk_samples;
  start_ = timestamp::of_samples(chunk * chunk_samples, rate_hz);
  if (context_.restarts > 0 && !source_->live()) resume_at_ = context_.time->now();
  return {};
}

// Running time 0 of a live pipeline on our clock: both count CLOCK_MONOTONIC. Known only when the
// clock runs, which is after open().
void capture::find_live_base() {
  if (based_ || !source_->live()) return;
  based_ = true;
  start_ = context_.time->now() - duration(monotonic_ns() - source_->base_ns());
}

timestamp capture::to_stream_time(std::int64_t pts_ns) const {
  if (source_->live()) return start_ + duration(pts_ns);
  return start_ + duration(pts_ns - first_pts_ns_.value_or(pts_ns));
}

void capture::wait_until(timestamp t) const {
  if (is_virtual()) return;
  const auto wait = t - context_.time->now();
  if (wait.count() > 0) std::this_thread::sleep_for(wait);
}

bool capture::is_stalled(std::optional<std::int64_t>& since_ns, std::int64_t asked_ns,
                         std::int64_t limit_ms) {
  if (!since_ns) since_ns = asked_ns;
  return monotonic_ns() - *since_ns >= limit_ms * 1'000'000;
}

// One buffer into the timeline; false where none came.
result<bool> capture::take_buffer(std::int64_t wait_ms) {
  const auto asked_ns = monotonic_ns();
  auto pulled = source_->pull_audio(wait_ms);
  if (!pulled) return fail(pulled);
  if (*pulled || source_->audio_ended() || source_->held_up())
    no_sound_since_ns_.reset();
  else if (is_stalled(no_sound_since_ns_, asked_ns, config_.stall_ms))
    return fail("capture.device_lost", "no sound for " + std::to_string(config_.stall_ms) + " ms");
  if (!*pulled) return false;
  const auto& buffer = **pulled;
  if (buffer.pts_ns && !first_pts_ns_) first_pts_ns_ = buffer.pts_ns;
  std::optional<std::int64_t> index;
  if (buffer.pts_ns) index = sample_index(to_stream_time(*buffer.pts_ns), rate_hz);
  if (!timeline_.started() && !index) index = sample_index(start_, rate_hz);
  std::span<const float> samples = buffer.samples;
  // Before the graph's clock began, or already given out before a restart.
  const auto earliest = sample_index(resume_at_, rate_hz);
  const auto expected = timeline_.started() ? timeline_.end() : sample_index(start_, rate_hz);
  if (!source_->live() && index && *index - std::max(expected, earliest) > max_gap_s * rate_hz)
    return fail("capture.device_lost", jumped);
  if (const auto at = index.value_or(timeline_.end()); at < earliest) {
    const auto before = std::min(earliest - at, static_cast<std::int64_t>(samples.size()));
    samples = samples.subspan(static_cast<std::size_t>(before));
    index = at + before;
    if (samples.empty()) return true;
  }
  timeline_.put(index, samples);
  return true;
}

result<void> capture::pull_audio(timestamp until) {
  const auto wanted = sample_index(until, rate_hz);
  if (timeline_.end() >= wanted) no_sound_since_ns_.reset();  // nobody asks
  while (!source_->audio_ended() && timeline_.end() < wanted) {
    std::int64_t wait_ms = config_.stall_ms;
    if (!is_virtual()) {
      const auto left = (until + std::chrono::milliseconds(grace_ms)) - context_.time->now();
      wait_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      if (source_->live() && wait_ms <= 0) break;  // late: the next call takes it
      wait_ms = std::clamp<std::int64_t>(wait_ms, 10, grace_ms);
    }
    auto came = take_buffer(wait_ms);
    if (!came) return fail(came);
    // The pictures do not wait for sound that does not come; the next call takes it.
    if (!*came && (!is_virtual() || source_->held_up())) break;
  }
  return {};
}

std::int64_t capture::padding() const { return static_cast<std::int64_t>(config_.pad_s * rate_hz); }

// Silence after the end of the source, as far as pad_s goes; a source without any sound is padded from
// its start. Where pictures go on behind the sound, so does the silence.
void capture::pad(timestamp until) {
  if (padding() == 0) return;
  const auto at = timeline_.started() ? timeline_.end() : sample_index(start_, rate_hz);
  const bool pictures = config_.media != "audio" && (!source_->video_ended() || frame_);
  if (!pictures && !silent_to_)
    silent_to_ = std::max(at - padded_, sample_index(pictures_end_, rate_hz)) + padding();
  const auto to = silent_to_.value_or(sample_index(until, rate_hz));
  const auto n = std::min<std::int64_t>(to - at, rate_hz);
  if (n <= 0) return;
  const std::vector<float> silence(static_cast<std::size_t>(n), 0.0f);
  timeline_.put(timeline_.started() ? std::optional<std::int64_t>{} : at, silence);
  padded_ += n;
  context_.count("padded_samples", n);
}

void capture::emit_chunk(sample_timeline::chunk c, emitter& out) {
  const auto ts = timestamp::of_samples(c.first, rate_hz);
  wait_until(timestamp::of_samples(c.end(), rate_hz));
  out.emit(audio_port, ts, audio_chunk{rate_hz, 1, c.first, buffer::take(std::move(c.samples))});
}

result<source_state> capture::produce(timestamp until, emitter& out) {
  const bool audio = config_.media != "video";
  const bool video = config_.media != "audio";
  find_live_base();
  if (audio) {
    HOCKET_TRY(pull_audio(until));
    if (source_->audio_ended()) pad(until);
    count_changes();
    while (const auto end = timeline_.next_end()) {
      if (timestamp::of_samples(*end, rate_hz) > until) break;
      emit_chunk(*timeline_.take(), out);
    }
  }
  if (video) {
    for (;;) {
      HOCKET_TRY(pull_video(until, out));
      if (!frame_) break;
      const auto ts = to_stream_time(frame_->pts_ns);
      if (ts >= until) break;
      wait_until(ts);
      pictures_end_ = std::max(
          pictures_end_, ts + duration(static_cast<std::int64_t>(1e9 / config_.frames_per_s)));
      out.emit(video_port, ts,
               video_frame{frame_->width, frame_->height, std::move(frame_->pixels).seal()});
      frame_.reset();
    }
  }
  // An error ends the stream too: it is told, not padded over.
  if ((audio && source_->audio_ended()) || (video && source_->video_ended()))
    HOCKET_TRY(source_->check());
  const bool video_done = !video || (source_->video_ended() && !frame_);
  const bool silent_enough = padding() == 0 || (silent_to_ && timeline_.end() >= *silent_to_);
  const bool audio_done =
      !audio || (source_->audio_ended() && silent_enough && !timeline_.next_end());
  if (audio && audio_done)
    if (auto rest = timeline_.take(true)) emit_chunk(std::move(*rest), out);
  if (audio_done && video_done) return source_state::end_of_stream;
  if (source_->audio_ended() && !source_->live()) wait_until(until);  // no sound sets the pace
  return source_state::more;
}

result<void> capture::pull_video(timestamp until, emitter& out) {
  if (frame_ || source_->video_ended()) return {};
  const auto asked_ns = monotonic_ns();
  // Between two pictures of a slow camera nothing is missing.
  const auto limit_ms = config_.stall_ms + static_cast<std::int64_t>(1000 / config_.frames_per_s);
  auto wait_ms = limit_ms;
  if (!is_virtual()) {
    const auto left = (until + std::chrono::milliseconds(grace_ms)) - context_.time->now();
    wait_ms = std::clamp<std::int64_t>(left.count() / 1'000'000, 0, grace_ms);
  }
  auto pulled = source_->pull_video(
      wait_ms, [&](std::size_t size_bytes) { return out.allocate(video_port, size_bytes); });
  if (!pulled) return fail(pulled);
  if (*pulled || source_->video_ended() || source_->held_up())
    no_picture_since_ns_.reset();
  else if (is_stalled(no_picture_since_ns_, asked_ns, limit_ms))
    return fail("capture.device_lost", "no picture for " + std::to_string(limit_ms) + " ms");
  if (!*pulled) return {};
  const auto pts_ns = (*pulled)->pts_ns;
  if (!first_pts_ns_) first_pts_ns_ = pts_ns;
  if (!source_->live() &&
      to_stream_time(pts_ns) - std::max(pictures_end_, start_) > std::chrono::seconds(max_gap_s))
    return fail("capture.device_lost", jumped);
  frame_ = std::move(**pulled);
  return {};
}

void capture::count_changes() {
  const auto add = [&](const char* name, std::int64_t now, std::int64_t& before) {
    if (now != before) context_.count(name, now - before);
    before = now;
  };
  add("gaps", timeline_.gaps(), counted_gaps_);
  add("gap_samples", timeline_.gap_samples(), counted_gap_samples_);
  add("dropped_samples", timeline_.dropped_samples(), counted_dropped_);
}

result<void> capture::close(emitter&) {
  source_.reset();
  return {};
}

}  // namespace hocket::capture
