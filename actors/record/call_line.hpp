#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/host/runtime.hpp"

/// Calls into components, as a recording of a run in real time keeps them: one JSON object each, on
/// the channel `hocket.calls`. README.md describes the fields.
namespace hocket::record {

/// Which packet: output, session and number tell it apart from all others of one life of its actor.
struct packet_name {
  std::string output;  ///< "mic.audio"; "": the host's own word
  session_id session = session_id::none;
  std::uint64_t seq = 0;
};

/// A call, with the names of what it was given.
struct recorded_call {
  struct set {
    session_id session = session_id::none;
    std::int64_t micro_turn = 0;
    epoch_number epoch = 0;
    std::vector<bool> missing;                                ///< by input port
    std::vector<std::pair<std::size_t, packet_name>> inputs;  ///< in order of arrival, by port
  };
  std::string actor;
  session_id session = session_id::none;  ///< of `open`: the instance's
  std::uint64_t life = 0;
  host::call_kind what = host::call_kind::packet;
  bool failed = false;
  std::int64_t order_ns = 0;  ///< when it began, on one axis for all calls of a recording
  timestamp at;               ///< the same as stream time
  epoch_number epoch = 0;
  std::int64_t micro_turn = -1;
  std::vector<timestamp> clock_said;
  std::size_t port = 0;  ///< packet, control
  packet_name given;     ///< packet, control
  control message;       ///< of a control whose `given` has no output
  timestamp message_ts;  ///< of the same
  epoch_number message_epoch = 0;
  std::vector<set> sets;
};

/// `name_of`: which packet a header is of.
std::string to_json(const host::call_record& r, const std::string& actor,
                    const std::function<packet_name(const packet_header&)>& name_of);

/// Errors: record.bad_call.
result<recorded_call> call_from_json(std::string_view line);

}  // namespace hocket::record
