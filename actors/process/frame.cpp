#include "actors/process/frame.hpp"

#include <cstring>

#include <fmt/format.h>

namespace hocket::process {
namespace {

void append(std::string& out, const void* what, std::size_t size) {
  out.append(static_cast<const char*>(what), size);
}

}  // namespace

result<std::optional<frame>> parse_frame(std::span<const std::byte> bytes, std::size_t& used,
                                         const frame_limits& limits) {
  frame f;
  if (bytes.size() < sizeof f.head) return std::nullopt;
  std::memcpy(&f.head, bytes.data(), sizeof f.head);
  if (f.head.body_bytes > limits.body_bytes || f.head.bulk_count > limits.bulk_count)
    return fail("process.malformed",
                fmt::format("a frame of {} bytes with {} bulks is above the limits",
                            f.head.body_bytes, f.head.bulk_count));
  std::size_t at = sizeof f.head;
  const auto table = f.head.bulk_count * sizeof(bulk_place);
  if (bytes.size() - at < table) return std::nullopt;
  f.bulk.resize(f.head.bulk_count);
  if (table > 0) std::memcpy(f.bulk.data(), bytes.data() + at, table);
  at += table;
  std::size_t inside = 0;
  for (const auto& b : f.bulk) {
    if (b.where > bulk_place::kind::returned)
      return fail("process.malformed", "a bulk lies nowhere that is known");
    if (b.where != bulk_place::kind::inside) continue;
    if (b.size_bytes > limits.inside_bytes - inside)
      return fail("process.malformed", "bulks inside a frame are above the limit");
    inside += b.size_bytes;
  }
  if (bytes.size() - at < f.head.body_bytes + inside) return std::nullopt;
  f.body = {reinterpret_cast<const char*>(bytes.data() + at), f.head.body_bytes};
  at += f.head.body_bytes;
  for (const auto& b : f.bulk) {
    if (b.where != bulk_place::kind::inside) {
      f.inside.emplace_back();
      continue;
    }
    f.inside.push_back(bytes.subspan(at, b.size_bytes));
    at += b.size_bytes;
  }
  used = at;
  return f;
}

void append_frame(std::string& out, frame_head head, std::string_view body,
                  std::span<const bulk_place> bulk,
                  std::span<const std::span<const std::byte>> inside) {
  head.body_bytes = static_cast<std::uint32_t>(body.size());
  head.bulk_count = static_cast<std::uint32_t>(bulk.size());
  append(out, &head, sizeof head);
  for (const auto& b : bulk) append(out, &b, sizeof b);
  out.append(body);
  for (const auto& bytes : inside) append(out, bytes.data(), bytes.size());
}

std::string_view to_string(say what) {
  switch (what) {
    case say::open: return "open";
    case say::process: return "process";
    case say::sets: return "process_sets";
    case say::produce: return "produce";
    case say::tick: return "tick";
    case say::control: return "on_control";
    case say::resume: return "its own task";
    case say::close: return "close";
    case say::call: return "call";
    case say::describe: return "describe";
    case say::set: return "set";
    case say::member: return "member";
    case say::emit: return "emit";
    case say::interrupt: return "interrupt";
    case say::for_session: return "for_session";
    case say::done: return "done";
    case say::failed: return "failed";
    case say::log: return "log";
    case say::count: return "count";
    case say::wake: return "wake";
    case say::at_work: return "at_work";
    case say::holds: return "holds";
    case say::progress: return "progress";
  }
  return "?";
}

}  // namespace hocket::process
