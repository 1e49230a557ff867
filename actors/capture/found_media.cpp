#include "actors/capture/found_media.hpp"

#include <gst/gst.h>
#include <gst/pbutils/pbutils.h>

#include <memory>
#include <string_view>

namespace hocket::capture {
namespace {

struct unref {
  void operator()(gpointer object) const { gst_object_unref(object); }
};
template <class T>
using ref = std::unique_ptr<T, unref>;

constexpr auto container = GST_PBUTILS_CAPS_DESCRIPTION_FLAG_CONTAINER;
constexpr auto sound = GST_PBUTILS_CAPS_DESCRIPTION_FLAG_AUDIO;
constexpr auto picture =
    GST_PBUTILS_CAPS_DESCRIPTION_FLAG_VIDEO | GST_PBUTILS_CAPS_DESCRIPTION_FLAG_IMAGE;

void note(found_media& found, const GstCaps* caps) {
  if (gst_caps_is_empty(caps) || gst_caps_is_any(caps)) return;
  const auto what = gst_caps_is_fixed(caps) ? gst_pb_utils_get_caps_description_flags(caps)
                                            : GstPbUtilsCapsDescriptionFlags();
  // `video/quicktime` is a container, and may hold sound alone.
  if ((what & container) != 0) return;
  // What no list knows says so much: `audio/x-unknown`.
  const std::string_view name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
  if ((what & sound) != 0 || (what == 0 && name.starts_with("audio/"))) found.sound = true;
  if ((what & picture) != 0 || (what == 0 && name.starts_with("video/"))) found.pictures = true;
}

// A decoder asks for each stream, before it looks for who decodes it.
gboolean stream_found(GstElement*, GstPad*, GstCaps* caps, gpointer found) {
  note(*static_cast<found_media*>(found), caps);
  return TRUE;
}

void pad_added(GstElement*, GstPad* pad, gpointer found) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  if (caps == nullptr) return;
  note(*static_cast<found_media*>(found), caps);
  gst_caps_unref(caps);
}

void no_more_pads(GstElement*, gpointer found) { static_cast<found_media*>(found)->all = true; }

}  // namespace

void found_media::watch(_GstElement* pipeline) {
  const ref<GstElement> from(gst_bin_get_by_name(GST_BIN(pipeline), "src"));
  if (!from) return;
  if (g_signal_lookup("autoplug-continue", G_OBJECT_TYPE(from.get())) != 0)
    g_signal_connect(from.get(), "autoplug-continue", G_CALLBACK(stream_found), this);
  g_signal_connect(from.get(), "pad-added", G_CALLBACK(pad_added), this);
  g_signal_connect(from.get(), "no-more-pads", G_CALLBACK(no_more_pads), this);
}

bool is_fed(_GstElement* sink) {
  ref<GstElement> at(GST_ELEMENT(gst_object_ref(sink)));
  for (;;) {
    const ref<GstPad> in(gst_element_get_static_pad(at.get(), "sink"));
    if (!in) return true;  // a source, or what has inputs of other names
    const ref<GstPad> peer(gst_pad_get_peer(in.get()));
    if (!peer) return false;
    auto* before = gst_pad_get_parent_element(peer.get());
    if (before == nullptr) return true;
    at.reset(before);
  }
}

}  // namespace hocket::capture
