#include "actors/capture/gst_source.hpp"

#include <fmt/format.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "actors/capture/found_media.hpp"
#include "actors/capture/gst_support.hpp"
#include "graph/core/clock.hpp"

namespace hocket::capture {
namespace {

struct sample_unref {
  void operator()(GstSample* s) const { gst_sample_unref(s); }
};
using sample_ptr = std::unique_ptr<GstSample, sample_unref>;

std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// `sync=false async=false`: we pace ourselves, and a branch that never gets data blocks nobody.
// `wait-on-eos=false`: a sink that waits at the end until all was taken does so with the lock that its
// own change to playing needs, and a short file ends in the time that a busy machine takes for that.
std::string describe(const gst_source::options& o) {
  const std::string audio = fmt::format(
      "audioconvert ! audioresample ! audio/x-raw,format=F32LE,layout=interleaved,"
      "channels=1,rate={} ! appsink name=hocket_audio sync=false async=false wait-on-eos=false",
      o.rate_hz);
  const std::string video = fmt::format(
      "videoconvert ! videoscale ! videorate skip-to-first=true ! video/x-raw,format=RGB,width={},"
      "height={},pixel-aspect-ratio=1/1,framerate={}/1000 ! appsink name=hocket_video "
      "sync=false async=false wait-on-eos=false",
      o.width, o.height, static_cast<int>(o.frames_per_s * 1000));
  // What else the file holds is not even decoded: a stream that nobody takes can hold up the others.
  const auto* const alone = o.audio && o.video ? ""
                            : o.audio ? " expose-all-streams=false caps=\"audio/x-raw(ANY)\""
                                      : " expose-all-streams=false caps=\"video/x-raw(ANY)\"";
  std::string out = o.is_file ? fmt::format("filesrc location=\"{}\" ! decodebin name=src{}",
                                            escaped(o.pipeline), alone)
                              : o.pipeline;
  // With both media the person's pipeline names its demultiplexer `src`; with one it just goes on.
  const bool by_name = o.is_file || (o.audio && o.video);
  if (o.audio) out += (by_name ? " src. ! " : " ! ") + audio;
  if (o.video) out += (by_name ? " src. ! " : " ! ") + video;
  return out;
}

/// One medium of a pipeline: its sink, and what was taken from there while the other one was wanted.
struct lane {
  GstElement* sink = nullptr;
  std::deque<sample_ptr> waiting;
  std::size_t waiting_bytes = 0;
  bool absent = false;

  bool ended() const {
    return sink == nullptr || absent ||
           (waiting.empty() && gst_app_sink_is_eos(GST_APP_SINK(sink)));
  }
  sample_ptr take() {
    if (waiting.empty()) return {};
    auto first = std::move(waiting.front());
    waiting.pop_front();
    waiting_bytes -= gst_buffer_get_size(gst_sample_get_buffer(first.get()));
    return first;
  }
  /// True where something came.
  bool fetch(std::int64_t wait_ms) {
    if (sink == nullptr) return false;
    sample_ptr one(gst_app_sink_try_pull_sample(GST_APP_SINK(sink),
                                                static_cast<GstClockTime>(wait_ms) * GST_MSECOND));
    if (!one) return false;
    waiting_bytes += gst_buffer_get_size(gst_sample_get_buffer(one.get()));
    waiting.push_back(std::move(one));
    return true;
  }
};

class source final : public gst_source {
 public:
  explicit source(const options& o) : options_(o) {}

  ~source() override {
    for (auto* one : {&audio_, &video_}) {
      one->waiting.clear();
      if (one->sink) gst_object_unref(one->sink);
    }
    if (pipeline_) {
      gst_element_set_state(pipeline_, GST_STATE_NULL);
      gst_object_unref(pipeline_);
    }
  }

  result<void> start() {
    auto made = parse_pipeline(describe(options_), options_.allow);
    if (!made) return fail(made);
    pipeline_ = *made;
    found_.watch(pipeline_);
    if (options_.audio) audio_.sink = gst_bin_get_by_name(GST_BIN(pipeline_), "hocket_audio");
    if (options_.video) video_.sink = gst_bin_get_by_name(GST_BIN(pipeline_), "hocket_video");
    GstClock* clock = gst_system_clock_obtain();  // CLOCK_MONOTONIC, as our steady_clock
    gst_pipeline_use_clock(GST_PIPELINE(pipeline_), clock);
    gst_object_unref(clock);
    auto change = gst_element_set_state(pipeline_, GST_STATE_PAUSED);
    if (change == GST_STATE_CHANGE_ASYNC)
      change = gst_element_get_state(pipeline_, nullptr, nullptr,
                                     static_cast<GstClockTime>(options_.open_ms) * GST_MSECOND);
    live_ = change == GST_STATE_CHANGE_NO_PREROLL;
    if (change == GST_STATE_CHANGE_FAILURE ||
        gst_element_set_state(pipeline_, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
      return fail("capture.cannot_open", with_medium(said("the pipeline refused to start")));
    bound_sinks();
    return await_first();
  }

  // Only when all plays: a sink that is full before that waits for room with the lock that its own
  // change to playing needs, and a quick source fills it in the time that a busy machine takes.
  void bound_sinks() {
    constexpr guint audio_buffers = 64, video_frames = 8;
    if (audio_.sink) gst_app_sink_set_max_buffers(GST_APP_SINK(audio_.sink), audio_buffers);
    if (video_.sink) gst_app_sink_set_max_buffers(GST_APP_SINK(video_.sink), video_frames);
  }

  bool live() const override { return live_; }
  std::int64_t base_ns() const override {
    return static_cast<std::int64_t>(gst_element_get_base_time(pipeline_));
  }

  std::optional<std::int64_t> begins_ns() const override { return begins_ns_; }

  result<std::optional<pulled_audio>> pull_audio(std::int64_t wait_ms) override {
    auto sample = pull(audio_, video_, wait_ms);
    if (!sample) return fail(sample);
    if (!*sample) return std::optional<pulled_audio>{};
    GstBuffer* bytes = gst_sample_get_buffer(sample->get());
    pulled_audio out;
    out.pts_ns = running_time(sample->get());
    out.samples.resize(gst_buffer_get_size(bytes) / sizeof(float));
    gst_buffer_extract(bytes, 0, out.samples.data(), out.samples.size() * sizeof(float));
    return std::optional(std::move(out));
  }

  result<std::optional<pulled_video>> pull_video(std::int64_t wait_ms,
                                                 const make_room& room) override {
    auto sample = pull(video_, audio_, wait_ms);
    // What has no time lies outside of what the file says is to be shown (an edit list, a seek).
    while (sample && *sample && !running_time(sample->get()))
      sample = pull(video_, audio_, wait_ms);
    if (!sample) return fail(sample);
    if (!*sample) return std::optional<pulled_video>{};
    GstVideoInfo info;
    GstVideoFrame frame;
    if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample->get())) ||
        !gst_video_frame_map(&frame, &info, gst_sample_get_buffer(sample->get()), GST_MAP_READ))
      return fail("capture.device_lost", "a video frame that cannot be read");
    pulled_video out{*running_time(sample->get()),
                     GST_VIDEO_FRAME_WIDTH(&frame),
                     GST_VIDEO_FRAME_HEIGHT(&frame),
                     {}};
    const auto row = static_cast<std::size_t>(out.width) * 3;
    out.pixels = room(row * static_cast<std::size_t>(out.height));
    auto* pixels = out.pixels.bytes().data();
    const auto* data = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
    const auto stride = static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0));
    for (std::size_t y = 0; y < static_cast<std::size_t>(out.height); ++y)
      std::memcpy(pixels + y * row, data + y * stride, row);
    gst_video_frame_unmap(&frame);
    return std::optional(std::move(out));
  }

  result<void> check() override {
    if (auto words = bus_error(pipeline_); !words.empty())
      return fail("capture.device_lost", words);
    return {};
  }
  bool audio_ended() const override { return audio_.ended(); }
  bool video_ended() const override { return video_.ended(); }
  bool held_up() const override { return held_up_; }

  /// Of a source that takes one medium of a file: the file holds the other one alone.
  bool lacks_medium() const {
    if (audio_.sink && video_.sink) return false;
    return audio_.sink ? !found_.sound && found_.pictures : !found_.pictures && found_.sound;
  }

 private:
  /// What of one medium may wait here while the other one is wanted.
  static constexpr std::size_t waiting_bytes = 64 << 20;

  // A device that cannot be opened says so within this; one that is slow to begin is not waited for.
  static constexpr std::int64_t live_open_ms = 500;

  // What was read of a medium before the other one filled its room has come through by then.
  static constexpr std::int64_t on_the_way_ms = 200;

  // A file is opened when its first data are there: a missing or broken one is told at once.
  result<void> await_first() {
    const auto begun = monotonic_ns();
    const auto passed_ms = [&] { return (monotonic_ns() - begun) / 1'000'000; };
    // One medium may begin long after the other: its first data must find the way past what came
    // before them.
    const auto settled = [](lane& one) {
      const bool came = one.waiting_bytes < waiting_bytes && one.fetch(10);
      return came || !one.waiting.empty() || one.ended();
    };
    const auto limit_ms = live_ ? live_open_ms : options_.open_ms;
    while (passed_ms() < limit_ms) {
      const bool audio = settled(audio_);
      const bool video = settled(video_);
      if (audio && video) return begin();
      if (auto words = bus_error(pipeline_); !words.empty())
        return fail("capture.cannot_open", with_medium(std::move(words)));
      if (!live_ && found_.all) HOCKET_TRY(find_absent());
    }
    if (live_) return {};  // a network source may take its time; stall_ms watches it
    if (audio_.sink && video_.sink && (!audio_.waiting.empty() || !video_.waiting.empty()))
      return begin_with_one();
    return fail("capture.cannot_open", audio_.sink && !video_.sink
                                           ? "no sound came within the first seconds; has it any?"
                                       : video_.sink && !audio_.sink
                                           ? "no picture came within the first seconds; has it any?"
                                           : "no data came within the first seconds");
  }

  // All that the file holds is known: what is not connected by now never will be.
  result<void> find_absent() {
    for (auto* one : {&audio_, &video_}) {
      if (one->sink == nullptr || one->absent || is_fed(one->sink)) continue;
      const bool sound = one == &audio_;
      if (sound ? found_.sound : found_.pictures)
        return fail(
            "capture.cannot_open",
            fmt::format("it holds {0} that nothing here decodes; `media: {1}` takes its {2}",
                        sound ? "sound" : "pictures", sound ? "video" : "audio",
                        sound ? "pictures" : "sound"));
      one->absent = true;
    }
    return {};
  }

  // The other medium may begin later, behind what has room here, and stall_ms watches it; one that is
  // still not connected does not come from a source that never says that it has found all.
  result<void> begin_with_one() {
    for (auto* one : {&audio_, &video_})
      if (one->waiting.empty() && !is_fed(one->sink)) one->absent = true;
    return begin();
  }

  // Everything that the file gives is there by now.
  result<void> begin() {
    const bool any = !audio_.waiting.empty() || !video_.waiting.empty();
    for (const auto* one : {&audio_, &video_}) {
      const auto at =
          one->waiting.empty() ? std::nullopt : running_time(one->waiting.front().get());
      if (at && (!begins_ns_ || *at < *begins_ns_)) begins_ns_ = at;
    }
    if (live_ || any) return {};
    auto words = bus_error(pipeline_);
    // That nothing is connected may be seen before anybody says that it is an error.
    const bool lacks = lacks_medium();
    if (!words.empty() || lacks) return fail("capture.cannot_open", with_medium(std::move(words)));
    return {};
  }

  /// GStreamer says of a file without the medium that its stream has an internal error.
  std::string with_medium(std::string words) const {
    if (lacks_medium())
      return video_.sink ? "it holds no pictures; `media: audio` takes its sound"
                         : "it holds no sound; `media: video` takes its pictures";
    return words;
  }

  // A demultiplexer that waits for room for one medium reads nothing of the other: what comes of that
  // one meanwhile is taken. Where it is as much as may wait, the wanted one has a gap there, or has
  // ended, which is known at the end of the file alone.
  result<sample_ptr> pull(lane& wanted, lane& other, std::int64_t wait_ms) {
    constexpr std::int64_t look_ms = 10;
    const auto begun = monotonic_ns();
    const auto until = begun + wait_ms * 1'000'000;
    auto last = held_up_ ? begun - on_the_way_ms * 1'000'000 : begun;
    held_up_ = false;
    while (wanted.waiting.empty() && !wanted.ended()) {
      const auto left_ms = std::max<std::int64_t>(0, (until - monotonic_ns()) / 1'000'000);
      if (wanted.fetch(other.ended() ? left_ms : std::min(left_ms, look_ms))) break;
      while (!live_ && other.waiting_bytes < waiting_bytes && other.fetch(0)) last = monotonic_ns();
      const auto now = monotonic_ns();
      if (other.waiting_bytes >= waiting_bytes && now - last >= on_the_way_ms * 1'000'000) {
        held_up_ = true;
        break;
      }
      if (now >= until) {
        held_up_ = other.waiting_bytes >= waiting_bytes;
        break;
      }
    }
    auto sample = wanted.take();
    if (!sample)
      if (auto fine = check(); !fine) return fail(fine);
    return sample;
  }

  static std::optional<std::int64_t> running_time(GstSample* sample) {
    const auto pts = GST_BUFFER_PTS(gst_sample_get_buffer(sample));
    if (!GST_CLOCK_TIME_IS_VALID(pts)) return {};
    const auto t =
        gst_segment_to_running_time(gst_sample_get_segment(sample), GST_FORMAT_TIME, pts);
    if (!GST_CLOCK_TIME_IS_VALID(t)) return {};
    // A file may claim any time: so far ahead all are as wrong, and may still be added to.
    constexpr GstClockTime farthest = 24 * 365 * 100 * GST_SECOND * 3600;
    return static_cast<std::int64_t>(std::min(t, farthest));
  }

  std::string said(const char* otherwise) {
    auto words = bus_error(pipeline_);
    return words.empty() ? otherwise : words;
  }

  options options_;
  found_media found_;
  GstElement* pipeline_ = nullptr;
  lane audio_, video_;
  bool live_ = false;
  bool held_up_ = false;
  std::optional<std::int64_t> begins_ns_;
};

/// Sound and pictures of one file, each read by a pipeline of its own: neither waits for the other,
/// however they lie in it, and each ends when it ends.
class both final : public gst_source {
 public:
  static result<std::unique_ptr<gst_source>> open(const options& o) {
    auto one = o, other = o;
    one.video = other.audio = false;
    auto made = std::make_unique<both>();
    auto audio = std::make_unique<source>(one), video = std::make_unique<source>(other);
    const auto sound = audio->start(), pictures = video->start();
    // A file may hold one of the two alone. What it holds and cannot give is no absence.
    if (!sound && !audio->lacks_medium()) return fail(sound);
    if (!pictures && (!sound || !video->lacks_medium())) return fail(pictures);
    if (sound) made->audio_ = std::move(audio);
    if (pictures) made->video_ = std::move(video);
    return made;
  }

  bool live() const override { return false; }
  std::int64_t base_ns() const override { return 0; }
  std::optional<std::int64_t> begins_ns() const override {
    std::optional<std::int64_t> out;
    for (const auto* one : {audio_.get(), video_.get()})
      if (const auto at = one != nullptr ? one->begins_ns() : std::nullopt; at)
        out = std::min(out.value_or(*at), *at);
    return out;
  }
  result<std::optional<pulled_audio>> pull_audio(std::int64_t wait_ms) override {
    return audio_ ? audio_->pull_audio(wait_ms) : std::optional<pulled_audio>();
  }
  result<std::optional<pulled_video>> pull_video(std::int64_t wait_ms,
                                                 const make_room& room) override {
    return video_ ? video_->pull_video(wait_ms, room) : std::optional<pulled_video>();
  }
  result<void> check() override {
    for (auto* one : {audio_.get(), video_.get()})
      if (one != nullptr) HOCKET_TRY(one->check());
    return {};
  }
  bool audio_ended() const override { return !audio_ || audio_->audio_ended(); }
  bool video_ended() const override { return !video_ || video_->video_ended(); }

 private:
  std::unique_ptr<gst_source> audio_, video_;
};

}  // namespace

result<std::unique_ptr<gst_source>> gst_source::open(const options& o) {
  init_gstreamer();
  if (o.is_file && o.audio && o.video) return both::open(o);
  auto made = std::make_unique<source>(o);
  HOCKET_TRY(made->start());
  return std::unique_ptr<gst_source>(std::move(made));
}

}  // namespace hocket::capture
