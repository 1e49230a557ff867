// Offers and answers: what GStreamer is told and asked, and what it says.
#include <gst/gst.h>
#include <gst/sdp/gstsdpmessage.h>

#include <algorithm>
#include <condition_variable>

#include <fmt/format.h>

#include "actors/gateway/webrtc/gst_parts.hpp"

namespace hocket::gateway::webrtc {
namespace {

constexpr guint offers = 1, answers = 3;  // GstWebRTCSDPType
constexpr int opus_of_offer = 111, vp8_of_offer = 96;
constexpr std::chrono::milliseconds for_stun(1'500);  ///< beyond the first address

// GstWebRTCSessionDescription as GStreamer has it since 1.14, in a header that only a package with
// four hundred dependencies brings. Copied and freed as the boxed type that it is.
struct session_description {
  guint type;
  GstSDPMessage* sdp;
};

GType description_type() { return g_type_from_name("GstWebRTCSessionDescription"); }

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
  result<GstStructure*> wait(std::chrono::milliseconds most, const char* what) {
    std::unique_lock lock(state_->mutex);
    if (!state_->changed.wait_for(lock, most,
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

}  // namespace

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
  const auto done = a.wait(left(), which);
  if (!done) return fail(done);
  return {};
}

/// `how`: create-answer or create-offer; what it says becomes the local description.
result<description> gst_call::describe(const char* how, const char* what) {
  asked a;
  g_signal_emit_by_name(gst_->rtc, how, nullptr, a.promise());
  const auto reply = a.wait(left(), how);
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

/// What is left of the time that a set-up may take.
std::chrono::milliseconds gst_call::left() const {
  const std::lock_guard lock(mutex_);
  const auto until =
      set_up_by_.value_or(clock::now() + std::chrono::milliseconds(limits_.setup_ms));
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()));
}

/// The addresses of this machine are there at once. Where a STUN or TURN server has no name or does not
/// answer, libnice waits for it for seconds, or for ever: the call goes on without.
result<void> gst_call::gather() {
  const auto until = clock::now() + left();
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [&] { return has_gathered_ || !candidates_.empty(); });
  changed_.wait_until(lock, std::min(until, clock::now() + for_stun),
                      [&] { return has_gathered_; });
  if (!candidates_.empty()) return {};
  return fail("gateway.webrtc", has_gathered_ ? "this machine has no address to use"
                                              : "no address was found in time");
}

/// The longest message that may be sent to who wrote that.
std::size_t gst_call::taken_by(const medium& data) const {
  if (data.message_bytes == 0) return limits_.message_bytes;  // any
  return std::min(static_cast<std::size_t>(data.message_bytes), limits_.message_bytes);
}

result<std::string> gst_call::answer(description offer) {
  for (auto& m : offer.media)
    // Without its source (SSRC) GStreamer would take its packets for those of the sound.
    if (m.of == medium::kind::pictures && (offer.pictures_ssrc == 0 || !takes_pictures()))
      m.of = medium::kind::other;
  pictures_ssrc_ = offer.pictures_ssrc;
  offer.candidates.clear();  // who calls shows where it is; nobody is sent elsewhere by its words
  const auto* sound = offer.find(medium::kind::sound);
  const auto* data = offer.find(medium::kind::data);
  {
    const std::lock_guard lock(mutex_);
    fingerprint_ = offer.fingerprint;
    has_sound_ = sound != nullptr;
    has_channel_ = data != nullptr;
    if (data != nullptr) most_message_bytes_ = taken_by(*data);
  }
  HOCKET_TRY(build(
      offer, sound != nullptr && sound->direction != "sendonly" && sound->direction != "inactive"));
  auto served = offer;
  std::erase_if(served.media, [](const medium& m) { return m.of == medium::kind::other; });
  // What comes of an SSRC that no line tells is of the bundle's first part for GStreamer 1.22, which aborts
  // where that is a channel: first sound, then pictures. The answer has the order of the offer again.
  for (const auto kind : {medium::kind::pictures, medium::kind::sound})
    std::stable_partition(served.media.begin(), served.media.end(),
                          [&](const medium& m) { return m.of == kind; });
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
  if (!shows_.empty()) {
    d.media.emplace_back().of = medium::kind::pictures;
    d.media[1].vp8 = vp8_of_offer;
  }
  HOCKET_TRY(build(d, true));
  GObject* made = nullptr;
  g_signal_emit_by_name(gst_->rtc, "create-data-channel", channel.c_str(), nullptr, &made);
  if (made == nullptr) return fail("gateway.webrtc", "there is no data channel");
  channel_made(made);
  g_object_unref(made);
  auto ours = describe("create-offer", "offer");
  if (!ours) return fail(ours);
  if (!shows_.empty()) ours->pictures_ssrc = shown_ssrc;
  const std::lock_guard lock(mutex_);
  has_sound_ = has_channel_ = true;
  return text_of(*ours, 1);
}

result<void> gst_call::accept(const description& answer) {
  {
    const std::lock_guard lock(mutex_);
    fingerprint_ = answer.fingerprint;
    const auto* data = answer.find(medium::kind::data);
    most_message_bytes_ = data == nullptr ? 0 : taken_by(*data);
    described_ = clock::now();
    set_up_by_.reset();
  }
  return set_description("set-remote-description", static_cast<int>(answers), text_of(answer, 2));
}

}  // namespace hocket::gateway::webrtc
