#include "actors/capture/gst_support.hpp"

#include <gst/gst.h>

#include <array>
#include <mutex>

namespace hocket::capture {

void init_gstreamer() {
  static std::once_flag once;
  std::call_once(once, [] { gst_init(nullptr, nullptr); });
}

std::string_view package_of_element(std::string_view element) {
  struct entry {
    std::string_view name;  // an element, or the beginning of its name where it ends in '*'
    std::string_view package;
  };
  static constexpr std::array<entry, 29> known = {{{"alsasrc", "gstreamer1.0-alsa"},
                                                   {"alsasink", "gstreamer1.0-alsa"},
                                                   {"pulse*", "gstreamer1.0-pulseaudio"},
                                                   {"pipewire*", "gstreamer1.0-pipewire"},
                                                   {"jackaudio*", "gstreamer1.0-plugins-good"},
                                                   {"auto*", "gstreamer1.0-plugins-good"},
                                                   {"wavparse", "gstreamer1.0-plugins-good"},
                                                   {"wavenc", "gstreamer1.0-plugins-good"},
                                                   {"rtsp*", "gstreamer1.0-plugins-good"},
                                                   {"v4l2*", "gstreamer1.0-plugins-good"},
                                                   {"ximagesrc", "gstreamer1.0-plugins-good"},
                                                   {"flac*", "gstreamer1.0-plugins-good"},
                                                   {"mpg123*", "gstreamer1.0-plugins-good"},
                                                   {"qtdemux", "gstreamer1.0-plugins-good"},
                                                   {"matroska*", "gstreamer1.0-plugins-good"},
                                                   {"vp8*", "gstreamer1.0-plugins-good"},
                                                   {"avdec_*", "gstreamer1.0-libav"},
                                                   {"avenc_*", "gstreamer1.0-libav"},
                                                   {"x264enc", "gstreamer1.0-plugins-ugly"},
                                                   {"nice*", "gstreamer1.0-nice"},
                                                   {"webrtc*", "gstreamer1.0-plugins-bad"},
                                                   {"openh264*", "gstreamer1.0-plugins-bad"},
                                                   {"faad", "gstreamer1.0-plugins-bad"},
                                                   {"srt*", "gstreamer1.0-plugins-bad"},
                                                   {"audiotestsrc", "gstreamer1.0-plugins-base"},
                                                   {"videotestsrc", "gstreamer1.0-plugins-base"},
                                                   {"decodebin*", "gstreamer1.0-plugins-base"},
                                                   {"uridecodebin*", "gstreamer1.0-plugins-base"},
                                                   {"opus*", "gstreamer1.0-plugins-base"}}};
  for (const auto& [name, package] : known) {
    const bool prefix = name.back() == '*';
    if (prefix ? element.starts_with(name.substr(0, name.size() - 1)) : element == name)
      return package;
  }
  return "";
}

namespace {

constexpr auto allow_key = "hocket-allow";

std::string factory_name(GstElement* element) {
  GstElementFactory* factory = gst_element_get_factory(element);
  return factory != nullptr ? GST_OBJECT_NAME(factory) : "";
}

// GstAutoplugSelectResult, which no header of GStreamer's declares.
enum class plug : int { attempt = 0, expose = 1, skip = 2 };

int may_plug(GstElement*, GstPad*, GstCaps*, GstElementFactory* factory, gpointer allow) {
  const auto& may = *static_cast<const allow_element*>(allow);
  return static_cast<int>(may(GST_OBJECT_NAME(factory)) ? plug::attempt : plug::skip);
}

/// Decoders ask before they add an element.
void watch_decoder(GstElement* element, gpointer allow) {
  if (g_signal_lookup("autoplug-select", G_OBJECT_TYPE(element)) != 0)
    g_signal_connect(element, "autoplug-select", G_CALLBACK(may_plug), allow);
}

// What comes by another way is an error before it does anything: it is added before it starts.
void element_added(GstBin*, GstBin*, GstElement* element, gpointer allow) {
  watch_decoder(element, allow);
  const auto ok = (*static_cast<const allow_element*>(allow))(factory_name(element));
  if (ok) return;
  gst_element_set_locked_state(element, TRUE);
  GST_ELEMENT_ERROR(element, RESOURCE, NOT_AUTHORIZED, ("%s", ok.error().message.c_str()),
                    (nullptr));
}

/// Asks for all elements that are there, and from here on for those that come.
result<void> guard(GstElement* pipeline, const allow_element& allow) {
  if (!allow) return {};
  auto* kept = new allow_element(allow);
  g_object_set_data_full(G_OBJECT(pipeline), allow_key, kept,
                         [](gpointer p) { delete static_cast<allow_element*>(p); });
  result<void> out;
  GstIterator* all = gst_bin_iterate_recurse(GST_BIN(pipeline));
  GValue item = G_VALUE_INIT;
  while (out && gst_iterator_next(all, &item) == GST_ITERATOR_OK) {
    auto* element = GST_ELEMENT(g_value_get_object(&item));
    out = allow(factory_name(element));
    watch_decoder(element, kept);
    g_value_reset(&item);
  }
  g_value_unset(&item);
  gst_iterator_free(all);
  if (out) g_signal_connect(pipeline, "deep-element-added", G_CALLBACK(element_added), kept);
  return out;
}

}  // namespace

result<_GstElement*> parse_pipeline(const std::string& description, const allow_element& allow) {
  init_gstreamer();
  GError* failure = nullptr;
  GstParseContext* context = gst_parse_context_new();
  GstElement* pipeline =
      gst_parse_launch_full(description.c_str(), context, GST_PARSE_FLAG_FATAL_ERRORS, &failure);
  std::string hint;
  if (gchar** missing = gst_parse_context_get_missing_elements(context)) {
    for (gchar** name = missing; *name; ++name)
      if (const auto package = package_of_element(*name); !package.empty())
        hint += "; `" + std::string(*name) + "` is in the Debian package " + std::string(package);
    g_strfreev(missing);
  }
  gst_parse_context_free(context);
  if (failure) {
    std::string message = failure->message + hint;
    g_error_free(failure);
    if (pipeline) gst_object_unref(pipeline);
    return fail("capture.bad_pipeline", message);
  }
  if (!GST_IS_PIPELINE(pipeline)) {  // a single element comes back bare
    GstElement* whole = gst_pipeline_new(nullptr);
    gst_bin_add(GST_BIN(whole), pipeline);
    pipeline = whole;
  }
  if (auto fine = guard(pipeline, allow); !fine) {
    gst_object_unref(pipeline);
    return fail(fine);
  }
  return pipeline;
}

std::string bus_error(_GstElement* pipeline) {
  GstBus* bus = gst_element_get_bus(pipeline);
  std::string said, missing;
  while (GstMessage* message = gst_bus_pop_filtered(
             bus, static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT))) {
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      GError* failure = nullptr;
      gst_message_parse_error(message, &failure, nullptr);
      if (said.empty())
        said = std::string(GST_OBJECT_NAME(GST_MESSAGE_SRC(message))) + ": " + failure->message;
      g_error_free(failure);
    } else if (const GstStructure* s = gst_message_get_structure(message);
               s && gst_structure_has_name(s, "missing-plugin")) {
      if (const char* name = gst_structure_get_string(s, "name"))
        missing = std::string(" (missing: ") + name + ")";
    }
    gst_message_unref(message);
  }
  gst_object_unref(bus);
  return said.empty() ? said : said + missing;
}

}  // namespace hocket::capture
