// A call's pipeline: how it begins and ends, and the sound that flows. Descriptions: gst_negotiation.cpp.
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <cstring>

#include <fmt/format.h>

#include "actors/capture/gst_support.hpp"
#include "actors/gateway/webrtc/addresses.hpp"
#include "actors/gateway/webrtc/gst_parts.hpp"
#include "actors/gateway/webrtc/jitter.hpp"
#include "actors/http/fingerprint.hpp"

namespace hocket::gateway::webrtc {
namespace {

constexpr int rate_hz = 16'000;
constexpr guint channel_is_open = 2;  // GstWebRTCDataChannelState

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             gst_call::clock::now().time_since_epoch())
      .count();
}

std::string factory_of(GstElement* e) {
  GstElementFactory* f = gst_element_get_factory(e);
  return f != nullptr ? GST_OBJECT_NAME(f) : "";
}

bool has_property(gpointer object, const char* name) {
  return g_object_class_find_property(G_OBJECT_GET_CLASS(object), name) != nullptr;
}

using weak = std::weak_ptr<gst_call>;

/// Calls `what` with the call, where it still is.
template <class What>
void with(gpointer data, What what) {
  if (const auto self = static_cast<weak*>(data)->lock()) what(*self);
}

template <class Object>
void take_off(Object*& object) {
  if (object != nullptr) gst_object_unref(std::exchange(object, nullptr));
}

}  // namespace

/// What GStreamer calls; friends of the call, with C's types.
struct signals {
  static void connect(gst_call& c, gpointer object, const char* name, GCallback what) {
    g_signal_connect_data(
        object, name, what, new weak(c.weak_from_this()),
        [](gpointer p, GClosure*) { delete static_cast<weak*>(p); }, GConnectFlags(0));
  }
  static void candidate(GstElement*, guint, gchar* text, gpointer p) {
    with(p, [&](gst_call& c) {
      const std::lock_guard lock(c.mutex_);
      if (c.candidates_.size() < 64) c.candidates_.emplace_back(text);
    });
  }
  static void gathering(GObject* rtc, GParamSpec*, gpointer p) {
    gint state = 0;
    g_object_get(rtc, "ice-gathering-state", &state, nullptr);
    if (state != 2) return;  // complete
    with(p, [&](gst_call& c) {
      const std::lock_guard lock(c.mutex_);
      c.has_gathered_ = true;
      c.changed_.notify_all();
    });
  }
  static void connection(GObject* rtc, GParamSpec*, gpointer p) {
    gint state = 0;
    g_object_get(rtc, "connection-state", &state, nullptr);
    with(p, [&](gst_call& c) { c.connection_changed(state); });
  }
  static void element(GstBin*, GstBin*, GstElement* e, gpointer p) {
    with(p, [&](gst_call& c) { c.element_added(e); });
  }
  static void pad(GstElement*, GstPad* added, gpointer p) {
    with(p, [&](gst_call& c) { c.pad_added(G_OBJECT(added)); });
  }
  static void channel(GstElement*, GObject* made, gpointer p) {
    with(p, [&](gst_call& c) { c.channel_made(made); });
  }
  static void opens(GObject*, gpointer p) {
    with(p, [](gst_call& c) { c.channel_opens(); });
  }
  static void closes(GObject*, gpointer p) {
    with(p, [](gst_call& c) { c.channel_closed(); });
  }
  static void text(GObject*, gchar* message, gpointer p) {
    with(p, [&](gst_call& c) { c.took(message != nullptr ? message : "", true); });
  }
  static void bytes(GObject*, GBytes* message, gpointer p) {
    gsize size = 0;
    const auto* data = message ? static_cast<const char*>(g_bytes_get_data(message, &size)) : "";
    with(p, [&](gst_call& c) { c.took({data, size}, false); });
  }
  static GstPadProbeReturn packet(GstPad*, GstPadProbeInfo*, gpointer p) {
    with(p, [](gst_call& c) { c.packet_ms_ = now_ms(); });
    return GST_PAD_PROBE_OK;
  }
  static GstFlowReturn sample(GstAppSink* sink, gpointer p) {
    GstSample* s = gst_app_sink_pull_sample(sink);
    if (s == nullptr) return GST_FLOW_EOS;
    GstMapInfo map;
    GstBuffer* b = gst_sample_get_buffer(s);
    if (b != nullptr && gst_buffer_map(b, &map, GST_MAP_READ)) {
      std::vector<float> samples(map.size / sizeof(float));
      std::memcpy(samples.data(), map.data, samples.size() * sizeof(float));
      gst_buffer_unmap(b, &map);
      with(p, [&](gst_call& c) { c.heard(std::move(samples)); });
    }
    gst_sample_unref(s);
    return GST_FLOW_OK;
  }
  /// Nobody reads the bus: errors are noted, the rest goes.
  static GstBusSyncReply message(GstBus*, GstMessage* m, gpointer p) {
    if (GST_MESSAGE_TYPE(m) == GST_MESSAGE_ERROR) {
      GError* wrong = nullptr;
      gst_message_parse_error(m, &wrong, nullptr);
      with(p, [&](gst_call& c) {
        c.fault(fmt::format("{}: {}", GST_MESSAGE_SRC_NAME(m), wrong ? wrong->message : ""));
      });
      if (wrong) g_error_free(wrong);
    }
    return GST_BUS_DROP;
  }
};

result<void> available() {
  capture::init_gstreamer();
  for (const char* name : {"webrtcbin", "nicesrc", "dtlsdec", "srtpdec", "sctpdec", "opusenc",
                           "opusdec", "rtpopuspay", "rtpjitterbuffer"}) {
    if (GstElementFactory* f = gst_element_factory_find(name)) {
      gst_object_unref(f);
      continue;
    }
    const std::string_view n = name;
    const bool is_bad = n.starts_with("dtls") || n.starts_with("srtp") || n.starts_with("sctp") ||
                        n.starts_with("webrtc");
    return fail("gateway.no_webrtc",
                fmt::format("WebRTC is not served: GStreamer's `{}` is missing (Debian package "
                            "gstreamer1.0-{})",
                            name,
                            is_bad                  ? "plugins-bad"
                            : n.starts_with("nice") ? "nice"
                            : n.starts_with("opus") ? "plugins-base"
                                                    : "plugins-good"));
  }
  return {};
}

gst_call::gst_call(const exchange::options& o, call_events events)
    : limits_(o.limits),
      addresses_(o.addresses),
      stun_(o.stun),
      events_(std::move(events)),
      gst_(std::make_unique<parts>()),
      voice_({.margin_ms = o.limits.voice_margin_ms}),
      jitter_ms_(o.limits.jitter_ms) {}

gst_call::~gst_call() = default;

// --- a pipeline's life ----------------------------------------------------------------------------

result<void> gst_call::build(const description& d, bool sends) {
  HOCKET_TRY(available());
  const auto* sound = d.find(medium::kind::sound);
  auto text =
      fmt::format("webrtcbin name=rtc bundle-policy=max-bundle latency={}", limits_.jitter_ms);
  if (sound != nullptr && sends)
    text += fmt::format(
        " appsrc name=voice is-live=true format=time max-bytes=128000 "
        "caps=audio/x-raw,format=F32LE,layout=interleaved,channels=1,rate={} ! audioconvert ! "
        "opusenc bitrate=32000 audio-type=voice complexity=5 inband-fec=true "
        "packet-loss-percentage=5 ! rtpopuspay pt={} ! "
        "application/x-rtp,media=audio,encoding-name=OPUS,payload={},clock-rate=48000 ! rtc.",
        rate_hz, sound->opus, sound->opus);
  auto made = capture::parse_pipeline(text, {});
  if (!made) return fail("gateway.webrtc", made.error().message);
  gst_->pipeline = *made;
  gst_->rtc = gst_bin_get_by_name(GST_BIN(gst_->pipeline), "rtc");
  gst_->voice = gst_bin_get_by_name(GST_BIN(gst_->pipeline), "voice");
  if (gst_->rtc == nullptr)  // alone in its pipeline
    return fail("gateway.webrtc", "webrtcbin is not to be had");
  GstBus* bus = gst_element_get_bus(gst_->pipeline);
  gst_bus_set_sync_handler(bus, signals::message, new weak(weak_from_this()),
                           [](gpointer p) { delete static_cast<weak*>(p); });
  gst_object_unref(bus);
  GObject* ice = nullptr;
  g_object_get(gst_->rtc, "ice-agent", &ice, nullptr);
  if (ice != nullptr) {
    for (const auto& a : addresses_.empty() ? own_addresses() : addresses_) {
      gboolean is_taken = FALSE;
      g_signal_emit_by_name(ice, "add-local-ip-address", a.c_str(), &is_taken);
    }
    GObject* agent = nullptr;
    if (has_property(ice, "agent")) g_object_get(ice, "agent", &agent, nullptr);
    if (agent != nullptr) {
      g_object_set(agent, "ice-tcp", FALSE, "upnp", FALSE, nullptr);
      g_object_unref(agent);
    }
    g_object_unref(ice);
  }
  if (!stun_.empty()) g_object_set(gst_->rtc, "stun-server", stun_.c_str(), nullptr);
  signals::connect(*this, gst_->rtc, "on-ice-candidate", G_CALLBACK(signals::candidate));
  signals::connect(*this, gst_->rtc, "notify::ice-gathering-state", G_CALLBACK(signals::gathering));
  signals::connect(*this, gst_->rtc, "notify::connection-state", G_CALLBACK(signals::connection));
  signals::connect(*this, gst_->rtc, "deep-element-added", G_CALLBACK(signals::element));
  signals::connect(*this, gst_->rtc, "pad-added", G_CALLBACK(signals::pad));
  signals::connect(*this, gst_->rtc, "on-data-channel", G_CALLBACK(signals::channel));
  if (gst_element_set_state(gst_->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
    return fail("gateway.webrtc", "GStreamer does not start its pipeline");
  return {};
}

void gst_call::end() {
  // Its threads end here; what they call meanwhile finds the call, but for its pipeline.
  if (gst_->pipeline != nullptr) gst_element_set_state(gst_->pipeline, GST_STATE_NULL);
  {
    const std::lock_guard lock(gst_->mutex);
    take_off(gst_->jitter);
    take_off(gst_->dtls);
    if (gst_->channel != nullptr) g_object_unref(std::exchange(gst_->channel, nullptr));
    take_off(gst_->voice);
    take_off(gst_->rtc);
    take_off(gst_->pipeline);
  }
  int code = 0;
  std::string reason;
  {
    const std::lock_guard lock(mutex_);
    code = code_ == 0 ? 1001 : code_;
    reason = reason_;
    is_finished_ = true;
  }
  // What it holds of others goes with it: they hold the call.
  call_events last;
  {
    const std::lock_guard lock(sound_mutex_);
    last = std::exchange(events_, {});
  }
  if (last.closed) last.closed(code, reason);
}

// --- what comes while it runs ---------------------------------------------------------------------

void gst_call::element_added(_GstElement* e) {
  const auto name = factory_of(e);
  if (name == "rtpjitterbuffer") {
    g_object_set(e, "do-lost", TRUE, nullptr);
    const std::lock_guard lock(gst_->mutex);
    if (gst_->jitter == nullptr) gst_->jitter = GST_ELEMENT(gst_object_ref(e));
  } else if (name == "dtlsdec") {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->dtls == nullptr) gst_->dtls = GST_ELEMENT(gst_object_ref(e));
  } else if (name == "nicesrc") {
    GstPad* pad = gst_element_get_static_pad(e, "src");
    gst_pad_add_probe(pad,
                      GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
                      signals::packet, new weak(weak_from_this()),
                      [](gpointer p) { delete static_cast<weak*>(p); });
    gst_object_unref(pad);
  }
}

void gst_call::pad_added(_GObject* added) {
  GstPad* pad = GST_PAD(added);
  if (GST_PAD_DIRECTION(pad) != GST_PAD_SRC) return;
  const auto text = fmt::format(
      "rtpopusdepay ! opusdec plc=true use-inband-fec=true ! audioconvert ! audioresample ! "
      "audio/x-raw,format=F32LE,layout=interleaved,channels=1,rate={} ! "
      "appsink name=ear sync=false async=false max-buffers=100 drop=true",
      rate_hz);
  GError* wrong = nullptr;
  GstElement* bin = gst_parse_bin_from_description(text.c_str(), TRUE, &wrong);
  if (bin == nullptr || wrong != nullptr) {
    fault(wrong != nullptr ? wrong->message : "no decoder");
    if (wrong) g_error_free(wrong);
    return;
  }
  GstElement* sink = gst_bin_get_by_name(GST_BIN(bin), "ear");
  GstAppSinkCallbacks callbacks{};
  callbacks.new_sample = signals::sample;
  gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, new weak(weak_from_this()),
                             [](gpointer p) { delete static_cast<weak*>(p); });
  gst_object_unref(sink);
  gst_bin_add(GST_BIN(gst_->pipeline), bin);
  gst_element_sync_state_with_parent(bin);
  GstPad* to = gst_element_get_static_pad(bin, "sink");
  if (gst_pad_link(pad, to) != GST_PAD_LINK_OK) fault("the sound that comes cannot be decoded");
  gst_object_unref(to);
}

void gst_call::channel_made(_GObject* channel) {
  {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->channel != nullptr) return;  // one is enough; what comes over others goes nowhere
    gst_->channel = G_OBJECT(g_object_ref(channel));
  }
  signals::connect(*this, channel, "on-open", G_CALLBACK(signals::opens));
  signals::connect(*this, channel, "on-close", G_CALLBACK(signals::closes));
  signals::connect(*this, channel, "on-message-string", G_CALLBACK(signals::text));
  signals::connect(*this, channel, "on-message-data", G_CALLBACK(signals::bytes));
  guint state = 0;
  g_object_get(channel, "ready-state", &state, nullptr);
  if (state == channel_is_open) channel_opens();
}

void gst_call::push(std::vector<float> block) {
  const std::lock_guard lock(gst_->mutex);
  if (gst_->voice == nullptr) return;
  GstClock* clock = gst_element_get_clock(gst_->voice);
  if (clock == nullptr) return;
  const auto now = gst_clock_get_time(clock) - gst_element_get_base_time(gst_->voice);
  gst_object_unref(clock);
  // Counted, so that the other side hears an even stream, unless the machine stood still.
  if (!GST_CLOCK_TIME_IS_VALID(gst_->next_pts) || gst_->next_pts + 100 * GST_MSECOND < now)
    gst_->next_pts = now;
  GstBuffer* b = gst_buffer_new_allocate(nullptr, block.size() * sizeof(float), nullptr);
  gst_buffer_fill(b, 0, block.data(), block.size() * sizeof(float));
  GST_BUFFER_PTS(b) = gst_->next_pts;
  GST_BUFFER_DURATION(b) = 20 * GST_MSECOND;
  gst_->next_pts += 20 * GST_MSECOND;
  gst_app_src_push_buffer(GST_APP_SRC(gst_->voice), b);
}

/// On a bad network a missing packet is waited for longer; after a calm while less long again.
void gst_call::watch_jitter() {
  GstElement* jitter = nullptr;
  {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->jitter != nullptr) jitter = GST_ELEMENT(gst_object_ref(gst_->jitter));
  }
  if (jitter == nullptr) return;
  GstStructure* stats = nullptr;
  g_object_get(jitter, "stats", &stats, nullptr);
  guint64 pushed = 0, lost = 0, late = 0;
  if (stats != nullptr) {
    gst_structure_get(stats, "num-pushed", G_TYPE_UINT64, &pushed, "num-lost", G_TYPE_UINT64, &lost,
                      "num-late", G_TYPE_UINT64, &late, nullptr);
    gst_structure_free(stats);
  }
  packets_ = pushed;
  lost_ = lost;
  late_ = late;
  const auto now = next_jitter_ms(jitter_ms_, static_cast<int>(late - late_before_), calm_,
                                  limits_.jitter_ms, limits_.most_jitter_ms);
  late_before_ = late;
  if (now != jitter_ms_) {
    jitter_ms_ = now;
    g_object_set(jitter, "latency", static_cast<guint>(now), nullptr);
  }
  gst_object_unref(jitter);
}

/// That the other side of the secure transport is who its description says: GStreamer leaves that to us.
bool gst_call::check_fingerprint() {
  if (is_checked_) return true;
  gchar* pem = nullptr;
  {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->dtls != nullptr) g_object_get(gst_->dtls, "peer-pem", &pem, nullptr);
  }
  if (pem == nullptr) return false;
  std::string wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted = fingerprint_;
  }
  const bool is_good = http::is_fingerprint_of(wanted, pem);
  g_free(pem);
  if (is_good)
    is_checked_ = true;
  else
    finish(1008, "the other side has another key than its SDP says");
  return is_good;
}

}  // namespace hocket::gateway::webrtc
