#pragma once

// What the parts of a call that see GStreamer share; nobody else includes it.
#include <gst/gst.h>

#include <mutex>

#include "actors/gateway/webrtc/gst_call.hpp"
#include "actors/gateway/webrtc/sctp_streams.hpp"

namespace hocket::gateway::webrtc {

/// The source (SSRC) of what this side shows, told in its offer: GStreamer 1.22 may leave it out.
inline constexpr std::uint32_t shown_ssrc = 0x686b7431;

struct gst_call::parts {
  GstElement *pipeline = nullptr, *rtc = nullptr, *voice = nullptr;
  std::mutex mutex;  ///< of what comes while it runs
  GObject* channel = nullptr;
  GObject* ear = nullptr;  ///< the newest source of sound; compared, never used
  sctp_streams streams;
  GstElement *jitter = nullptr, *dtls = nullptr, *sctp = nullptr;
  GstClockTime next_pts = GST_CLOCK_TIME_NONE;
};

}  // namespace hocket::gateway::webrtc
