// What the guard does once the person wants it to speak in another manner.
#include <fmt/format.h>

#include "actors/policy/guard.hpp"

namespace hocket::policy {

// Each time slower than before; `pace: 1` takes it all back. Who speaks knows how slowly it speaks now: a guard
// that is restarted makes nothing faster by "slower", and a word that is lost is said again.
void guard::adapt(const topic& t, emitter& out) {
  const auto tell = [&](std::size_t port, std::string value) {
    send(port, make_packet(context_.time->now(), text{std::move(value), "manner", 0, true}), out);
  };
  const bool is_usual = t.pace >= 1 && t.wording.empty();
  if (t.pace > 0) {
    is_slowed_ = t.pace < 1;
    tell(pace_out, fmt::format("{}", t.pace));
  }
  if (!t.wording.empty())
    tell(manner_out, rules_.in(t.wording, config_.language));
  else if (is_usual)
    tell(manner_out, "");
  if (!t.say.empty()) say(t.say, out);
}

}  // namespace hocket::policy
