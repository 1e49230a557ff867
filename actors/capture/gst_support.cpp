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

result<_GstElement*> parse_pipeline(const std::string& description) {
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
