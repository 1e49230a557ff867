#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::process {

/// From the emit of a packet to the first line of the last actor, sorted; what `hocket bench python`
/// prints.
struct relay_times {
  std::vector<std::int64_t> ns;
  double quantile_us(double q) const;
};

/// Real time, paced: a source, a relay that looks at the first number and sends on what came, a sink.
/// `python`: the file whose class Relay is the relay; "": one of this process.
/// Errors: what a run that does not start says.
result<relay_times> measure_relay(const std::string& python, std::size_t size_bytes, int packets);

}  // namespace hocket::process
