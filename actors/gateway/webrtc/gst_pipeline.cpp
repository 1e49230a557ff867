// A call's pipeline: how it begins and ends, and the sound that flows. Descriptions: gst_negotiation.cpp.
#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <cstring>

#include <fmt/format.h>

#include "actors/capture/gst_support.hpp"
#include "actors/gateway/webrtc/addresses.hpp"
#include "actors/gateway/webrtc/gst_parts.hpp"

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

bool is_of_pictures(GstPad* pad) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  if (caps == nullptr) caps = gst_pad_query_caps(pad, nullptr);
  const char* media = nullptr;
  if (caps != nullptr && gst_caps_get_size(caps) > 0 && !gst_caps_is_any(caps))
    media = gst_structure_get_string(gst_caps_get_structure(caps, 0), "media");
  const bool out = media != nullptr && std::string_view(media) == "video";
  if (caps != nullptr) gst_caps_unref(caps);
  return out;
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
  static void probe(gst_call& c, GstElement* e, const char* pad, int of, GstPadProbeCallback what) {
    GstPad* at = gst_element_get_static_pad(e, pad);
    if (at == nullptr) return;
    gst_pad_add_probe(at, GstPadProbeType(of), what, new weak(c.weak_from_this()),
                      [](gpointer p) { delete static_cast<weak*>(p); });
    gst_object_unref(at);
  }
  static void candidate(GstElement*, guint, gchar* text, gpointer p) {
    with(p, [&](gst_call& c) {
      const std::lock_guard lock(c.mutex_);
      if (c.candidates_.size() < 64) c.candidates_.emplace_back(text);
      c.changed_.notify_all();
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
  static void jitter(GstElement*, GstElement* e, guint, guint ssrc, gpointer p) {
    with(p, [&](gst_call& c) { c.jitter_added(e, ssrc); });
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
  /// Before SCTP has it: on how many streams the other side speaks.
  static GstPadProbeReturn sctp_packet(GstPad*, GstPadProbeInfo* info, gpointer p) {
    GstMapInfo map;
    GstBuffer* b = GST_PAD_PROBE_INFO_BUFFER(info);
    if (b == nullptr || !gst_buffer_map(b, &map, GST_MAP_READ)) return GST_PAD_PROBE_DROP;
    bool is_good = false;
    with(p, [&](gst_call& c) { is_good = c.takes_sctp({map.data, map.size}); });
    gst_buffer_unmap(b, &map);
    return is_good ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
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
      with(p, [&](gst_call& c) {
        if (c.is_newest(G_OBJECT(sink))) c.heard(std::move(samples));
      });
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
      turn_(o.turn),
      shows_(o.shows),
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
  if (const auto* p = d.find(medium::kind::pictures); p != nullptr && !shows_.empty())
    text += fmt::format(
        " {} ! videoconvert ! vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay pt={} ssrc={} ! "
        "application/x-rtp,media=video,encoding-name=VP8,payload={},clock-rate=90000 ! rtc.",
        shows_, p->vp8, shown_ssrc, p->vp8);
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
  // Each source of sound (SSRC) has threads of its own; one is what is needed.
  if (GstElement* rtp = gst_bin_get_by_name(GST_BIN(gst_->rtc), "rtpbin")) {
    g_object_set(rtp, "max-streams", 4u, nullptr);
    signals::connect(*this, rtp, "new-jitterbuffer", G_CALLBACK(signals::jitter));
    gst_object_unref(rtp);
  }
  if (!stun_.empty()) g_object_set(gst_->rtc, "stun-server", stun_.c_str(), nullptr);
  if (!turn_.empty()) g_object_set(gst_->rtc, "turn-server", turn_.c_str(), nullptr);
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
  hold_back_sctp();
  // Its threads end here; what they call meanwhile finds the call, but for its pipeline.
  if (gst_->pipeline != nullptr) gst_element_set_state(gst_->pipeline, GST_STATE_NULL);
  {
    const std::lock_guard lock(gst_->mutex);
    take_off(gst_->jitter);
    take_off(gst_->dtls);
    take_off(gst_->sctp);
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
  if (name == "dtlsdec") {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->dtls == nullptr) gst_->dtls = GST_ELEMENT(gst_object_ref(e));
  } else if (name == "nicesrc") {
    signals::probe(*this, e, "src", GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST,
                   signals::packet);
  } else if (name == "sctpdec") {
    {
      const std::lock_guard lock(gst_->mutex);
      if (gst_->sctp == nullptr) gst_->sctp = GST_ELEMENT(gst_object_ref(e));
    }
    // A list comes to its sink buffer by buffer.
    signals::probe(*this, e, "sink", GST_PAD_PROBE_TYPE_BUFFER, signals::sctp_packet);
  }
}

/// Each source has its own, and the newest of sound is heard. The bin keeps the one before.
void gst_call::jitter_added(_GstElement* e, std::uint32_t ssrc) {
  g_object_set(e, "do-lost", TRUE, nullptr);
  if (ssrc == pictures_ssrc_ && ssrc != 0) return;
  const std::lock_guard lock(gst_->mutex);
  if (gst_->jitter != nullptr) gst_object_unref(gst_->jitter);
  gst_->jitter = GST_ELEMENT(gst_object_ref(e));
}

bool gst_call::takes_sctp(std::span<const std::uint8_t> packet) {
  {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->streams.admits(packet)) return true;
  }
  finish(1008, "more data channels than are taken");
  return false;
}

bool gst_call::is_newest(_GObject* ear) {
  const std::lock_guard lock(gst_->mutex);
  return gst_->ear == ear;
}

void gst_call::pad_added(_GObject* added) {
  GstPad* pad = GST_PAD(added);
  if (GST_PAD_DIRECTION(pad) != GST_PAD_SRC) return;
  // Its source may change, as with another microphone; sound of two at once would be no sound.
  constexpr int most_sources = 16;
  if (++sources_ > most_sources)
    return finish(1008, "its sound comes from too many sources (SSRC)");
  if (is_of_pictures(pad)) return sees(added);
  hears(added);
}

void gst_call::hears(_GObject* added) {
  GstPad* pad = GST_PAD(added);
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
  {
    const std::lock_guard lock(gst_->mutex);
    gst_->ear = G_OBJECT(sink);
  }
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

}  // namespace hocket::gateway::webrtc
