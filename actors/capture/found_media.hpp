#pragma once

#include <atomic>

struct _GstElement;  // GStreamer's own name; its headers stay in .cpp files

namespace hocket::capture {

/// What a pipeline found in its file, whether or not anything here decodes it. That a medium is absent
/// is known from this alone: a slow one has not come yet, and a broken one says what is wrong.
///
/// Threads: GStreamer's write, any reads.
struct found_media {
  std::atomic<bool> sound = false;
  std::atomic<bool> pictures = false;
  std::atomic<bool> all = false;  ///< there is no more to find

  /// Watches the element of a pipeline that its author calls `src`, if there is one; to outlive the
  /// pipeline's last run.
  void watch(_GstElement* pipeline);
};

/// Whether anything feeds the chain of elements that ends in `sink`.
bool is_fed(_GstElement* sink);

}  // namespace hocket::capture
