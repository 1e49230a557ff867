#pragma once

#include <condition_variable>
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
///     rewires                                                ->  {"rewires": [{"ticket": 1, …}]}
///     rewire_cancel 1                                        ->  {"cancelled": 1}
///
/// Further keys: `includes` (path to text), `at_s`, `dry_run`, `limit_s`.
///
/// One that is asked for long ahead (`at_s`) waits here, whoever asked may be gone: it can be listed
/// and cancelled, and holds up no other until it has to be prepared, `limit_s` but at most
/// `longest_lead_s` before its time.
///
/// Threads: any; each rewire runs on a thread of its own.
class request_socket {
 public:
  using worker = std::function<rewire_outcome(const rewire_request&)>;
  /// Stream time; nothing where time is virtual, and waits for nobody.
  using clock = std::function<std::optional<timestamp>()>;
  static constexpr int longest_lead_s = 30;
  explicit request_socket(worker run, clock now = {})
      : run_(std::move(run)), now_(std::move(now)) {}
  ~request_socket() { close(); }

  /// "" where the line is none of ours.
  std::string answer(const std::string& line);
  /// Waits for what runs, cancels what waits; takes no more.
  void close();

 private:
  std::string begin(const std::string& request);
  std::string outcome_of_ticket(const std::string& ticket);
  std::string list() const;
  std::string cancel(const std::string& ticket);
  /// Until it is time to prepare. False: cancelled.
  bool wait_for_its_time(std::uint64_t ticket, const rewire_request& request);

  const worker run_;
  const clock now_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::uint64_t last_ = 0;
  struct job {
    std::thread thread;
    std::optional<rewire_outcome> done;
    std::string file;
    timestamp at;
    bool waits = true, cancelled = false;
  };
  std::map<std::uint64_t, job> jobs_;
};

}  // namespace hocket::rewire
