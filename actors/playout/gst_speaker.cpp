#include "actors/playout/gst_speaker.hpp"

#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "actors/capture/gst_support.hpp"

namespace hocket::playout {
namespace {

class speaker final : public gst_speaker {
 public:
  speaker(options o, std::function<std::vector<float>(std::int64_t)> render)
      : options_(std::move(o)), render_(std::move(render)) {}

  ~speaker() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (pipeline_) {
      gst_element_set_state(pipeline_, GST_STATE_NULL);
      gst_object_unref(pipeline_);
    }
  }

  result<void> start() {
    capture::init_gstreamer();
    const auto description =
        "appsrc name=hocket_in is-live=true format=time max-bytes=65536 "
        "caps=audio/x-raw,format=F32LE,layout=interleaved,channels=1,rate=" +
        std::to_string(options_.rate_hz) + " ! audioconvert ! audioresample ! " + options_.sink;
    auto made = capture::parse_pipeline(description, options_.allow);
    if (!made) return fail("playout.cannot_open", made.error().message);
    pipeline_ = static_cast<GstElement*>(*made);
    source_ = gst_bin_get_by_name(GST_BIN(pipeline_), "hocket_in");
    gst_object_unref(source_);                    // the pipeline keeps it
    GstClock* clock = gst_system_clock_obtain();  // CLOCK_MONOTONIC, as our steady_clock
    gst_pipeline_use_clock(GST_PIPELINE(pipeline_), clock);
    gst_object_unref(clock);
    if (gst_element_set_state(pipeline_, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
      const auto said = capture::bus_error(pipeline_);
      return fail("playout.cannot_open", said.empty() ? "the sink refused to start" : said);
    }
    thread_ = std::thread([this] { feed(); });
    return {};
  }

  result<void> check() override {
    if (const auto said = capture::bus_error(pipeline_); !said.empty())
      return fail("playout.device_lost", said);
    return {};
  }

 private:
  // A period is rendered and handed over when one period is left until it sounds.
  void feed() {
    std::int64_t index = options_.first;
    const auto period = duration(options_.period * 1'000'000'000 / options_.rate_hz);
    std::unique_lock lock(mutex_);
    // The graph's clock begins after everything is open.
    while (!stopping_ && options_.time->now() <= timestamp())
      wake_.wait_for(lock, std::chrono::milliseconds(2));
    const auto offset = running_time() - options_.time->now().ns();
    while (!stopping_) {
      const auto sounds_at = timestamp::of_samples(index, options_.rate_hz);
      const auto wait = (sounds_at - period) - options_.time->now();
      if (wait.count() > 0) {
        wake_.wait_for(lock, wait);
        continue;
      }
      lock.unlock();
      const auto samples = render_(options_.period);
      push(samples, sounds_at + duration(offset), period);
      index += options_.period;
      lock.lock();
    }
  }

  std::int64_t running_time() const {
    GstClock* clock = gst_pipeline_get_pipeline_clock(GST_PIPELINE(pipeline_));
    const auto now = static_cast<std::int64_t>(gst_clock_get_time(clock));
    gst_object_unref(clock);
    return now - static_cast<std::int64_t>(gst_element_get_base_time(pipeline_));
  }

  void push(const std::vector<float>& samples, timestamp at, duration length) {
    const auto bytes = samples.size() * sizeof(float);
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, bytes, nullptr);
    gst_buffer_fill(buffer, 0, samples.data(), bytes);
    GST_BUFFER_PTS(buffer) = static_cast<GstClockTime>(std::max<std::int64_t>(0, at.ns()));
    GST_BUFFER_DURATION(buffer) = static_cast<GstClockTime>(length.count());
    gst_app_src_push_buffer(GST_APP_SRC(source_), buffer);  // takes the buffer
  }

  options options_;
  std::function<std::vector<float>(std::int64_t)> render_;
  GstElement* pipeline_ = nullptr;
  GstElement* source_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

result<std::unique_ptr<gst_speaker>> gst_speaker::open(
    options o, std::function<std::vector<float>(std::int64_t)> render) {
  auto made = std::make_unique<speaker>(std::move(o), std::move(render));
  HOCKET_TRY(made->start());
  return std::unique_ptr<gst_speaker>(std::move(made));
}

}  // namespace hocket::playout
