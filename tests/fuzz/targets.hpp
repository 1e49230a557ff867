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

/// Before a message: a field that no release knows. `graph/schema/direct` gives up at it, protobuf skips
/// it and reads the rest.
inline constexpr auto protobuf_alone = "\x78\x01";

/// Every target that CMakeLists.txt names, in its order.
const std::vector<const target*>& all_targets();

}  // namespace hocket::fuzz
