#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "actors/gateway/edit/change.hpp"
#include "actors/http/message.hpp"
#include "graph/contract/registry.hpp"

namespace hocket::gateway::edit {

/// A page of the desk: what it is for, and who may.
struct page {
  const char* path;
  const char* method;
  /// readers: whoever may see the graph; learners: where a run that trains is shown.
  enum : std::uint8_t { readers, editors, learners } is_for;
};
/// `…/graph/file`, `types`, `edit`, `check`, `apply`, `back`; `…/graph/status`, `events`, `/v1/hocket/training`.
extern const std::vector<page> pages;

/// What the page's editor asks for: the text of the running graph, changes of a text, what a text would
/// change about the run, and that it shall. It asks the run at the socket that every run has, as `hocket
/// apply` does, so nothing can be done here that cannot be done there. Who may is not decided here.
///
/// Threads: `take` from any; two of its own, which wait for the run: who looks does not wait for a change.
class desk {
 public:
  struct options {
    std::string output_dir;           ///< of the run: its socket, its event log
    const registry* types = nullptr;  ///< that a graph may have
    std::string training;             ///< folder of a run that trains; empty: none
  };
  using tell = std::function<void(http::response)>;

  explicit desk(options o) : options_(std::move(o)) {}
  ~desk() { stop(); }

  static bool is_page(std::string_view path);
  /// Answers by and by; 503 where too many wait.
  void take(http::request r, tell then);
  /// What waits gets 503.
  void stop();

 private:
  static constexpr std::size_t most_waiting = 16;
  /// What waits, and who works on it, one after the other.
  struct lane {
    std::deque<std::pair<http::request, tell>> waiting;
    std::thread thread;
  };
  void work(lane& on);
  http::response answer(const http::request& r) const;
  http::response file(const http::request& r) const;
  http::response types() const;
  http::response edited(const json& asked) const;
  http::response rewired(const json& asked, bool dry_run) const;
  http::response back(const json& asked) const;
  std::string run_socket() const { return options_.output_dir + "/hocket.sock"; }

  const options options_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::atomic<bool> is_over_ = false;  ///< changed under the mutex
  lane editors_, readers_;
};

/// Life-cycle events of the run's log, newest last: `{"events": [{"t_ms", "actor", "role", "detail"}]}`.
json events_of(const std::string& output_dir);

/// What `hocket train show` reads of a folder, as it is now: `{"curve": [{…}], "adapters": [{…}],
/// "evaluations": [{…}], "swaps": [{…}]}`; at most about 2000 rows of each, and the newest 200 adapters.
json training_of(const std::string& folder);

}  // namespace hocket::gateway::edit
