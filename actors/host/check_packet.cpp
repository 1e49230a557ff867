#include "actors/host/check_packet.hpp"

#include <fmt/format.h>

namespace hocket::host {
namespace {

std::string why_bad_audio(const audio_chunk& a, const media_type& declared) {
  if (a.rate_hz <= 0 || a.channels <= 0) return "audio without rate or channels";
  if (declared.rate_hz != 0 && a.rate_hz != declared.rate_hz)
    return fmt::format("audio of {} Hz on a port of {} Hz", a.rate_hz, declared.rate_hz);
  if (declared.channels != 0 && a.channels != declared.channels)
    return fmt::format("{} channels on a port of {}", a.channels, declared.channels);
  const auto frame = sizeof(float) * static_cast<std::size_t>(a.channels);
  if (a.samples.empty() || a.samples.size_bytes() % frame != 0)
    return fmt::format("{} bytes are no whole audio frames", a.samples.size_bytes());
  return "";
}

std::string why_bad_tensor(const tensor& t, const media_type& declared) {
  if (declared.element && t.type != *declared.element)
    return fmt::format("tensor of {} on a port of {}", to_string(t.type),
                       to_string(*declared.element));
  std::size_t count = 1;
  for (const auto extent : t.shape) {
    if (extent < 0 || static_cast<std::size_t>(extent) > (std::size_t{1} << 40))
      return fmt::format("tensor extent {}", extent);
    if (extent != 0 && count > (std::size_t{1} << 40) / static_cast<std::size_t>(extent))
      return "tensor too large";
    count *= static_cast<std::size_t>(extent);
  }
  if (count * size_bytes(t.type) != t.data.size_bytes())
    return fmt::format("tensor of {} elements has {} bytes", count, t.data.size_bytes());
  if (declared.shape.empty()) return "";
  bool fits = declared.shape.size() == t.shape.size();
  for (std::size_t i = 0; fits && i < t.shape.size(); ++i)
    fits = declared.shape[i] == -1 || declared.shape[i] == t.shape[i];
  return fits ? "" : "tensor has another shape than its port";
}

}  // namespace

const control* as_marker(const packet& p) {
  const auto* c = p.get_if<control>();
  return c && (c->what == control::kind::bound || c->what == control::kind::end_of_stream)
             ? c
             : nullptr;
}

std::string why_bad(const packet& p, const media_type& declared, timestamp last) {
  if (!p.body) return "no payload";
  // A fifth of the range is 58 years: what is beyond is no time but a mistake.
  constexpr std::int64_t far = INT64_MAX / 5;
  const auto ts = p.header.ts;
  if (ts.ns() > far || ts.ns() < -far) return "timestamp is not a time";
  if (p.kind() != declared.kind)
    return fmt::format("{} on a port of {}", to_string(p.kind()), to_string(declared.kind));
  if (const auto* a = p.get_if<audio_chunk>()) {
    if (ts < last) return "sound goes back in time";
    return why_bad_audio(*a, declared);
  }
  if (const auto* t = p.get_if<tensor>()) return why_bad_tensor(*t, declared);
  if (const auto* v = p.get_if<video_frame>()) {
    if (v->width <= 0 || v->height <= 0 ||
        static_cast<std::size_t>(v->width) * static_cast<std::size_t>(v->height) * 3 !=
            v->pixels.size_bytes())
      return fmt::format("{} bytes are no {}x{} picture", v->pixels.size_bytes(), v->width,
                         v->height);
  }
  return "";
}

}  // namespace hocket::host
