// What is written and read without message objects is what protobuf writes and reads.
#include "graph/schema/direct.hpp"

#include <doctest/doctest.h>

#include <random>

#include "graph/schema/codec.hpp"
#include "graph/schema/packet.pb.h"
#include "graph/schema/wire.pb.h"

using namespace hocket;
using namespace hocket::wire;

namespace {

std::span<const std::byte> bytes_of(const std::string& s) { return std::as_bytes(std::span(s)); }

/// The same message for protobuf alone: a field that no release knows makes `direct` give up.
std::string with_unknown(const std::string& bytes) { return "\x78\x01" + bytes; }

struct maker {
  explicit maker(unsigned seed) : engine(seed) {}
  std::mt19937_64 engine;
  std::uint64_t number() {
    const auto v = engine();
    return v >> (engine() % 64);
  }
  std::int64_t time() { return static_cast<std::int64_t>(number() / 16) * (engine() % 2 ? 1 : -1); }
  buffer bytes(std::size_t n) { return buffer::take(std::vector<char>(n, 'b')); }

  packet make() {
    packet p;
    auto& h = p.header;
    h.session = session_id{number()};
    h.stream = static_cast<std::uint32_t>(number());
    h.seq = number();
    h.ts = timestamp(time());
    h.micro_turn = time();
    h.epoch = static_cast<std::uint32_t>(number());
    h.origin_ts = timestamp(time());
    h.origin_ns = time();
    for (auto n = engine() % (trace::capacity + 1); n > 0; --n)
      h.way.push({static_cast<actor_index>(number()), time(), time(), time()});
    switch (engine() % 3) {
      case 0: {
        tensor t{dtype::u8, {}, {}};
        std::int64_t n = 1;
        for (auto rank = engine() % 4; rank > 0; --rank)
          t.shape.push_back(static_cast<std::int64_t>(engine() % 5)), n *= t.shape.back();
        t.data = bytes(static_cast<std::size_t>(n));
        p.body = std::make_shared<const payload>(std::move(t));
        break;
      }
      case 1:
        p.body = std::make_shared<const payload>(audio_chunk{
            static_cast<std::int32_t>(1 + engine() % 48000), 1,
            static_cast<std::int64_t>(engine() % 1'000'000), bytes(4 * (engine() % 9))});
        break;
      default: p.body = std::make_shared<const payload>(text{.value = "word", .role = "user"});
    }
    return p;
  }

  std::string damaged(std::string s) {
    for (auto n = engine() % 4; n > 0 && !s.empty(); --n) {
      const auto at = engine() % s.size();
      switch (engine() % 4) {
        case 0: s[at] = static_cast<char>(engine()); break;
        case 1: s.erase(at, 1 + engine() % 3); break;
        case 2: s.insert(at, 1, static_cast<char>(engine() % 64)); break;
        default: s += s.substr(at, engine() % 8);  // fields twice
      }
    }
    return s;
  }
};

/// What came of it: the packet's own bytes, or which error.
std::string outcome_of(const std::string& head, std::span<const buffer> bulk) {
  const auto p = decode(bytes_of(head), bulk);
  return p ? encode(*p).value().head : p.error().code;
}

std::string outcome_of(const std::string& frame) {
  const auto f = decode_data(bytes_of(frame));
  return f ? encode(*f) : f.error().code;
}

/// As protobuf itself writes the message that these bytes are.
template <class Message>
std::string rewritten(const std::string& bytes) {
  Message m;
  return m.ParseFromString(bytes) ? m.SerializeAsString() : "no message";
}

/// A number in more bytes than it needs.
std::string padded(std::uint8_t v, std::size_t bytes) {
  std::string s(bytes, '\x80');
  s.front() = static_cast<char>(v | (bytes > 1 ? 0x80 : 0));
  if (bytes > 1) s.back() = 0;
  return s;
}

data_frame frame_of(maker& make, const encoded_packet& p) {
  packet_record r{make.number(), p.head, {}};
  for (auto n = make.engine() % 4; n > 0; --n) {
    auto& place = r.bulk.emplace_back();
    place.how = static_cast<bulk_place::way>(make.engine() % 3);
    if (place.how == bulk_place::way::inside) place.inside = std::string(make.engine() % 200, 'i');
    place.size_bytes = place.how == bulk_place::way::inside ? place.inside.size() : make.number();
    if (place.how != bulk_place::way::arena) continue;
    place.lease = static_cast<std::uint32_t>(make.engine() % 5000);
    place.offset_bytes = make.number();
  }
  data_frame f{make.number(), {}};
  f.records.push_back({static_cast<std::uint32_t>(make.number()), std::move(r)});
  return f;
}

}  // namespace

TEST_CASE("direct: a packet's bytes are those of protobuf, and are read as protobuf reads them") {
  maker make(1);
  int direct_reads = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto sent = encode(make.make()).value();
    direct_reads += direct::read_packet(bytes_of(sent.head)) ? 1 : 0;
    REQUIRE(rewritten<Packet>(sent.head) == sent.head);
    REQUIRE(outcome_of(with_unknown(sent.head), sent.bulk) == sent.head);
    REQUIRE(outcome_of(sent.head, sent.bulk) == sent.head);
    const auto bad = make.damaged(sent.head);
    REQUIRE(outcome_of(bad, sent.bulk) == outcome_of(with_unknown(bad), sent.bulk));
  }
  CHECK(direct_reads > 3'000);  // all sounds and numbers
}

TEST_CASE("direct: a header that counts more hops than there are says those that there are") {
  auto p = maker(3).make();
  p.header.way.count = 255;
  const auto sent = encode(p).value();
  CHECK(decode(bytes_of(sent.head), sent.bulk).value().header.way.count == trace::capacity);
}

TEST_CASE("direct: a frame of one packet is that of protobuf, and is read as protobuf reads it") {
  maker make(2);
  int direct_reads = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto packet = encode(make.make()).value();
    const auto frame = frame_of(make, packet);
    const auto sent = encode(frame);
    direct_reads += direct::read_frame(bytes_of(sent)) ? 1 : 0;
    REQUIRE(rewritten<DataFrame>(sent) == sent);
    REQUIRE(outcome_of(with_unknown(sent)) == sent);
    REQUIRE(outcome_of(sent) == sent);
    const auto bad = make.damaged(sent);
    REQUIRE(outcome_of(bad) == outcome_of(with_unknown(bad)));
  }
  CHECK(direct_reads > 4'000);  // but where link or connection is 0
}

TEST_CASE(
    "direct: tags, lengths and numbers in more bytes than they need, as protobuf takes them") {
  const std::string connection =
      "\x09"
      "12345678";
  for (std::size_t n = 1; n <= 11; ++n) {
    CAPTURE(n);
    const auto same = [](const std::string& frame) {
      return outcome_of(frame) == outcome_of(with_unknown(frame));
    };
    const auto packet = "\x08" + padded(1, n);
    const auto packet_field = "\x12" + padded(static_cast<std::uint8_t>(packet.size()), 1) + packet;
    const auto record = "\x08\x01" + packet_field;
    const auto size = static_cast<std::uint8_t>(record.size());
    CHECK(same(connection + "\x12" + padded(size, 1) + record));           // a number
    CHECK(same(connection + "\x12" + padded(size, n) + record));           // a length
    CHECK(same(connection + padded(0x12, n) + padded(size, 1) + record));  // a tag
    const auto header = padded(0x0a, n) + padded(2, 1) + "\x08\x07";
    const std::string sound("\x12\x06\x08\x01\x10\x01\x22\x00", 8);
    const auto head = header + sound;
    CHECK(outcome_of(head, {}) == outcome_of(with_unknown(head), {}));
  }
}
