// The data channel, as GStreamer has it.
#include <gst/gst.h>

#include <condition_variable>
#include <memory>

#include "actors/gateway/webrtc/gst_parts.hpp"

namespace hocket::gateway::webrtc {

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

/// From here on nothing comes to SCTP. GStreamer's element lets its association go before it stops what
/// comes in, and a message that is under way there then ends the process by an assertion (1.22:
/// sctpdec_cleanup, which calls itself not threadsafe).
void gst_call::hold_back_sctp() {
  struct waiting {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_idle = false;
  };
  GstElement* sctp = nullptr;
  {
    const std::lock_guard lock(gst_->mutex);
    if (gst_->sctp != nullptr) sctp = GST_ELEMENT(gst_object_ref(gst_->sctp));
  }
  if (sctp == nullptr) return;
  GstPad* into = gst_element_get_static_pad(sctp, "sink");
  GstPad* from = into != nullptr ? gst_pad_get_peer(into) : nullptr;
  if (from != nullptr) {
    // Called when nothing is under way, and blocked until the pipeline is taken down.
    const auto state = std::make_shared<waiting>();
    gst_pad_add_probe(
        from, GST_PAD_PROBE_TYPE_IDLE,
        [](GstPad*, GstPadProbeInfo*, gpointer p) {
          auto& w = **static_cast<std::shared_ptr<waiting>*>(p);
          const std::lock_guard lock(w.mutex);
          w.is_idle = true;
          w.changed.notify_all();
          return GST_PAD_PROBE_OK;
        },
        new std::shared_ptr<waiting>(state),
        [](gpointer p) { delete static_cast<std::shared_ptr<waiting>*>(p); });
    std::unique_lock lock(state->mutex);
    state->changed.wait_for(lock, std::chrono::seconds(1), [&] { return state->is_idle; });
    gst_object_unref(from);
  }
  if (into != nullptr) gst_object_unref(into);
  gst_object_unref(sctp);
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
