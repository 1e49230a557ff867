#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

/// What a run and the process of one of its actors say to each other: frames over pipes. Both ends
/// are of one release and one machine; plugins/python has the same layout in hocket/_frames.py.
namespace hocket::process {

/// The layout and meaning of frames; a child of another one is refused.
inline constexpr std::uint32_t protocol = 1;

enum class say : std::uint16_t {
  // Run to child: calls, each answered by `done` or `failed`.
  open = 1,  ///< body: JSON, what the component is and where it stands
  process,   ///< port, a packet
  sets,      ///< `count` sets follow: what `set` and `member` say; then it begins
  produce,   ///< ts_ns: until
  tick,      ///< micro_turn
  control,   ///< port, a packet
  resume,    ///< what the component's own threads asked to run
  close,
  call,      ///< of a tool; body: its arguments
  describe,  ///< body: JSON, which files; the answer's body is a manifest
  // Part of `sets`.
  set = 20,  ///< ts_ns: from, origin_ts_ns: to; body: one byte per input, 1 = missing
  member,    ///< port, a packet of the set before it
  // Child to run, during a call, in order.
  emit = 32,    ///< port, a packet
  interrupt,    ///< raise the session's epoch
  for_session,  ///< session
  done,         ///< count: what asks to be resumed; see also `work`, `more`
  failed,       ///< body: code, a zero byte, message
  // Child to run, at any time, on a pipe of its own.
  log = 48,  ///< body: a line
  count,     ///< body: the counter's name; ts_ns: what is added
  wake,      ///< something asks to be resumed
  at_work,   ///< the call that is under way works on something with a limit of its own
  holds,     ///< count, epoch: see frame_head
  progress,  ///< of a tool's call; body: text
};

/// Little endian, as it lies in memory of the machines that we build for. Which numbers mean
/// something depends on `what`; the others are 0.
struct frame_head {
  std::uint32_t body_bytes = 0;
  say what = say::open;
  std::uint16_t port = 0;
  std::uint64_t session = 0;
  std::int64_t ts_ns = 0;
  std::uint64_t seq = 0;
  std::int64_t micro_turn = 0;
  std::uint32_t epoch = 0;
  std::uint32_t stream = 0;
  std::int64_t origin_ts_ns = 0;
  std::int64_t origin_ns = 0;
  std::int64_t now_ns = 0;        ///< stream time when the call began; child's clock follows it
  std::int64_t monotonic_ns = 0;  ///< the machine's, at the same moment
  std::uint32_t bulk_count = 0;
  std::uint32_t count = 0;
};
static_assert(sizeof(frame_head) == 88);

/// Where bulk bytes lie.
struct bulk_place {
  enum class kind : std::uint32_t {
    inside,    ///< in the frame, behind the body
    arena,     ///< in the sender's memory: lease, offset
    returned,  ///< in the receiver's own memory, as it lent it: lease, offset
  };
  kind where = kind::inside;
  std::uint32_t lease = 0;
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;
};
static_assert(sizeof(bulk_place) == 24);

/// One message. Views point into the reader's memory until the next one is taken.
struct frame {
  frame_head head;
  std::vector<bulk_place> bulk;
  std::string_view body;
  std::vector<std::span<const std::byte>> inside;  ///< by bulk; empty where it lies elsewhere
};

/// What a frame may cost whoever reads it.
struct frame_limits {
  std::size_t body_bytes = 8u << 20;
  std::size_t bulk_count = 256;
  std::size_t inside_bytes = 64u << 20;
};

/// What is told beside answers (lines of a log, names of counters) goes on for as long.
inline constexpr std::size_t most_event_bytes = 4096;
/// What a call failed with, in words.
inline constexpr std::size_t most_why_bytes = 64 << 10;

/// Takes the frame at the beginning of `bytes`; nothing where it is not whole yet. `used`: its
/// length. Never reads outside the bytes. Errors: process.malformed.
result<std::optional<frame>> parse_frame(std::span<const std::byte> bytes, std::size_t& used,
                                         const frame_limits& limits = {});

/// Adds a frame to `out`, to be written in one go. `inside`: bytes of bulks whose place is inside.
void append_frame(std::string& out, frame_head head, std::string_view body,
                  std::span<const bulk_place> bulk = {},
                  std::span<const std::span<const std::byte>> inside = {});

/// "process" for people.
std::string_view to_string(say what);

}  // namespace hocket::process
