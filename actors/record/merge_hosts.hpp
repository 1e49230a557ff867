#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/record/recording.hpp"

namespace hocket::record {

/// A fact of a recording that was made of those of several hosts, in place of `host`: "edge,gpu".
inline constexpr const char* hosts_fact = "hosts";

struct hosts_merged {
  std::vector<std::string> hosts;  ///< as the files were given
  std::uint64_t messages = 0;      ///< packets, marks and events
  std::uint64_t copies = 0;        ///< arrivals left out: they are in it from another host
  std::uint64_t calls = 0;         ///< left out: they are by the clocks of their own hosts
  /// Outputs that several hosts took, and whose sender's recording was not given: what which host took
  /// of it is in.
  std::map<std::string, std::string> senders_missing;
  verdict how;  ///< complete where each is
};

/// Makes one recording of those that the hosts of one run made, on one time base: stream time, whose zero
/// the hosts agreed on when they began, and the first file's clock on the wall. Packets and events lie in
/// the order in which they were emitted; what a host took from another one goes in once.
///
/// Memory: what recording::open holds of each; 24 bytes a message; a few chunks of each. Errors:
/// record.not_of_one_run, which says what differs; those of recording::open; mcap.*.
result<hosts_merged> merge_hosts(const std::vector<std::string>& files, const std::string& out);

}  // namespace hocket::record
