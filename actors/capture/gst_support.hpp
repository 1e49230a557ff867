#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"

struct _GstElement;  // GStreamer's own name; its headers stay in .cpp files

namespace hocket::capture {

/// Starts GStreamer once per process. Threads: any.
void init_gstreamer();

/// The Debian package that holds an element, or "" where unknown.
std::string_view package_of_element(std::string_view element);

/// Whether an element may be used, by its name; an error says why not.
using allow_element = std::function<result<void>(std::string_view element)>;

/// A pipeline from its description; the caller owns it. Every element that it holds, and every one
/// that a decoder would add for what it finds in a file, is asked for first: a media file may name
/// addresses to fetch from, as playlists do.
/// An empty `allow` allows everything. Errors: capture.bad_pipeline, with GStreamer's words and the package of a missing element; what
/// `allow` says.
result<_GstElement*> parse_pipeline(const std::string& description, const allow_element& allow);

/// The next error on a pipeline's bus: "element: what it said (detail)"; "" where there is none.
std::string bus_error(_GstElement* pipeline);

}  // namespace hocket::capture
