#include "actors/observe/port_meter.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::observe {
namespace {
/// More conversations than a process has; whoever looks does not fill its memory.
constexpr std::size_t streams_max = 4096;
}  // namespace

double port_meter::window::jitter_ms() const {
  return intervals < 2 ? 0 : std::sqrt(squares / static_cast<double>(intervals - 1));
}

void port_meter::window::add_interval(double ms) {
  least_ms = intervals == 0 ? ms : std::min(least_ms, ms);
  most_ms = intervals == 0 ? ms : std::max(most_ms, ms);
  const double from = ms - mean_ms;
  mean_ms += from / static_cast<double>(++intervals);
  squares += from * (ms - mean_ms);
}

void port_meter::note(const std::string& output, session_id session, std::size_t bytes,
                      std::int64_t now_ns) {
  for (auto* w : {&whole_, &since_}) {
    ++w->packets;
    w->bytes += bytes;
  }
  const auto it = last_ns_.find({output, session});
  if (it == last_ns_.end()) {
    if (last_ns_.size() >= streams_max) last_ns_.clear();
    last_ns_.emplace(std::pair(output, session), now_ns);
    return;
  }
  const double ms = static_cast<double>(now_ns - it->second) / 1e6;
  it->second = now_ns;
  for (auto* w : {&whole_, &since_}) w->add_interval(ms);
}

std::pair<port_meter::window, std::int64_t> port_meter::take(std::int64_t now_ns) {
  const auto out = std::pair(since_, now_ns - window_ns_);
  since_ = {};
  window_ns_ = now_ns;
  return out;
}

}  // namespace hocket::observe
