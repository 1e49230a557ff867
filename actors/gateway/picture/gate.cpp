#include "actors/gateway/picture/gate.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/gateway/sound.hpp"

namespace hocket::gateway {

result<see_picture> picture_gate::take(std::string_view base64, std::int64_t now_ms) {
  if (!sees_)
    return fail("gateway.no_pictures", "nothing in this graph looks at pictures: leave them out");
  room_ = std::min<double>(
      limits_.at_once, room_ + static_cast<double>(now_ms - counted_ms_) * limits_.per_s / 1000);
  counted_ms_ = now_ms;
  if (room_ < 1)
    return fail("gateway.many_pictures",
                fmt::format("more than {} pictures a second", limits_.per_s));
  room_ -= 1;
  // Four characters are three bytes: what is too long is not even written out.
  if (base64.size() / 4 * 3 > limits_.bytes + 3)
    return fail("gateway.large_picture",
                fmt::format("a picture has at most {} KiB", limits_.bytes / 1024));
  auto bytes = decode_base64(base64);
  if (!bytes) return fail("gateway.bad_picture", "the picture is no base64");
  if (const auto head = read_head(*bytes, limits_); !head) return fail(head);
  return see_picture{std::move(*bytes)};
}

}  // namespace hocket::gateway
