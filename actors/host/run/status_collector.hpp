#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/histogram.hpp"
#include "actors/host/status.hpp"

namespace hocket::host {

/// Puts a snapshot together: every link adds up in it.
///
/// Threads: any, one snapshot at a time.
class status_collector {
 public:
  explicit status_collector(const graph_run& run) : run_(run) {}
  snapshot collect();

 private:
  void add_rates(snapshot& s, const std::vector<histogram::counts>& times,
                 const std::vector<std::int64_t>& busy_ns);

  const graph_run& run_;
  std::mutex mutex_;
  // --- under mutex_
  std::int64_t last_ns_ = 0;
  std::map<actor_index, std::int64_t> last_busy_ns_;
};

}  // namespace hocket::host
