#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "actors/host/run_changes.hpp"
#include "actors/rewire/fwd.hpp"

namespace hocket::rewire {

/// Takes rewires from other processes over the status socket, in lines of JSON, and does not make
/// clients that ask for the status wait for them:
///
///     rewire {"file": "/x/new.yaml", "text": "hocket: 1 …"}   ->  {"ticket": 1}
///     rewired 1                                              ->  {"state": "running"}, or the outcome
///
/// Further keys: `includes` (path to text), `at_s`, `dry_run`, `limit_s`.
///
/// Threads: any; each rewire runs on a thread of its own.
class request_socket {
 public:
  using worker = std::function<rewire_outcome(const rewire_request&)>;
  explicit request_socket(worker run) : run_(std::move(run)) {}
  ~request_socket() { close(); }

  /// "" where the line is none of ours.
  std::string answer(const std::string& line);
  /// Waits for what runs; takes no more.
  void close();

 private:
  std::string begin(const std::string& request);
  std::string outcome_of_ticket(const std::string& ticket);

  const worker run_;
  std::mutex mutex_;
  bool closed_ = false;
  std::uint64_t last_ = 0;
  struct job {
    std::thread thread;
    std::optional<rewire_outcome> done;
  };
  std::map<std::uint64_t, job> jobs_;
};

}  // namespace hocket::rewire
