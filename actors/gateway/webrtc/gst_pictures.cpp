// The pictures that the other side shows: VP8 to RGB, small and seldom, as a model sees them.
#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <cstring>

#include <fmt/format.h>

#include "actors/gateway/webrtc/gst_parts.hpp"
#include "actors/gateway/webrtc/vp8_head.hpp"

namespace hocket::gateway::webrtc {
namespace {

constexpr int most_width = 640, most_height = 480, per_s = 10;
constexpr std::int64_t most_pixels = 1920 * 1080;  ///< as they come

using weak = std::weak_ptr<gst_call>;

/// Before it is decoded: a picture that begins anew says how large it and those after it are.
GstPadProbeReturn look(GstPad*, GstPadProbeInfo* info, gpointer) {
  GstMapInfo map;
  GstBuffer* b = GST_PAD_PROBE_INFO_BUFFER(info);
  if (b == nullptr || !gst_buffer_map(b, &map, GST_MAP_READ)) return GST_PAD_PROBE_DROP;
  const auto size = vp8_size({map.data, map.size});
  gst_buffer_unmap(b, &map);
  const bool is_taken =
      !size || static_cast<std::int64_t>(size->width) * size->height <= most_pixels;
  return is_taken ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
}

/// Behind the decoder, which needs all of them. GStreamer 1.22's videorate ends the process where a picture
/// has no duration.
GstPadProbeReturn thin_out(GstPad*, GstPadProbeInfo* info, gpointer p) {
  auto& last = *static_cast<GstClockTime*>(p);
  GstBuffer* b = GST_PAD_PROBE_INFO_BUFFER(info);
  const auto at = b != nullptr ? GST_BUFFER_PTS(b) : GST_CLOCK_TIME_NONE;
  if (!GST_CLOCK_TIME_IS_VALID(at)) return GST_PAD_PROBE_DROP;
  if (GST_CLOCK_TIME_IS_VALID(last) && at >= last && at < last + GST_SECOND / per_s)
    return GST_PAD_PROBE_DROP;
  last = at;
  return GST_PAD_PROBE_OK;
}

/// On what leaves the element of that name; the state goes with the probe.
void probe(GstElement* bin, const char* name, GstPadProbeCallback what, GstClockTime* state) {
  GstElement* e = gst_bin_get_by_name(GST_BIN(bin), name);
  GstPad* out = gst_element_get_static_pad(e, "src");
  gst_pad_add_probe(out, GST_PAD_PROBE_TYPE_BUFFER, what, state,
                    [](gpointer p) { delete static_cast<GstClockTime*>(p); });
  gst_object_unref(out);
  gst_object_unref(e);
}

std::optional<shown_picture> picture_of(GstSample* s) {
  shown_picture out;
  GstCaps* caps = gst_sample_get_caps(s);
  GstBuffer* b = gst_sample_get_buffer(s);
  if (caps == nullptr || b == nullptr) return std::nullopt;
  const GstStructure* of = gst_caps_get_structure(caps, 0);
  if (gst_structure_get_int(of, "width", &out.width) == FALSE ||
      gst_structure_get_int(of, "height", &out.height) == FALSE)
    return std::nullopt;
  const auto row = static_cast<std::size_t>(out.width) * 3, stride = (row + 3) / 4 * 4;
  const auto rows = static_cast<std::size_t>(out.height);
  GstMapInfo map;
  if (gst_buffer_map(b, &map, GST_MAP_READ) == FALSE) return std::nullopt;
  const bool is_whole = map.size >= stride * rows;
  if (is_whole) {
    out.pixels.resize(row * rows);
    for (std::size_t y = 0; y < rows; ++y)
      std::memcpy(out.pixels.data() + y * row, map.data + y * stride, row);
  }
  gst_buffer_unmap(b, &map);
  if (!is_whole) return std::nullopt;
  return out;
}

}  // namespace

bool gst_call::takes_pictures() const {
  if (!events_.picture) return false;
  for (const char* name : {"rtpvp8depay", "vp8dec", "videoconvert", "videoscale"}) {
    GstElementFactory* f = gst_element_factory_find(name);
    if (f == nullptr) return false;
    gst_object_unref(f);
  }
  return true;
}

void gst_call::sees(_GObject* added) {
  const auto text = fmt::format(
      "rtpvp8depay name=depay request-keyframe=true ! vp8dec name=decoder threads=1 ! videoconvert "
      "! "
      "videoscale ! video/x-raw,format=RGB,width=[1,{}],height=[1,{}],pixel-aspect-ratio=1/1 ! "
      "appsink name=eye sync=false async=false max-buffers=1 drop=true",
      most_width, most_height);
  GError* wrong = nullptr;
  GstElement* bin = gst_parse_bin_from_description(text.c_str(), TRUE, &wrong);
  if (bin == nullptr || wrong != nullptr) {
    fault(wrong != nullptr ? wrong->message : "no decoder of pictures");
    if (wrong) g_error_free(wrong);
    return;
  }
  probe(bin, "depay", look, nullptr);
  probe(bin, "decoder", thin_out, new GstClockTime(GST_CLOCK_TIME_NONE));
  GstElement* sink = gst_bin_get_by_name(GST_BIN(bin), "eye");
  GstAppSinkCallbacks callbacks{};
  callbacks.new_sample = [](GstAppSink* from, gpointer p) -> GstFlowReturn {
    GstSample* s = gst_app_sink_pull_sample(from);
    if (s == nullptr) return GST_FLOW_EOS;
    auto picture = picture_of(s);
    gst_sample_unref(s);
    if (const auto self = static_cast<weak*>(p)->lock(); self && picture)
      self->saw(std::move(*picture));
    return GST_FLOW_OK;
  };
  gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, new weak(weak_from_this()),
                             [](gpointer p) { delete static_cast<weak*>(p); });
  gst_object_unref(sink);
  gst_bin_add(GST_BIN(gst_->pipeline), bin);
  gst_element_sync_state_with_parent(bin);
  GstPad* to = gst_element_get_static_pad(bin, "sink");
  if (gst_pad_link(GST_PAD(added), to) != GST_PAD_LINK_OK)
    fault("the pictures that come cannot be decoded");
  gst_object_unref(to);
}

void gst_call::saw(shown_picture p) {
  if (!check_fingerprint()) return;
  {
    const std::lock_guard lock(mutex_);
    if (!is_open_ || is_finished_ || closing_) return;
  }
  const std::lock_guard lock(sound_mutex_);
  if (events_.picture) events_.picture(std::move(p));
}

}  // namespace hocket::gateway::webrtc
