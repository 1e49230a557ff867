#include "actors/host/actor/check_packet.hpp"

#include <chrono>

#include <fmt/format.h>

#include "graph/core/time_range.hpp"
#include "graph/spec/payloads.hpp"

namespace hocket::host {

const control* as_marker(const packet& p) {
  const auto* c = p.get_if<control>();
  return c && (c->what == control::kind::bound || c->what == control::kind::end_of_stream)
             ? c
             : nullptr;
}

std::string why_no_time(timestamp ts, timestamp now) {
  if (!is_time(ts.ns())) return "timestamp is not a time";
  if (ts > now + std::chrono::hours(1))
    return fmt::format("timestamp is {:.0f} s ahead of stream time", (ts - now).count() / 1e9);
  return "";
}

std::string why_bad(const packet& p, const media_type& declared, timestamp last, timestamp now) {
  if (!p.body || p.body->valueless_by_exception()) return "no payload";
  const auto ts = p.header.ts;
  if (auto why = why_no_time(ts, now); !why.empty()) return why;
  if (p.kind() != declared.kind)
    return fmt::format("{} on a port of {}", to_string(p.kind()), to_string(declared.kind));
  if (const auto* a = p.get_if<audio_chunk>()) {
    if (ts < last) return "sound goes back in time";
    if (a->samples.empty()) return "audio without samples";
  }
  return why_unfit(declared, *p.body);
}

namespace {

std::string why_unlike(const packet& p, const payloads::payload_schema* schema) {
  if (schema == nullptr || !p.body || p.kind() == payload_kind::control) return "";
  const auto why = schema->why_unfit(*p.body);
  return why.empty() ? "" : fmt::format("no `{}`: {}", schema->name(), why);
}

}  // namespace

std::string why_other_payload(const packet& p, const plan_actor& actor, std::size_t port) {
  const auto* ports = hocket::spec::payloads_of(actor);
  return ports == nullptr ? "" : why_unlike(p, payloads::schema_of(ports->outputs, port));
}

std::string why_other_input(const packet& p, const plan_actor& actor, std::size_t port) {
  const auto* ports = hocket::spec::payloads_of(actor);
  return ports == nullptr ? "" : why_unlike(p, payloads::schema_of(ports->inputs, port));
}

}  // namespace hocket::host
