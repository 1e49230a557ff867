#include "actors/gateway/webrtc/sctp_streams.hpp"

#include <vector>

#include <doctest/doctest.h>

using hocket::gateway::webrtc::sctp_streams;

namespace {

using bytes = std::vector<std::uint8_t>;

/// Adds a chunk of data on that stream, with `words` bytes.
void add_data(bytes& packet, unsigned stream, std::size_t words = 3, std::uint8_t kind = 0) {
  const auto length = 16 + words;
  bytes chunk = {
      kind, 3, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), 0, 0,
      0,    1, static_cast<std::uint8_t>(stream >> 8), static_cast<std::uint8_t>(stream)};
  chunk.resize((length + 3) / 4 * 4, 7);
  packet.insert(packet.end(), chunk.begin(), chunk.end());
}

}  // namespace

TEST_CASE("streams of SCTP: some may be spoken on, in one packet or in many") {
  sctp_streams s;
  for (unsigned i = 0; i < sctp_streams::most; ++i) {
    bytes one(12, 0);
    add_data(one, i * 2);
    CHECK(s.admits(one));
    CHECK(s.admits(one));
  }
  bytes heartbeat(12, 0);
  heartbeat.insert(heartbeat.end(), {4, 0, 0, 8, 0xff, 0xff, 0xff, 0xff});
  CHECK(s.admits(heartbeat));
  bytes more(12, 0);
  add_data(more, 400);
  CHECK(!s.admits(more));
  sctp_streams of_one_packet;
  bytes many(12, 0);
  for (unsigned i = 0; i <= sctp_streams::most; ++i) add_data(many, i, i, i % 2 == 0 ? 0 : 64);
  CHECK(!of_one_packet.admits(many));
}

TEST_CASE("streams of SCTP: what is cut off is not read beyond its end") {
  bytes whole(12, 0);
  add_data(whole, 1);
  add_data(whole, 2);
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(sctp_streams().admits(cut));
  }
  CHECK(sctp_streams().admits(bytes(64, 0)));  // a chunk without a length
}
