#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/ids.hpp"
#include "graph/core/result.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::wire {

/// What one host tells another beside packets. Which fields count depends on the kind.
enum class host_event : std::uint8_t {
  ready,            ///< this host's actors are open; its neighbours may send
  session_opened,   ///< session, epoch
  session_closed,   ///< session
  epoch_raised,     ///< session, epoch, value = actor that interrupted
  bound,            ///< link, session, ts: no packet before ts will come
  end_of_stream,    ///< link, session
  input_lost,       ///< link, session (none: all), detail
  input_recovered,  ///< link, session (none: all)
  stop,             ///< detail: why
  round_report,     ///< virtual time: ts = here, values = counters, as the host defines them
  round_advance,    ///< virtual time: ts = the next instant
  rewire,           ///< value = step, values, detail: as the rewire defines them
  link_over,        ///< link, value = revision that took it out: this is the last of it
};
std::string_view to_string(host_event e);
inline constexpr int host_event_count = 13;

/// One message of the control lane, as the hosts define its meaning; the wire only carries it.
struct host_message {
  host_event what = host_event::stop;
  session_id session = session_id::none;
  std::uint32_t link = 0;  ///< the cross-host link that it concerns; 0 = none
  epoch_number epoch = 0;
  timestamp ts;
  std::int64_t value = 0;
  std::vector<std::int64_t> values;  ///< at most 4096
  std::string detail;                ///< for people or as agreed; UTF-8, never speech
  /// True: the receiver hands it over only after the packets that the sender had sent on `link`
  /// before it, so that an end or a bound never overtakes what it closes.
  bool after_packets = false;
};

}  // namespace hocket::wire
