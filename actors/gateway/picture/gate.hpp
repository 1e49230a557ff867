#pragma once

#include <cstdint>
#include <string_view>

#include "actors/gateway/picture/head.hpp"
#include "actors/gateway/protocol.hpp"

namespace hocket::gateway {

/// One conversation's pictures, on their way in: whether they are taken, told before anything of them is
/// decoded. What is refused is nobody's to see.
class picture_gate {
 public:
  /// `sees`: something in the graph takes pictures.
  explicit picture_gate(bool sees, picture_limits limits = {}) : limits_(limits), sees_(sees) {}

  bool sees() const { return sees_; }
  /// A picture in base64. Errors: gateway.no_pictures (nothing looks), gateway.bad_picture,
  /// gateway.large_picture, gateway.many_pictures.
  result<see_picture> take(std::string_view base64, std::int64_t now_ms);

 private:
  const picture_limits limits_;
  const bool sees_;
  double room_ = limits_.at_once;
  std::int64_t counted_ms_ = 0;
};

}  // namespace hocket::gateway
