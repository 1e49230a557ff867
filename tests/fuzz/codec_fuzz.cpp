#include "graph/contract/port.hpp"
#include "graph/core/assert.hpp"
#include "graph/schema/codec.hpp"
#include "tests/fuzz/targets.hpp"

// Input: two bytes of head size (little endian), the head, and the rest as two bulk frames. Whether it
// is read without message objects or by protobuf, the same must come of it.
namespace hocket::fuzz {
namespace {

constexpr wire::codec_limits limits = {
    .head_bytes = 1 << 16, .bulk_bytes = 1 << 20, .bulk_frames = 4};

/// The packet's own bytes, or which error.
std::string outcome_of(std::span<const std::byte> head, std::span<const buffer> bulk) {
  const auto p = wire::decode(head, bulk, limits);
  if (!p) return p.error().code;
  const auto again = wire::encode(*p);
  return again ? again->head : again.error().code;
}

void compare_readers(std::span<const std::byte> head, std::span<const buffer> bulk) {
  std::string same = protobuf_alone;
  same.append(reinterpret_cast<const char*>(head.data()), head.size());
  if (same.size() > limits.head_bytes) return;
  HOCKET_ASSERT(outcome_of(head, bulk) == outcome_of(std::as_bytes(std::span(same)), bulk));
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2) return;
  const auto all = std::as_bytes(bytes.subspan(2));
  const auto head = all.first(std::min<std::size_t>(bytes[0] + 256u * bytes[1], all.size()));
  const auto rest = all.subspan(head.size());
  const auto frame = buffer::copy_of(rest);
  const auto half = rest.size() / 2;
  const std::vector<buffer> bulk = {frame, frame.slice(half, rest.size() - half)};
  compare_readers(head, bulk);
  const auto p = wire::decode(head, bulk, limits);
  if (!p) return;
  // What came in can go out, and comes back as it was.
  HOCKET_ASSERT(why_unfit({.kind = p->kind()}, *p->body).empty());
  const auto again = wire::encode(*p);
  if (!again) return;  // many fields may share one frame: larger than a sender may send
  const auto back = wire::decode(std::as_bytes(std::span(again->head)), again->bulk);
  HOCKET_ASSERT(back && back->kind() == p->kind() && back->header.seq == p->header.seq);
  HOCKET_ASSERT(size_bytes(*back->body) == size_bytes(*p->body));
}

std::string input_of(const packet& p) {
  const auto e = wire::encode(p).value();
  std::string out = {static_cast<char>(e.head.size() & 0xff),
                     static_cast<char>(e.head.size() >> 8)};
  out += e.head;
  for (const auto& b : e.bulk) {
    const auto bytes = b.bytes();
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return out;
}

std::vector<std::string> seeds() {
  const timestamp t = timestamp::of_ms(200);
  auto floats = [](std::size_t n) { return buffer::take(std::vector<float>(n, 0.5f)); };
  auto traced = make_packet(t, text{"hello", "user", 3, false});
  traced.header.way.push({1, 10, 20, 30});
  std::vector<std::string> out = {
      input_of(make_packet(t, audio_chunk{16000, 2, 320, floats(8)})),
      input_of(make_packet(t, video_frame{2, 1, floats(2).slice(0, 6)})),
      input_of(make_packet(t, tensor{dtype::f32, {2, 3}, floats(6)})),
      input_of(traced),
      input_of(make_packet(t, tool_call{1, 2, "clock", "{}"})),
      input_of(make_packet(t, tool_result{1, 2, "clock", outcome::failed, "no"})),
      input_of(make_packet(t, delegation{4, delegation::action::cancel, "task", "said", 1, 2, 3})),
      input_of(make_packet(t, training_example{{{"x", tensor{dtype::f32, {1}, floats(1)}}}, "p"})),
      input_of(make_packet(t, adapter{"a", "{}", floats(2)})),
      input_of(make_packet(t, control{control::kind::played, "", 7}))};
  return out;
}

}  // namespace

extern const target codec;
const target codec = {"codec", run, seeds};

}  // namespace hocket::fuzz
