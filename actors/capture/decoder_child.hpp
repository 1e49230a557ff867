#pragma once

#include "actors/capture/gst_source.hpp"

namespace hocket::capture {

/// The same source for a media file that is not the operator's own: GStreamer's decoders run in a
/// process of their own (graph/trust/sandbox) that reads that file and nothing else, has no network,
/// and is limited; samples and pixels come back through pipes, raw, so that nothing of the file is
/// parsed here. One process for sound and one for pictures.
///
/// Times count from the beginning of the file: sound that begins later comes behind silence, pictures
/// that do behind copies of the first. `is_file` is taken as given, `allow` is not
/// asked: what the decoders may do, the sandbox says.
/// Errors: capture.cannot_open (also where nothing can be confined here), capture.device_lost.
result<std::unique_ptr<gst_source>> open_confined(const gst_source::options& o);

}  // namespace hocket::capture
