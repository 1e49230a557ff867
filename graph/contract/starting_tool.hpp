// Tools that need time before their first call, such as a process of their own.
#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket {

/// Beside `tool`: what it needs is there once `start` returned, and is not taken from a call's limit.
class starting_tool {
 public:
  virtual ~starting_tool() = default;
  /// Bounded by `limit_ms`; at once where all is there. Errors: why it cannot be called.
  /// *Threads*: as calls.
  virtual result<void> start() = 0;

  static constexpr int limit_ms = 35'000;
};

/// Beside `tool_source`: the same for one of its tools. One that needs no start is there at once.
class starting_source {
 public:
  virtual ~starting_source() = default;
  virtual result<void> start(const std::string& tool) = 0;
};

}  // namespace hocket
