#include "graph/schema/codec.hpp"

#include <optional>

#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>

#include "graph/contract/port.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/time_range.hpp"
#include "graph/schema/direct.hpp"
#include "graph/schema/fields.hpp"
#include "graph/schema/packet.pb.h"

namespace hocket::wire {
namespace {

result<packet_header> get_header(const Header& from) {
  packet_header to;
  to.session = static_cast<session_id>(from.session());
  to.stream = from.stream();
  to.seq = from.seq();
  to.ts = timestamp(from.ts_ns());
  to.micro_turn = from.micro_turn();
  to.epoch = from.epoch();
  to.origin_ts = timestamp(from.origin_ts_ns());
  to.origin_ns = from.origin_ns();
  if (from.way_size() > static_cast<int>(trace::capacity))
    return fail(codec_error::bad_value,
                fmt::format("{} hops are more than {}", from.way_size(), trace::capacity));
  bool times = is_time(to.ts.ns()) && is_time(to.origin_ts.ns()) && is_time(to.origin_ns);
  for (const auto& h : from.way())
    times = times && is_time(h.queued_ns()) && is_time(h.started_ns()) && is_time(h.emitted_ns());
  if (!times) return fail(codec_error::bad_value, "a time that is none");
  for (const auto& h : from.way()) {
    if (h.actor() > UINT16_MAX)
      return fail(codec_error::bad_value, fmt::format("hop through actor {}", h.actor()));
    to.way.push(
        {static_cast<actor_index>(h.actor()), h.queued_ns(), h.started_ns(), h.emitted_ns()});
  }
  return to;
}

std::size_t total_bytes(std::span<const buffer> bulk) {
  std::size_t n = 0;
  for (const auto& b : bulk) n += b.size_bytes();
  return n;
}

result<void> check_bulk(std::span<const buffer> bulk, const codec_limits& limits) {
  if (bulk.size() > limits.bulk_frames)
    return fail(codec_error::too_large,
                fmt::format("{} bulk frames are more than {}", bulk.size(), limits.bulk_frames));
  if (const auto n = total_bytes(bulk); n > limits.bulk_bytes)
    return fail(codec_error::too_large,
                fmt::format("{} bulk bytes are more than {}", n, limits.bulk_bytes));
  return {};
}

/// The strings of a payload; protobuf's own check only prints.
struct all_utf8 {
  template <class... Strings>
  static bool each(const Strings&... s) {
    return (is_utf8(s) && ...);
  }
  bool operator()(const text& v) const { return each(v.value, v.role); }
  bool operator()(const tool_call& v) const { return each(v.tool, v.arguments_json); }
  bool operator()(const tool_result& v) const { return each(v.tool, v.content); }
  bool operator()(const delegation& v) const { return each(v.task, v.transcript); }
  bool operator()(const adapter& v) const { return each(v.name, v.card_json); }
  bool operator()(const control& v) const { return each(v.detail); }
  bool operator()(const training_example& v) const {
    for (const auto& [name, numbers] : v.tensors)
      if (!is_utf8(name)) return false;
    return is_utf8(v.provenance);
  }
  template <class Bulk>
  bool operator()(const Bulk&) const {
    return true;
  }
};

}  // namespace

bool is_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    const std::size_t more = c < 0x80   ? 0
                             : c < 0xC2 ? 9
                             : c < 0xE0 ? 1
                             : c < 0xF0 ? 2
                             : c < 0xF5 ? 3
                                        : 9;
    if (more == 9 || i + more >= s.size()) return false;
    for (std::size_t k = 1; k <= more; ++k)
      if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return false;
    const auto second = more > 0 ? static_cast<unsigned char>(s[i + 1]) : 0;
    if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) ||
        (c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F))
      return false;
    i += more + 1;
  }
  return true;
}

std::string_view code_of(codec_error e) {
  switch (e) {
    case codec_error::malformed: return "codec.malformed";
    case codec_error::unknown_payload: return "codec.unknown_payload";
    case codec_error::too_large: return "codec.too_large";
    case codec_error::bad_bulk: return "codec.bad_bulk";
    case codec_error::bad_value: return "codec.bad_value";
  }
  HOCKET_ASSERT(false);
}

void silence_protobuf() {
  [[maybe_unused]] static const auto silenced = google::protobuf::SetLogHandler(nullptr);
}

std::string_view schema_hash() { return HOCKET_SCHEMA_HASH; }

result<encoded_packet> encode(const packet& p, const codec_limits& limits) {
  HOCKET_ASSERT(p.body != nullptr);
  if (const auto why = why_unfit({.kind = p.kind()}, *p.body); !why.empty())
    return fail(codec_error::bad_value, why);
  if (!std::visit(all_utf8{}, *p.body)) return fail(codec_error::bad_value, "a text is not UTF-8");
  encoded_packet out;
  direct::append_header(p.header, out.head);
  std::optional<Packet> message;
  if (!direct::append_body(*p.body, out.head, out.bulk))
    put_payload(*p.body, message.emplace(), out.bulk);
  const auto size = out.head.size() + (message ? message->ByteSizeLong() : 0);
  HOCKET_TRY(check_bulk(out.bulk, limits));
  if (size > limits.head_bytes)
    return fail(codec_error::too_large, fmt::format("{} bytes of header and text are more than {}",
                                                    size, limits.head_bytes));
  if (message) HOCKET_ASSERT(message->AppendToString(&out.head));
  return out;
}

result<packet> decode(std::span<const std::byte> head, std::span<const buffer> bulk,
                      const codec_limits& limits) {
  if (head.size() > limits.head_bytes)
    return fail(codec_error::too_large, fmt::format("{} bytes of header and text are more than {}",
                                                    head.size(), limits.head_bytes));
  HOCKET_TRY(check_bulk(bulk, limits));
  const auto made = [](const packet_header& header, result<payload>&& body) -> result<packet> {
    if (!body) return fail(body);
    if (const auto why = why_unfit({.kind = kind_of(*body)}, *body); !why.empty())
      return fail(codec_error::bad_value, why);
    return packet{header, std::make_shared<const payload>(std::move(*body))};
  };
  if (auto fields = direct::read_packet(head))
    return made(fields->header, get_payload(std::move(*fields), bulk));
  silence_protobuf();
  Packet message;
  if (!message.ParseFromArray(head.data(), static_cast<int>(head.size())))
    return fail(codec_error::malformed, fmt::format("{} bytes are no packet", head.size()));
  if (!message.has_header()) return fail(codec_error::malformed, "a packet without header");
  auto header = get_header(message.header());
  if (!header) return fail(header);
  return made(*header, get_payload(message, bulk));
}

}  // namespace hocket::wire
