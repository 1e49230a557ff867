#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "actors/record/recording.hpp"

namespace hocket::record {

/// Facts of a recording that was cut: stream times; `cut_to_ns` where something behind it was left out.
inline constexpr const char* cut_from_fact = "cut_from_ns";
inline constexpr const char* cut_to_fact = "cut_to_ns";
/// How many packets lie before `cut_from_ns` because actors took them after it.
inline constexpr const char* in_flight_fact = "cut_in_flight";

struct cut_range {
  timestamp from;                     ///< inclusive; taken back to the beginning of its micro-turn
  timestamp to = timestamp::max();    ///< exclusive
  std::set<session_id> without = {};  ///< conversations of which no packet is copied
};

struct cut_done {
  timestamp from;  ///< as it was taken
  std::uint64_t packets = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t left_out = 0;  ///< packets
  int revision = 1;            ///< of the graph that it begins with
  verdict how;                 ///< as the original's
};

/// Copies what was emitted in a part of a recording into another one, which stands for itself: stream
/// times stay; the graph is the one that ran at `from`, later revisions within the part follow; what was
/// on its way at `from` (emitted before, taken after, as the recorded calls say), and the ends and
/// interruptions of streams before it, are in it. Calls are kept where it begins with the run: components
/// cannot be called again from the middle. A sealed recording is read and written sealed.
///
/// Memory: as recording::open; a chunk. Errors: record.nothing_there, record.bad_range; mcap.*.
result<cut_done> cut_recording(const std::string& file, cut_range range, const std::string& out);

/// A fact of a recording out of which conversations were taken: how many.
inline constexpr const char* forgotten_fact = "forgotten_sessions";
/// Takes these conversations out of a recording and its pieces: each is written anew without their packets and
/// without calls, and takes the place of the old one once it is whole. How many packets went.
/// Errors: as cut_recording, files.cannot_write; what is not done then stays as it is.
result<std::uint64_t> forget_in_recording(const std::string& file, const std::set<session_id>& who);

}  // namespace hocket::record
