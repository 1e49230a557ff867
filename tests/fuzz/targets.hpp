#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hocket::fuzz {

/// One function that must survive any bytes: no crash, no hang, no sanitizer report.
struct target {
  const char* name;
  void (*run)(std::span<const std::uint8_t> bytes);
  /// Well-formed inputs to begin with, beside the corpus folder.
  std::vector<std::string> (*seeds)();
};

extern const target codec;  ///< graph/schema: what a peer sends
extern const target graph;  ///< graph/spec: what a person writes

}  // namespace hocket::fuzz
