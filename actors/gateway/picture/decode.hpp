#pragma once

#include <string_view>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

namespace hocket::gateway {

/// The picture, made so small that neither side is longer than `side` pixels; never larger than it is.
/// `bytes`: what `read_head` takes. Transparent parts lie on black.
/// Errors: gateway.bad_picture (torn, or not what its head says).
/// Threads: any. Memory: as many bytes as the picture has pixels, times 3 for a PNG, times 6 for a JPEG of
/// several scans (libjpeg keeps 16 bits of each coefficient); else some rows of it.
result<video_frame> decode_picture(std::string_view bytes, std::int32_t side);

}  // namespace hocket::gateway
