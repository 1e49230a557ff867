#pragma once

#include <string>
#include <string_view>

#include "graph/core/result.hpp"

struct _GstElement;  // GStreamer's own name; its headers stay in .cpp files

namespace hocket::capture {

/// Starts GStreamer once per process. Threads: any.
void init_gstreamer();

/// The Debian package that holds an element, or "" where unknown.
std::string_view package_of_element(std::string_view element);

/// A pipeline from its description; the caller owns it.
/// Errors: capture.bad_pipeline, with GStreamer's words and the package of a missing element.
result<_GstElement*> parse_pipeline(const std::string& description);

/// The next error on a pipeline's bus: "element: what it said (detail)"; "" where there is none.
std::string bus_error(_GstElement* pipeline);

}  // namespace hocket::capture
