// The data channel, as GStreamer has it.
#include <gst/gst.h>

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
