#include "actors/capture/gst_source.hpp"

#include <fmt/format.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <algorithm>
#include <cstring>

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
std::string describe(const gst_source::options& o) {
  const std::string audio = fmt::format(
      "audioconvert ! audioresample ! audio/x-raw,format=F32LE,layout=interleaved,"
      "channels=1,rate={} ! appsink name=hocket_audio sync=false async=false",
      o.rate_hz);
  const std::string video = fmt::format(
      "videoconvert ! videoscale ! videorate skip-to-first=true ! video/x-raw,format=RGB,width={},"
      "height={},pixel-aspect-ratio=1/1,framerate={}/1000 ! appsink name=hocket_video "
      "sync=false async=false",
      o.width, o.height, static_cast<int>(o.frames_per_s * 1000));
  std::string out =
      o.is_file ? fmt::format("filesrc location=\"{}\" ! decodebin name=src", escaped(o.pipeline))
                : o.pipeline;
  // With both media the person's pipeline names its demultiplexer `src`; with one it just goes on.
  const bool by_name = o.is_file || (o.audio && o.video);
  if (o.audio) out += (by_name ? " src. ! " : " ! ") + audio;
  if (o.video) out += (by_name ? " src. ! " : " ! ") + video;
  return out;
}

class source final : public gst_source {
 public:
  explicit source(const options& o) : options_(o) {}

  ~source() override {
    for (GstElement* sink : {audio_, video_})
      if (sink) gst_object_unref(sink);
    if (pipeline_) {
      gst_element_set_state(pipeline_, GST_STATE_NULL);
      gst_object_unref(pipeline_);
    }
  }

  result<void> start() {
    auto made = parse_pipeline(describe(options_), options_.allow);
    if (!made) return fail(made);
    pipeline_ = *made;
    if (options_.audio) audio_ = gst_bin_get_by_name(GST_BIN(pipeline_), "hocket_audio");
    if (options_.video) video_ = gst_bin_get_by_name(GST_BIN(pipeline_), "hocket_video");
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
      return fail("capture.cannot_open", said("the pipeline refused to start"));
    // One medium may begin long after the other: its first data must find the way past what came
    // before them.
    bound_queues(waiting_bytes);
    HOCKET_TRY(await_first());
    bound_queues(0);
    return {};
  }

  // Only when all plays: a sink that is full before that waits for room with the lock that its own
  // change to playing needs, and a quick source fills it in the time that a busy machine takes.
  void bound_queues(std::int64_t bytes) {
    constexpr std::int64_t audio_buffers = 64, video_frames = 8;
    const auto frame_bytes = std::int64_t{options_.width} * options_.height * 3;
    const auto frames =
        std::max(video_frames, bytes / std::max<std::int64_t>(frame_bytes, 1 << 16));
    const auto buffers = std::max(audio_buffers, bytes >> 14);
    if (audio_) gst_app_sink_set_max_buffers(GST_APP_SINK(audio_), static_cast<guint>(buffers));
    if (video_) gst_app_sink_set_max_buffers(GST_APP_SINK(video_), static_cast<guint>(frames));
  }

  bool live() const override { return live_; }
  std::int64_t base_ns() const override {
    return static_cast<std::int64_t>(gst_element_get_base_time(pipeline_));
  }

  std::optional<std::int64_t> begins_ns() const override { return begins_ns_; }

  result<std::optional<pulled_audio>> pull_audio(std::int64_t wait_ms) override {
    auto sample = pull(audio_, wait_ms, audio_first_);
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
    auto sample = pull(video_, wait_ms, video_first_);
    if (!sample) return fail(sample);
    if (!*sample) return std::optional<pulled_video>{};
    GstVideoInfo info;
    GstVideoFrame frame;
    if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample->get())) ||
        !gst_video_frame_map(&frame, &info, gst_sample_get_buffer(sample->get()), GST_MAP_READ))
      return fail("capture.device_lost", "a video frame that cannot be read");
    // What has no time lies outside of what the file says is to be shown (an edit list, a seek).
    const auto shown_at = running_time(sample->get());
    if (!shown_at) {
      gst_video_frame_unmap(&frame);
      return std::optional<pulled_video>{};
    }
    pulled_video out{*shown_at, GST_VIDEO_FRAME_WIDTH(&frame), GST_VIDEO_FRAME_HEIGHT(&frame), {}};
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
  bool audio_ended() const override { return ended(audio_, audio_first_, audio_absent_); }
  bool video_ended() const override { return ended(video_, video_first_, video_absent_); }

 private:
  /// What the medium that begins earlier may hold until the other one begins.
  static constexpr std::int64_t waiting_bytes = 64 << 20;

  // After one medium of a file flows, how long the other one may take.
  static constexpr std::int64_t other_medium_ms = 1000;

  // A device that cannot be opened says so within this; one that is slow to begin is not waited for.
  static constexpr std::int64_t live_open_ms = 500;

  // A file is opened when its first data are there: a missing or broken one is told at once.
  result<void> await_first() {
    const auto begun = monotonic_ns();
    const auto passed_ms = [&] { return (monotonic_ns() - begun) / 1'000'000; };
    const auto settled = [&](GstElement* sink, sample_ptr& first) {
      if (!sink || first || gst_app_sink_is_eos(GST_APP_SINK(sink))) return true;
      first.reset(gst_app_sink_try_pull_sample(GST_APP_SINK(sink), 10 * GST_MSECOND));
      return first != nullptr;
    };
    const auto limit_ms = live_ ? live_open_ms : options_.open_ms;
    while (passed_ms() < limit_ms) {
      const bool audio = settled(audio_, audio_first_);
      const bool video = settled(video_, video_first_);
      if (audio && video) return begin();
      if (auto words = bus_error(pipeline_); !words.empty())
        return fail("capture.cannot_open", with_medium(std::move(words)));
      if (!live_ && (audio_first_ || video_first_) && passed_ms() > other_medium_ms) {
        (audio_first_ ? video_absent_ : audio_absent_) = true;  // the file has only one medium
        return begin();
      }
    }
    if (live_) return {};  // a network source may take its time; stall_ms watches it
    return fail("capture.cannot_open",
                audio_ && !video_   ? "no sound came within the first seconds; has it any?"
                : video_ && !audio_ ? "no picture came within the first seconds; has it any?"
                                    : "no data came within the first seconds");
  }

  // Everything that the file gives is there by now.
  result<void> begin() {
    for (const auto* first : {&audio_first_, &video_first_}) {
      const auto at = *first ? running_time(first->get()) : std::nullopt;
      if (at && (!begins_ns_ || *at < *begins_ns_)) begins_ns_ = at;
    }
    if (live_ || audio_first_ || video_first_) return {};
    if (auto words = bus_error(pipeline_); !words.empty())
      return fail("capture.cannot_open", with_medium(std::move(words)));
    return {};
  }

  /// GStreamer says of a file without the medium that its stream has an internal error.
  std::string with_medium(std::string words) const {
    if (words.find("data stream error") == words.npos || (audio_ && video_)) return words;
    return words + (video_ ? "; does it hold pictures? `media: audio` takes its sound"
                           : "; does it hold sound? `media: video` takes its pictures");
  }

  static bool ended(GstElement* sink, const sample_ptr& first, bool absent) {
    if (!sink || absent) return true;
    return !first && gst_app_sink_is_eos(GST_APP_SINK(sink));
  }

  result<sample_ptr> pull(GstElement* sink, std::int64_t wait_ms, sample_ptr& first) {
    if (first) return std::move(first);
    if (!sink) return sample_ptr();
    sample_ptr sample(gst_app_sink_try_pull_sample(
        GST_APP_SINK(sink), static_cast<GstClockTime>(wait_ms) * GST_MSECOND));
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
    return static_cast<std::int64_t>(t);
  }

  std::string said(const char* otherwise) {
    auto words = bus_error(pipeline_);
    return words.empty() ? otherwise : words;
  }

  options options_;
  GstElement* pipeline_ = nullptr;
  GstElement* audio_ = nullptr;
  GstElement* video_ = nullptr;
  bool live_ = false;
  sample_ptr audio_first_;
  sample_ptr video_first_;
  std::optional<std::int64_t> begins_ns_;
  bool audio_absent_ = false;
  bool video_absent_ = false;
};

}  // namespace

result<std::unique_ptr<gst_source>> gst_source::open(const options& o) {
  init_gstreamer();
  auto made = std::make_unique<source>(o);
  HOCKET_TRY(made->start());
  return std::unique_ptr<gst_source>(std::move(made));
}

}  // namespace hocket::capture
