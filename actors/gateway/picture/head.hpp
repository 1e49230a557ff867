#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"

namespace hocket::gateway {

/// Bounds of what a client shows; all are held before anything is decoded.
struct picture_limits {
  std::size_t bytes = 2 << 20;  ///< of one, encoded
  std::int64_t side = 4096, pixels = 4 << 20;
  int jpeg_scans = 24;  ///< an encoder makes about ten; each costs as much as the picture is large
  int per_s = 15, at_once = 30;
};

/// What the first bytes of a picture say.
struct picture_head {
  enum class coding : std::uint8_t { jpeg, png };
  coding code = coding::jpeg;
  std::int64_t width = 0, height = 0;
};

/// Reads kind and size, and holds them to the limits.
/// Errors: gateway.bad_picture (neither JPEG nor PNG, of a kind that is not taken, torn),
/// gateway.large_picture.
/// Source: ITU-T T.81 annex B; PNG, third edition, 5.3 and 11.2.1.
result<picture_head> read_head(std::string_view bytes, const picture_limits& limits = {});

/// Calls `f` with each chunk of a PNG: all of it, its type of four letters, its data. A torn one ends it.
void for_each_chunk(std::string_view png,
                    const std::function<void(std::string_view chunk, std::string_view type,
                                             std::string_view data)>& f);

/// A PNG of those chunks alone that make its picture. `read_head` has taken it.
std::string without_extras(std::string_view png);

}  // namespace hocket::gateway
