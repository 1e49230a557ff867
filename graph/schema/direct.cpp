#include "graph/schema/direct.hpp"

#include <bit>
#include <cstring>
#include <utility>

#include "graph/core/time_range.hpp"

namespace hocket::wire {
namespace direct {
namespace {

enum : std::uint64_t { is_varint = 0, is_fixed64 = 1, is_bytes = 2 };
constexpr std::uint64_t tag(int field, std::uint64_t type) {
  return static_cast<std::uint64_t>(field) << 3 | type;
}
constexpr std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
}
constexpr std::size_t varint_bytes(std::uint64_t v) {
  return (static_cast<std::size_t>(std::bit_width(v | 1)) + 6) / 7;
}

/// Writes into a block that is known to be large enough, or into a string.
template <class Sink>
struct writer {
  Sink& to;
  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) to.push_back(static_cast<char>(v | 0x80));
    to.push_back(static_cast<char>(v));
  }
  /// Zero is left out, as proto3 does.
  void number(int field, std::uint64_t v) {
    if (v == 0) return;
    varint(tag(field, is_varint));
    varint(v);
  }
  void bytes(int field, std::string_view v) {
    varint(tag(field, is_bytes));
    varint(v.size());
    to.append(v.data(), v.size());
  }
};

template <std::size_t most>
struct block {
  char bytes[most];
  std::size_t size = 0;
  void push_back(char c) { bytes[size++] = c; }
  void append(const char* from, std::size_t n) {
    std::memcpy(bytes + size, from, n);
    size += n;
  }
  std::string_view view() const { return {bytes, size}; }
};
/// Tags, lengths and the longest numbers of all fields.
using hop_block = block<48>;
using header_block = block<96 + trace::capacity * 52>;
using bulk_block = block<40>;

/// A `Bulk` that names the frame that `b` becomes.
void put_bulk(int field, const buffer& b, std::string& to, std::vector<buffer>& bulk) {
  bulk_block part;
  writer<bulk_block> w{part};
  w.number(1, bulk.size());
  w.number(3, b.size_bytes());
  bulk.push_back(b);
  writer<std::string>{to}.bytes(field, part.view());
}

/// Reads fields one by one; `sound` is false from the first that is not as it should be.
struct reader {
  const std::byte* at;
  const std::byte* end;
  bool sound = true;

  explicit reader(std::span<const std::byte> bytes)
      : at(bytes.data()), end(bytes.data() + bytes.size()) {}
  bool more() const { return sound && at < end; }
  /// Field and type: of those that are known here it is one byte. Protobuf judges the longer ones.
  std::uint64_t tag() {
    if (at < end && *at < std::byte{0x80}) return static_cast<std::uint64_t>(*at++);
    sound = false;
    return 0;
  }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == end) break;
      const auto b = static_cast<std::uint64_t>(*at++);
      if (shift == 63 && b > 1) break;
      v |= (b & 0x7f) << shift;
      if (b < 0x80) return v;
    }
    sound = false;
    return 0;
  }
  std::uint32_t narrow() {
    const auto v = varint();
    sound = sound && v <= UINT32_MAX;
    return static_cast<std::uint32_t>(v);
  }
  /// Protobuf takes a length in at most five bytes, up to 2 GiB.
  std::span<const std::byte> bytes() {
    constexpr std::size_t longest = INT32_MAX - 1024;
    const auto* const began = at;
    const auto n = varint();
    sound = sound && at - began <= 5 && n <= longest && n <= static_cast<std::size_t>(end - at);
    if (!sound) return {};
    at += n;
    return {at - n, static_cast<std::size_t>(n)};
  }
  std::uint64_t fixed64() {
    std::uint64_t v = 0;
    sound = sound && end - at >= 8;
    if (sound) std::memcpy(&v, at, 8), at += 8;
    return v;
  }
};

std::string string_of(std::span<const std::byte> b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

bool read_hop(std::span<const std::byte> bytes, trace& way) {
  if (way.count == trace::capacity) return false;
  auto& h = way.hops[way.count++];
  reader r(bytes);
  while (r.more()) switch (r.tag()) {
      case tag(1, is_varint): {
        const auto actor = r.varint();
        r.sound = r.sound && actor <= UINT16_MAX;
        h.actor = static_cast<actor_index>(actor);
        break;
      }
      case tag(2, is_varint): h.queued_ns = static_cast<std::int64_t>(r.varint()); break;
      case tag(3, is_varint): h.started_ns = static_cast<std::int64_t>(r.varint()); break;
      case tag(4, is_varint): h.emitted_ns = static_cast<std::int64_t>(r.varint()); break;
      default: return false;
    }
  return r.sound && is_time(h.queued_ns) && is_time(h.started_ns) && is_time(h.emitted_ns);
}

bool read_header(std::span<const std::byte> bytes, packet_header& h) {
  reader r(bytes);
  while (r.more()) switch (r.tag()) {
      case tag(1, is_varint): h.session = static_cast<session_id>(r.varint()); break;
      case tag(2, is_varint): h.stream = r.narrow(); break;
      case tag(3, is_varint): h.seq = r.varint(); break;
      case tag(4, is_varint): h.ts = timestamp(unzigzag(r.varint())); break;
      case tag(5, is_varint): h.micro_turn = unzigzag(r.varint()); break;
      case tag(6, is_varint): h.epoch = r.narrow(); break;
      case tag(7, is_varint): h.origin_ts = timestamp(unzigzag(r.varint())); break;
      case tag(8, is_varint): h.origin_ns = static_cast<std::int64_t>(r.varint()); break;
      case tag(9, is_bytes): r.sound = read_hop(r.bytes(), h.way) && r.sound; break;
      default: return false;
    }
  return r.sound && is_time(h.ts.ns()) && is_time(h.origin_ts.ns()) && is_time(h.origin_ns);
}

bool read_bulk(std::span<const std::byte> bytes, bulk_field& b) {
  reader r(bytes);
  while (r.more()) switch (r.tag()) {
      case tag(1, is_varint): b.frame = r.narrow(); break;
      case tag(2, is_varint): b.offset_bytes = r.varint(); break;
      case tag(3, is_varint): b.size_bytes = r.varint(); break;
      default: return false;
    }
  return r.sound;
}

bool read_body(std::span<const std::byte> bytes, tensor_fields& t) {
  bool shape = false, data = false;
  reader r(bytes);
  while (r.more()) switch (r.tag()) {
      case tag(1, is_varint):
        t.type = static_cast<int>(r.narrow());
        if (t.type < 0 || t.type > 7) return false;
        break;
      case tag(2, is_bytes):
        if (std::exchange(shape, true)) return false;
        for (reader extents(r.bytes()); extents.more();) {
          t.shape.push_back(static_cast<std::int64_t>(extents.varint()));
          r.sound = extents.sound && t.shape.size() <= 64;
          if (!r.sound) return false;
        }
        break;
      case tag(3, is_bytes):
        if (std::exchange(data, true) || !read_bulk(r.bytes(), t.data)) return false;
        break;
      default: return false;
    }
  return r.sound;
}

bool read_body(std::span<const std::byte> bytes, audio_fields& a) {
  bool samples = false;
  reader r(bytes);
  while (r.more()) switch (r.tag()) {
      case tag(1, is_varint): a.rate_hz = r.narrow(); break;
      case tag(2, is_varint): a.channels = r.narrow(); break;
      case tag(3, is_varint): a.first_sample = static_cast<std::int64_t>(r.varint()); break;
      case tag(4, is_bytes):
        if (std::exchange(samples, true) || !read_bulk(r.bytes(), a.samples)) return false;
        break;
      default: return false;
    }
  return r.sound;
}

/// The place that `record_writer` writes; others are for protobuf to judge.
bool read_place(std::span<const std::byte> bytes, bulk_place& place) {
  bool is_frame = false, is_inside = false;
  std::uint32_t lease = 0;
  reader r(bytes);
  while (r.more()) switch (r.tag()) {
      case tag(1, is_bytes):
        if (std::exchange(is_inside, true)) return false;
        place.inside = string_of(r.bytes());
        break;
      case tag(2, is_varint): lease = r.narrow(); break;
      case tag(3, is_varint): place.offset_bytes = r.varint(); break;
      case tag(4, is_varint): place.size_bytes = r.varint(); break;
      case tag(5, is_varint): is_frame = r.varint() != 0; break;
      default: return false;
    }
  if (!r.sound || (is_frame && lease > 0) || (is_inside && (is_frame || lease > 0))) return false;
  if (is_frame || lease > 0) {
    place.how = is_frame ? bulk_place::way::frame : bulk_place::way::arena;
    place.lease = is_frame ? 0 : lease - 1;
    if (is_frame) place.offset_bytes = 0;
    return true;
  }
  place.offset_bytes = 0;
  place.size_bytes = place.inside.size();
  return true;
}

bool read_record(std::span<const std::byte> bytes, packet_record& p) {
  bool head = false;
  reader r(bytes);
  while (r.more()) switch (r.tag()) {
      case tag(1, is_varint): p.seq = r.varint(); break;
      case tag(2, is_bytes):
        if (std::exchange(head, true)) return false;
        p.head = string_of(r.bytes());
        break;
      case tag(3, is_bytes):
        if (!read_place(r.bytes(), p.bulk.emplace_back())) return false;
        break;
      default: return false;
    }
  return r.sound;
}

/// What stands alone in the rest of a message: one field of this number.
std::optional<std::span<const std::byte>> only_field(reader& r, int field) {
  if (r.tag() != tag(field, is_bytes)) return {};
  const auto bytes = r.bytes();
  if (!r.sound || r.at != r.end) return {};
  return bytes;
}

/// Of a field whose number is one byte with its type.
std::size_t number_bytes(std::uint64_t v) { return v == 0 ? 0 : 1 + varint_bytes(v); }

std::size_t place_bytes(const bulk_place& b) {
  if (b.how == bulk_place::way::inside)
    return b.inside.empty() ? 0 : 1 + varint_bytes(b.inside.size()) + b.inside.size();
  if (b.how == bulk_place::way::frame) return number_bytes(b.size_bytes) + 2;
  return number_bytes(std::uint32_t{b.lease + 1}) + number_bytes(b.offset_bytes) +
         number_bytes(b.size_bytes);
}

void put_place(writer<std::string>& w, const bulk_place& b) {
  w.varint(tag(3, is_bytes));
  w.varint(place_bytes(b));
  if (b.how == bulk_place::way::inside) {
    if (!b.inside.empty()) w.bytes(1, b.inside);
    return;
  }
  if (b.how == bulk_place::way::arena) {
    w.number(2, std::uint32_t{b.lease + 1});
    w.number(3, b.offset_bytes);
  }
  w.number(4, b.size_bytes);
  if (b.how == bulk_place::way::frame) w.number(5, 1);
}

}  // namespace

void append_header(const packet_header& h, std::string& to) {
  header_block all;
  writer<header_block> w{all};
  w.number(1, static_cast<std::uint64_t>(h.session));
  w.number(2, h.stream);
  w.number(3, h.seq);
  w.number(4, zigzag(h.ts.ns()));
  w.number(5, zigzag(h.micro_turn));
  w.number(6, h.epoch);
  w.number(7, zigzag(h.origin_ts.ns()));
  w.number(8, static_cast<std::uint64_t>(h.origin_ns));
  // In a child it is the component that wrote the header: its count may be any.
  for (std::size_t i = 0; i < h.way.count && i < trace::capacity; ++i) {
    hop_block part;
    writer<hop_block> hop{part};
    hop.number(1, h.way.hops[i].actor);
    hop.number(2, static_cast<std::uint64_t>(h.way.hops[i].queued_ns));
    hop.number(3, static_cast<std::uint64_t>(h.way.hops[i].started_ns));
    hop.number(4, static_cast<std::uint64_t>(h.way.hops[i].emitted_ns));
    w.bytes(9, part.view());
  }
  writer<std::string>{to}.bytes(1, all.view());
}

bool append_body(const payload& from, std::string& to, std::vector<buffer>& bulk) {
  std::string body;
  writer<std::string> w{body};
  int field = 0;
  if (const auto* t = std::get_if<tensor>(&from)) {
    field = 4;
    w.number(1, static_cast<std::uint64_t>(t->type) + 1);
    if (!t->shape.empty()) {
      std::size_t size = 0;
      for (const auto n : t->shape) size += varint_bytes(static_cast<std::uint64_t>(n));
      w.varint(tag(2, is_bytes));
      w.varint(size);
      for (const auto n : t->shape) w.varint(static_cast<std::uint64_t>(n));
    }
    put_bulk(3, t->data, body, bulk);
  } else if (const auto* a = std::get_if<audio_chunk>(&from)) {
    field = 2;
    w.number(1, static_cast<std::uint32_t>(a->rate_hz));
    w.number(2, static_cast<std::uint32_t>(a->channels));
    w.number(3, static_cast<std::uint64_t>(a->first_sample));
    put_bulk(4, a->samples, body, bulk);
  } else {
    return false;
  }
  writer<std::string>{to}.bytes(field, body);
  return true;
}

std::optional<packet_fields> read_packet(std::span<const std::byte> bytes) {
  reader r(bytes);
  packet_fields out;
  if (r.tag() != tag(1, is_bytes) || !read_header(r.bytes(), out.header) || !r.sound) return {};
  auto rest = r;
  bool known = false;
  if (const auto t = only_field(rest, 4))
    known = read_body(*t, out.body.emplace<tensor_fields>());
  else if (const auto a = only_field(r, 2))
    known = read_body(*a, out.body.emplace<audio_fields>());
  return known ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<data_frame> read_frame(std::span<const std::byte> bytes) {
  static_assert(std::endian::native == std::endian::little);
  reader r(bytes);
  data_frame out;
  if (r.tag() != tag(1, is_fixed64)) return {};
  out.connection = r.fixed64();
  const auto record = only_field(r, 2);
  if (!record) return {};
  reader fields(*record);
  auto& into = out.records.emplace_back();
  if (fields.tag() != tag(1, is_varint)) return {};
  into.link = fields.narrow();
  const auto packet = only_field(fields, 2);
  if (!packet || !read_record(*packet, into.body.emplace<packet_record>())) return {};
  return out;
}

}  // namespace direct

void append_frame(std::uint64_t connection, std::uint32_t link, const packet_record& r,
                  std::string_view head, std::string& to) {
  using namespace direct;
  const auto part = [](std::size_t n) { return 1 + varint_bytes(n) + n; };
  std::size_t packet = number_bytes(r.seq) + (head.empty() ? 0 : part(head.size()));
  for (const auto& b : r.bulk) packet += part(place_bytes(b));
  writer<std::string> w{to};
  if (connection != 0) {
    w.varint(tag(1, is_fixed64));
    to.append(reinterpret_cast<const char*>(&connection), sizeof connection);
  }
  w.varint(tag(2, is_bytes));
  w.varint(number_bytes(link) + part(packet));
  w.number(1, link);
  w.varint(tag(2, is_bytes));
  w.varint(packet);
  w.number(1, r.seq);
  if (!head.empty()) w.bytes(2, head);
  for (const auto& b : r.bulk) put_place(w, b);
}

}  // namespace hocket::wire
