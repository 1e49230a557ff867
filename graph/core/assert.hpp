#pragma once

namespace hocket {
/// Prints the broken assumption with its place to stderr and aborts. Holds in release builds.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace hocket

/// Our own logic is wrong if this does not hold; never used for a user's input or the world.
#define HOCKET_ASSERT(expression) \
  ((expression) ? void(0) : ::hocket::assertion_failed(#expression, __FILE__, __LINE__))
