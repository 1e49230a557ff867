#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/port.hpp"

namespace hocket {
namespace {

// A component may cast any number to one of these: what names nothing must not reach whoever prints it.
bool is_known(dtype type) { return type <= dtype::f64; }
bool is_known(outcome value) { return value <= outcome::superseded; }
bool is_known(delegation::action value) { return value <= delegation::action::cancel; }
bool is_known(control::kind value) { return value <= control::kind::stop; }

/// Bytes that a dense tensor of this shape has; -1 where the shape is none or overflows.
std::int64_t dense_bytes(const tensor& t) {
  std::int64_t n = static_cast<std::int64_t>(size_bytes(t.type));
  for (const auto extent : t.shape)
    if (extent < 0 || __builtin_mul_overflow(n, extent, &n)) return -1;
  return n;
}

std::string bad_tensor(const tensor& t) {
  if (!is_known(t.type)) return fmt::format("tensor of type {}", static_cast<int>(t.type));
  const auto want = dense_bytes(t);
  if (want == static_cast<std::int64_t>(t.data.size_bytes())) return "";
  return fmt::format("tensor {} [{}] with {} bytes of data", to_string(t.type),
                     fmt::join(t.shape, ", "), t.data.size_bytes());
}

// Byte by byte, since a frame from a wire may lie at any address.
bool all_finite(const buffer& floats) {
  const auto* at = floats.bytes().data();
  bool fine = true;
  for (std::size_t n = floats.size_bytes() / sizeof(float); n > 0; --n, at += sizeof(float)) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, at, sizeof bits);
    fine &= (bits & 0x7f800000u) != 0x7f800000u;
  }
  return fine;
}

/// Within 58 years of the stream's start, a fifth of what a timestamp holds: whoever adds to such an
/// index, or to its time, stays within 64 bits.
bool is_at_a_time(std::int64_t sample, std::int32_t rate_hz) {
  constexpr std::int64_t far_s = INT64_MAX / 5 / 1'000'000'000;
  return sample / rate_hz < far_s && sample / rate_hz > -far_s;
}

struct fit_check {
  const media_type& port;

  std::string operator()(const audio_chunk& v) const {
    if (v.rate_hz <= 0 || v.channels <= 0)
      return fmt::format("audio of {} Hz x{}", v.rate_hz, v.channels);
    if (!is_at_a_time(v.first_sample, v.rate_hz))
      return fmt::format("audio from sample {} on, which is at no time", v.first_sample);
    const auto frame_bytes = sizeof(float) * static_cast<std::size_t>(v.channels);
    if (v.samples.size_bytes() % frame_bytes != 0)
      return fmt::format("audio x{} with {} bytes of samples", v.channels, v.samples.size_bytes());
    if (port.rate_hz != 0 && v.rate_hz != port.rate_hz)
      return fmt::format("audio of {} Hz where {} Hz is declared", v.rate_hz, port.rate_hz);
    if (port.channels != 0 && v.channels != port.channels)
      return fmt::format("audio x{} where x{} is declared", v.channels, port.channels);
    // One of them in a filter or in a model's memory, and nothing after it is sound.
    if (!all_finite(v.samples)) return "audio with a sample that is no number";
    return "";
  }
  std::string operator()(const video_frame& v) const {
    std::int64_t want = 3;  // two sides of a stranger's may be more than 64 bits hold
    const bool fits = v.width > 0 && v.height > 0 &&
                      !__builtin_mul_overflow(want, v.width, &want) &&
                      !__builtin_mul_overflow(want, v.height, &want);
    if (fits && want == static_cast<std::int64_t>(v.pixels.size_bytes())) return "";
    return fmt::format("picture {} x {} with {} bytes of pixels", v.width, v.height,
                       v.pixels.size_bytes());
  }
  std::string operator()(const tensor& v) const {
    if (auto bad = bad_tensor(v); !bad.empty()) return bad;
    if (port.element && v.type != *port.element)
      return fmt::format("tensor of {} where {} is declared", to_string(v.type),
                         to_string(*port.element));
    bool fits = port.shape.empty() || port.shape.size() == v.shape.size();
    for (std::size_t i = 0; fits && i < port.shape.size(); ++i)
      fits = port.shape[i] == -1 || port.shape[i] == v.shape[i];
    if (fits) return "";
    return fmt::format("tensor [{}] where [{}] is declared", fmt::join(v.shape, ", "),
                       fmt::join(port.shape, ", "));
  }
  std::string operator()(const training_example& v) const {
    for (const auto& [name, t] : v.tensors)
      if (auto bad = bad_tensor(t); !bad.empty()) return fmt::format("{}: {}", name, bad);
    return "";
  }
  std::string operator()(const tool_result& v) const {
    if (is_known(v.status)) return "";
    return fmt::format("tool_result of status {}", static_cast<int>(v.status));
  }
  std::string operator()(const delegation& v) const {
    if (is_known(v.what)) return "";
    return fmt::format("delegation with action {}", static_cast<int>(v.what));
  }
  std::string operator()(const control& v) const {
    if (is_known(v.what)) return "";
    return fmt::format("control of kind {}", static_cast<int>(v.what));
  }
  template <class T>
  std::string operator()(const T&) const {
    return "";
  }
};

}  // namespace

std::string why_unfit(const media_type& port, const payload& content) {
  if (content.valueless_by_exception()) return "no payload";
  const auto kind = kind_of(content);
  if (kind == payload_kind::control) return std::visit(fit_check{port}, content);
  if (kind != port.kind)
    return fmt::format("{} where {} is declared", to_string(kind), to_string(port.kind));
  return std::visit(fit_check{port}, content);
}

}  // namespace hocket
