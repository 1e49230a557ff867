// What the guard does once the person wants it to speak in another manner.
#include <algorithm>

#include <fmt/format.h>

#include "actors/policy/guard.hpp"

namespace hocket::policy {

// Each time slower than before; `pace: 1` takes it all back.
void guard::adapt(const topic& t, emitter& out) {
  const auto tell = [&](std::size_t port, std::string value) {
    send(port, make_packet(context_.time->now(), text{std::move(value), "manner", 0, true}), out);
  };
  const bool is_usual = t.pace >= 1 && t.wording.empty();
  if (t.pace > 0) {
    pace_ = t.pace >= 1 ? 1.0 : std::max(slowest_pace, pace_ * t.pace);
    tell(pace_out, fmt::format("{}", pace_));
  }
  if (!t.wording.empty())
    tell(manner_out, rules_.in(t.wording, config_.language));
  else if (is_usual)
    tell(manner_out, "");
  if (!t.say.empty()) say(t.say, out);
}

}  // namespace hocket::policy
