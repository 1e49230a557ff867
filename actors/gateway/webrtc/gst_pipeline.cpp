// Everything of a call that sees GStreamer.
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/sdp/gstsdpmessage.h>

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "actors/capture/gst_support.hpp"
#include "actors/gateway/webrtc/addresses.hpp"
#include "actors/http/fingerprint.hpp"
#include "actors/gateway/webrtc/gst_call.hpp"
#include "actors/gateway/webrtc/jitter.hpp"

namespace hocket::gateway::webrtc {
namespace {

constexpr int rate_hz = 16'000;
constexpr guint offers = 1, answers = 3;  // GstWebRTCSDPType
constexpr guint channel_is_open = 2;      // GstWebRTCDataChannelState
constexpr int opus_of_offer = 111;

// GstWebRTCSessionDescription as GStreamer has it since 1.14, in a header that only a package with
// four hundred dependencies brings. Copied and freed as the boxed type that it is.
struct session_description {
  guint type;
  GstSDPMessage* sdp;
};

GType description_type() { return g_type_from_name("GstWebRTCSessionDescription"); }

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

/// An action of webrtcbin's that answers by a promise; false where it did not within the time.
class asked {
 public:
  asked() {
    promise_ = gst_promise_new_with_change_func(
        [](GstPromise* p, gpointer to) {
          auto& s = *static_cast<std::shared_ptr<state>*>(to);
          const std::lock_guard lock(s->mutex);
          s->result = gst_promise_wait(p);
          if (const auto* reply = gst_promise_get_reply(p)) s->reply = gst_structure_copy(reply);
          s->changed.notify_all();
        },
        new std::shared_ptr<state>(state_),
        [](gpointer to) { delete static_cast<std::shared_ptr<state>*>(to); });
  }
  ~asked() { gst_promise_unref(promise_); }
  asked(const asked&) = delete;
  asked& operator=(const asked&) = delete;

  GstPromise* promise() { return promise_; }
  /// The answer; owned by this. Errors: gateway.webrtc.
  result<GstStructure*> wait(int ms, const char* what) {
    std::unique_lock lock(state_->mutex);
    if (!state_->changed.wait_for(lock, std::chrono::milliseconds(ms),
                                  [&] { return state_->result != GST_PROMISE_RESULT_PENDING; }))
      return fail("gateway.webrtc", fmt::format("GStreamer does not answer `{}`", what));
    GError* wrong = nullptr;
    if (state_->reply != nullptr && gst_structure_has_field(state_->reply, "error"))
      gst_structure_get(state_->reply, "error", G_TYPE_ERROR, &wrong, nullptr);
    if (wrong == nullptr && state_->result == GST_PROMISE_RESULT_REPLIED) return state_->reply;
    auto out = fail("gateway.webrtc",
                    fmt::format("`{}`: {}", what, wrong ? wrong->message : "it gave up"));
    if (wrong) g_error_free(wrong);
    return out;
  }

 private:
  struct state {
    ~state() {
      if (reply) gst_structure_free(reply);
    }
    std::mutex mutex;
    std::condition_variable changed;
    GstPromiseResult result = GST_PROMISE_RESULT_PENDING;
    GstStructure* reply = nullptr;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
  GstPromise* promise_;
};

/// GStreamer does not say what it takes, which means 64 KiB, and then sends no more either; it can.
std::string with_large_messages(std::string sdp) {
  const auto at = sdp.find("a=sctp-port:");
  if (at != sdp.npos && sdp.find("a=max-message-size:") == sdp.npos)
    sdp.insert(at, "a=max-message-size:262144\r\n");
  return sdp;
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

struct gst_call::parts {
  GstElement *pipeline = nullptr, *rtc = nullptr, *voice = nullptr;
  std::mutex mutex;  ///< of what comes while it runs
  GObject* channel = nullptr;
  GstElement *jitter = nullptr, *dtls = nullptr;
  GstClockTime next_pts = GST_CLOCK_TIME_NONE;
};

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
      voice_(voice_queue::limits{}),
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

// --- descriptions ---------------------------------------------------------------------------------

result<void> gst_call::set_description(const char* which, int type, const std::string& sdp) {
  session_description d{static_cast<guint>(type), nullptr};
  gst_sdp_message_new(&d.sdp);
  const auto parsed = gst_sdp_message_parse_buffer(reinterpret_cast<const guint8*>(sdp.data()),
                                                   static_cast<guint>(sdp.size()), d.sdp);
  if (parsed != GST_SDP_OK) {
    gst_sdp_message_free(d.sdp);
    return fail("gateway.bad_sdp", "GStreamer does not read the SDP");
  }
  gpointer boxed = g_boxed_copy(description_type(), &d);
  gst_sdp_message_free(d.sdp);
  asked a;
  g_signal_emit_by_name(gst_->rtc, which, boxed, a.promise());
  g_boxed_free(description_type(), boxed);
  const auto done = a.wait(limits_.setup_ms, which);
  if (!done) return fail(done);
  return {};
}

/// `how`: create-answer or create-offer; what it says becomes the local description.
result<description> gst_call::describe(const char* how, const char* what) {
  asked a;
  g_signal_emit_by_name(gst_->rtc, how, nullptr, a.promise());
  const auto reply = a.wait(limits_.setup_ms, how);
  if (!reply) return fail(reply);
  session_description* d = nullptr;
  if (*reply != nullptr) gst_structure_get(*reply, what, description_type(), &d, nullptr);
  if (d == nullptr) return fail("gateway.webrtc", fmt::format("`{}` gave nothing", how));
  gchar* text = gst_sdp_message_as_text(d->sdp);
  const auto sdp = with_large_messages(text);
  g_free(text);
  g_boxed_free(description_type(), d);
  HOCKET_TRY(set_description("set-local-description",
                             static_cast<int>(std::string_view(what) == "offer" ? offers : answers),
                             sdp));
  HOCKET_TRY(gather());
  auto read = read_description(sdp);
  if (!read) return fail("gateway.webrtc", "of GStreamer's own: " + read.error().message);
  const std::lock_guard lock(mutex_);
  read->candidates.clear();
  for (const auto& c : candidates_)
    if (c.find(" UDP ") != c.npos) read->candidates.push_back(c);
  if (read->candidates.empty()) return fail("gateway.webrtc", "this machine has no address to use");
  return std::move(*read);
}

result<void> gst_call::gather() {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, std::chrono::milliseconds(limits_.setup_ms),
                        [&] { return has_gathered_; }))
    return {};
  return fail("gateway.webrtc", "no address was found in time");
}

result<std::string> gst_call::answer(description offer) {
  offer.candidates.clear();  // who calls shows where it is; nobody is sent elsewhere by its words
  const auto* sound = offer.find(medium::kind::sound);
  const auto* data = offer.find(medium::kind::data);
  {
    const std::lock_guard lock(mutex_);
    fingerprint_ = offer.fingerprint;
    has_sound_ = sound != nullptr;
    has_channel_ = data != nullptr;
    if (data != nullptr)
      most_message_bytes_ =
          data->message_bytes == 0
              ? limits_.message_bytes
              : std::min<std::size_t>(static_cast<std::size_t>(data->message_bytes),
                                      limits_.message_bytes);
  }
  HOCKET_TRY(build(
      offer, sound != nullptr && sound->direction != "sendonly" && sound->direction != "inactive"));
  auto served = offer;
  std::erase_if(served.media, [](const medium& m) { return m.of == medium::kind::other; });
  HOCKET_TRY(
      set_description("set-remote-description", static_cast<int>(offers), text_of(served, 1)));
  const auto ours = describe("create-answer", "answer");
  if (!ours) return fail(ours);
  auto said = answer_to(offer, *ours);
  if (!said) return fail(said);
  const std::lock_guard lock(mutex_);
  described_ = clock::now();
  return text_of(*said, static_cast<std::uint64_t>(described_->time_since_epoch().count()));
}

result<std::string> gst_call::offer(const std::string& channel) {
  description d;
  d.media.emplace_back().of = medium::kind::sound;
  d.media[0].opus = opus_of_offer;
  HOCKET_TRY(build(d, true));
  GObject* made = nullptr;
  g_signal_emit_by_name(gst_->rtc, "create-data-channel", channel.c_str(), nullptr, &made);
  if (made == nullptr) return fail("gateway.webrtc", "there is no data channel");
  channel_made(made);
  g_object_unref(made);
  const auto ours = describe("create-offer", "offer");
  if (!ours) return fail(ours);
  const std::lock_guard lock(mutex_);
  has_sound_ = has_channel_ = true;
  return text_of(*ours, 1);
}

result<void> gst_call::accept(const description& answer) {
  {
    const std::lock_guard lock(mutex_);
    fingerprint_ = answer.fingerprint;
    const auto* data = answer.find(medium::kind::data);
    most_message_bytes_ = data == nullptr ? 0 : limits_.message_bytes;
    described_ = clock::now();
  }
  return set_description("set-remote-description", static_cast<int>(answers), text_of(answer, 2));
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

bool gst_call::send_now(const std::string& message, bool is_text) {
  GObject* channel = nullptr;
  {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->channel != nullptr) channel = G_OBJECT(g_object_ref(gst_->channel));
  }
  if (channel == nullptr) return false;
  if (is_text) {
    g_signal_emit_by_name(channel, "send-string", message.c_str());
  } else {
    GBytes* bytes = g_bytes_new(message.data(), message.size());
    g_signal_emit_by_name(channel, "send-data", bytes);
    g_bytes_unref(bytes);
  }
  g_object_unref(channel);
  return true;
}

std::size_t gst_call::channel_bytes() const {
  const std::lock_guard lock(gst_->mutex);
  guint64 out = 0;
  if (gst_->channel != nullptr) g_object_get(gst_->channel, "buffered-amount", &out, nullptr);
  return static_cast<std::size_t>(out);
}

void gst_call::close_channel() {
  GObject* channel = nullptr;
  {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->channel != nullptr) channel = G_OBJECT(g_object_ref(gst_->channel));
  }
  if (channel == nullptr) return;
  g_signal_emit_by_name(channel, "close");
  g_object_unref(channel);
}

}  // namespace hocket::gateway::webrtc
