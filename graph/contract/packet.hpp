#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "graph/contract/payload.hpp"
#include "graph/core/ids.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket {

/// One actor that a packet's content went through. Times are monotonic_ns() of this process.
struct hop {
  actor_index actor = 0;
  std::int64_t queued_ns = 0;   ///< put into the actor's queue
  std::int64_t started_ns = 0;  ///< taken out: the handler starts
  std::int64_t emitted_ns = 0;  ///< the handler emitted the next packet
};

/// The way of a packet since its origin; the oldest hops go first when it is full.
struct trace {
  static constexpr std::size_t capacity = 8;
  std::array<hop, capacity> hops{};
  std::uint8_t count = 0;

  void push(const hop& h) {
    if (count == capacity) {
      for (std::size_t i = 1; i < capacity; ++i) hops[i - 1] = hops[i];
      hops[capacity - 1] = h;
    } else {
      hops[count++] = h;
    }
  }
};

/// Who sets it: the host, except `ts` (the component that makes the content) and `epoch` where a
/// component answers to an input of a certain epoch.
struct packet_header {
  session_id session = session_id::none;
  std::uint32_t stream = 0;     ///< index of the output port in the plan
  std::uint64_t seq = 0;        ///< per stream and session, from 0, without gaps at the sender
  timestamp ts;                 ///< stream time of the content's first sample or of the event
  std::int64_t micro_turn = 0;  ///< grid index of ts
  epoch_number epoch = 0;
  timestamp origin_ts;         ///< capture time of the oldest input it derives from
  std::int64_t origin_ns = 0;  ///< monotonic_ns() when that input was captured
  trace way;
};

/// A header and a shared, immutable payload. Copying a packet never copies the payload.
struct packet {
  packet_header header;
  std::shared_ptr<const payload> body;

  payload_kind kind() const { return kind_of(*body); }
  template <class T>
  const T* get_if() const {
    return body ? std::get_if<T>(body.get()) : nullptr;
  }
};

template <class T>
packet make_packet(timestamp ts, T value) {
  packet p;
  p.header.ts = ts;
  p.body = std::make_shared<const payload>(std::move(value));
  return p;
}

}  // namespace hocket
