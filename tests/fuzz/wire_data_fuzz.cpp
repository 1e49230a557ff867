#include "actors/wire/in_link.hpp"
#include "actors/wire/out_link.hpp"
#include "graph/core/assert.hpp"
#include "graph/schema/wire_messages.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the bytes of one message of the data lane. What decodes goes on into the books, as a peer's
// would: whatever it says, the law holds. Whether it is read without message objects or by protobuf, the
// same must come of it.
namespace hocket::fuzz {
namespace {

using namespace hocket::wire;

remote_link small_link(delivery how) {
  remote_link l;
  l.id = 1;
  l.how = how;
  l.credit_packets = 4;
  l.credit_bytes = 1000;
  return l;
}

void feed(const data_record& r, in_link& in, out_link& out) {
  std::vector<in_link::received_packet> ready;
  if (const auto* p = std::get_if<packet_record>(&r.body)) {
    (void)in.arrived({p->seq, {p->head, {}}}, ready);
  } else if (const auto* g = std::get_if<gap_record>(&r.body)) {
    (void)in.gap(*g, ready);
  } else if (const auto* a = std::get_if<ack_record>(&r.body)) {
    (void)out.ack(*a);
  } else if (const auto* o = std::get_if<resume_record>(&r.body)) {
    if (!out.resume(*o)) return;
    const encoded_packet p{"content", {}};
    for (int i = 0; i < 3 && out.has_room(cost_bytes(p)); ++i) out.add({}, p);
  }
  for (const auto& a : ready) in.taken(cost_bytes(a.content));
  HOCKET_ASSERT(in.account().adds_up() && out.account().adds_up());
  HOCKET_ASSERT(in.account().in_flight <= 8 && out.account().in_flight < 100'000);
}

/// The message's own bytes, or which error.
std::string outcome_of(std::span<const std::byte> bytes) {
  const auto f = decode_data(bytes);
  return f ? encode(*f) : f.error().code;
}

void compare_readers(std::span<const std::byte> bytes) {
  std::string same = protobuf_alone;
  same.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  HOCKET_ASSERT(outcome_of(bytes) == outcome_of(std::as_bytes(std::span(same))));
}

void run(std::span<const std::uint8_t> bytes) {
  compare_readers(std::as_bytes(bytes));
  const auto f = decode_data(std::as_bytes(bytes));
  if (!f) return;
  for (const auto how : {delivery::bounded, delivery::lossless}) {
    in_link in(small_link(how));
    out_link out(small_link(how));
    for (const auto& r : f->records) feed(r, in, out);
    in.consumed(1);
    in.reset();
    out.disconnected();
    out.reset();
    out.close();
    HOCKET_ASSERT(in.account().adds_up() && out.account().adds_up());
  }
  const auto again = encode(*f);
  const auto back = decode_data(std::as_bytes(std::span(again)));
  HOCKET_ASSERT(back && back->records.size() == f->records.size());
  HOCKET_ASSERT(encode(*back) == again);
}

std::vector<std::string> seeds() {
  packet_record p{0, "head", {}};
  p.bulk.push_back({bulk_place::way::inside, "abc", 0, 0, 3});
  p.bulk.push_back({bulk_place::way::frame, "", 0, 0, 1000});
  p.bulk.push_back({bulk_place::way::arena, "", 7, 640, 1000});
  const data_frame all{77,
                       {{1, resume_record{{0, 0, 0}, 4, 1000}},
                        {1, p},
                        {1, packet_record{1, "next", {}}},
                        {1, ack_record{2, 1, 7}},
                        {1, gap_record{2, 4, 20, {{5, 0, 1}}}},
                        {0, beat{9, 0, 0, 0}}}};
  std::vector<std::string> out{encode(all)};
  for (const auto& r : all.records) out.push_back(encode(data_frame{77, {r}}));
  return out;
}

}  // namespace

extern const target wire_data;
const target wire_data = {"wire_data", run, seeds};

}  // namespace hocket::fuzz
