// The data lane's messages to bytes and back.
#include <fmt/format.h>
#include <google/protobuf/arena.h>

#include "graph/schema/codec.hpp"
#include "graph/schema/direct.hpp"
#include "graph/schema/fields.hpp"
#include "graph/schema/wire.pb.h"
#include "graph/schema/wire_messages.hpp"

namespace hocket::wire {
namespace {

/// Messages live in a block on the stack; larger ones go on in the heap.
class small_arena {
 public:
  DataFrame& frame() { return *google::protobuf::Arena::CreateMessage<DataFrame>(&arena_); }

 private:
  static google::protobuf::ArenaOptions options(char* block, std::size_t size) {
    google::protobuf::ArenaOptions o;
    o.initial_block = block;
    o.initial_block_size = size;
    return o;
  }
  alignas(8) char block_[2048];
  google::protobuf::Arena arena_{options(block_, sizeof block_)};
};

void put(const ack_record& from, AckRecord& to) {
  to.set_received(from.received);
  to.set_consumed(from.consumed);
  to.set_consumed_bytes(from.consumed_bytes);
  to.set_window_packets(from.window_packets);
  to.set_window_bytes(from.window_bytes);
}

struct record_writer {
  DataRecord& out;
  void operator()(const packet_record& r) const {
    auto& p = *out.mutable_packet();
    p.set_seq(r.seq);
    p.set_head(r.head);
    for (const auto& b : r.bulk) {
      auto& place = *p.add_bulk();
      if (b.how == bulk_place::way::inside) {
        place.set_inside(b.inside);
        continue;
      }
      place.set_size_bytes(b.size_bytes);
      if (b.how == bulk_place::way::frame) {
        place.set_frame(true);
      } else {
        place.set_lease(b.lease + 1);
        place.set_offset_bytes(b.offset_bytes);
      }
    }
  }
  void operator()(const ack_record& r) const { put(r, *out.mutable_ack()); }
  void operator()(const resume_record& r) const {
    auto& to = *out.mutable_resume();
    put(r.at, *to.mutable_at());
    to.set_window_packets(r.window_packets);
    to.set_window_bytes(r.window_bytes);
  }
  void operator()(const gap_record& r) const {
    auto& to = *out.mutable_gap();
    to.set_from_seq(r.from_seq);
    to.set_to_seq(r.to_seq);
    to.set_bytes(r.bytes);
    for (const auto& l : r.lost) {
      auto& range = *to.add_lost();
      range.set_session(l.session);
      range.set_from_seq(l.from_seq);
      range.set_to_seq(l.to_seq);
    }
  }
  void operator()(const beat& r) const { out.mutable_beat()->set_number(r.number); }
};

result<data_body> read(PacketRecord& p) {
  packet_record out{p.seq(), {}, {}};
  out.head = std::move(*p.mutable_head());
  out.bulk.reserve(static_cast<std::size_t>(p.bulk_size()));
  for (auto& b : *p.mutable_bulk()) {
    auto& place = out.bulk.emplace_back();
    if (b.frame() && b.lease() > 0)
      return fail(codec_error::bad_value, "a bulk frame in two places");
    if ((b.frame() || b.lease() > 0) && !b.inside().empty())
      return fail(codec_error::bad_value, "a bulk frame in two places");
    place.size_bytes = b.size_bytes();
    if (b.frame()) {
      place.how = bulk_place::way::frame;
    } else if (b.lease() > 0) {
      place.how = bulk_place::way::arena;
      place.lease = b.lease() - 1;
      place.offset_bytes = b.offset_bytes();
    } else {
      place.inside = std::move(*b.mutable_inside());
      place.size_bytes = place.inside.size();
    }
  }
  return data_body(std::move(out));
}

result<ack_record> read(const AckRecord& a) {
  if (a.consumed() > a.received())
    return fail(codec_error::bad_value,
                fmt::format("{} packets consumed of {} received", a.consumed(), a.received()));
  return ack_record{a.received(), a.consumed(), a.consumed_bytes(), a.window_packets(),
                    a.window_bytes()};
}

result<data_body> read(const ResumeRecord& r) {
  const auto at = read(r.at());
  if (!at) return fail(at);
  return data_body(resume_record{*at, r.window_packets(), r.window_bytes()});
}

result<data_body> read(const GapRecord& g) {
  if (g.to_seq() <= g.from_seq() || g.lost_size() > static_cast<int>(lost_ranges_max))
    return fail(codec_error::bad_value, "a gap that is none");
  gap_record out{g.from_seq(), g.to_seq(), g.bytes(), {}};
  for (const auto& l : g.lost()) {
    if (l.to_seq() < l.from_seq()) return fail(codec_error::bad_value, "a gap that is none");
    out.lost.push_back({l.session(), l.from_seq(), l.to_seq()});
  }
  return data_body(std::move(out));
}

result<data_body> read(DataRecord& r) {
  switch (r.body_case()) {
    case DataRecord::kPacket: return read(*r.mutable_packet());
    case DataRecord::kAck: {
      const auto a = read(r.ack());
      if (!a) return fail(a);
      return data_body(*a);
    }
    case DataRecord::kResume: return read(r.resume());
    case DataRecord::kGap: return read(r.gap());
    default: return data_body(beat{r.beat().number(), 0, 0, 0});
  }
}

}  // namespace

std::string encode(const data_frame& f) {
  if (f.records.size() == 1)
    if (const auto* r = std::get_if<packet_record>(&f.records.front().body)) {
      std::string out;
      append_frame(f.connection, f.records.front().link, *r, r->head, out);
      return out;
    }
  small_arena arena;
  auto& out = arena.frame();
  out.set_connection(f.connection);
  for (const auto& r : f.records) {
    auto& record = *out.add_records();
    record.set_link(r.link);
    std::visit(record_writer{record}, r.body);
  }
  return out.SerializeAsString();
}

result<data_frame> decode_data(std::span<const std::byte> bytes, std::uint64_t* unknown) {
  if (auto quick = direct::read_frame(bytes)) return std::move(*quick);
  silence_protobuf();
  small_arena arena;
  auto& f = arena.frame();
  if (!f.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(codec_error::malformed, fmt::format("{} bytes are no data message", bytes.size()));
  if (f.records_size() > static_cast<int>(records_max))
    return fail(codec_error::bad_value, fmt::format("{} records in a message", f.records_size()));
  data_frame out{f.connection(), {}};
  out.records.reserve(static_cast<std::size_t>(f.records_size()));
  for (auto& r : *f.mutable_records()) {
    if (r.body_case() == DataRecord::BODY_NOT_SET) {
      if (unknown != nullptr) ++*unknown;
      continue;
    }
    auto body = read(r);
    if (!body) return fail(body);
    out.records.push_back({r.link(), std::move(*body)});
  }
  return out;
}

}  // namespace hocket::wire
