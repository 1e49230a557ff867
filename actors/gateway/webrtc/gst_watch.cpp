// What a call does beside: the voice that leaves, how long packets are waited for, who the other side is.
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include "actors/gateway/webrtc/gst_parts.hpp"
#include "actors/gateway/webrtc/jitter.hpp"
#include "actors/http/fingerprint.hpp"

namespace hocket::gateway::webrtc {

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
  const auto more_late =
      late < late_before_ ? 0 : late - late_before_;  // another source counts anew
  const auto now = next_jitter_ms(jitter_ms_, static_cast<int>(more_late), calm_, limits_.jitter_ms,
                                  limits_.most_jitter_ms);
  late_before_ = late;
  guint waits_ms = 0;
  g_object_get(jitter, "latency", &waits_ms, nullptr);
  jitter_ms_ = now;
  if (waits_ms != static_cast<guint>(now))
    g_object_set(jitter, "latency", static_cast<guint>(now), nullptr);
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
