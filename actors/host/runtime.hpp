#pragma once

#include <memory>
#include <string>

#include "actors/host/options.hpp"
#include "actors/host/status.hpp"
#include "graph/contract/registry.hpp"

namespace hocket::host {

struct rewire_outcome;
struct rewire_request;

enum class end_reason : std::uint8_t { finished, stopped, failed };

struct run_summary {
  end_reason why = end_reason::finished;
  std::string detail;  ///< which actor ended it, and why
  snapshot last;
};

/// Runs a plan, or the part of one host, on CAF inside this process.
///
/// Threads: all functions may be called from any thread.
class runtime {
 public:
  /// Opens all actors, downstream first, then lets the sources go. With `hosts:` it returns as soon
  /// as this process listens: opening waits for the other hosts, and what fails then ends the run.
  /// Errors: host.open_failed (names the actor and its reason); everything opened is closed again;
  /// placement.* (which host this is) and wire.* (keys and addresses).
  static result<std::unique_ptr<runtime>> start(const plan& graph, const registry& types,
                                                runtime_options options);
  virtual ~runtime() = default;

  /// Waits until all sources ended and everything drained, or until stop() or a failure.
  virtual run_summary wait() = 0;
  /// Orderly stop: sources end, queues drain, actors close, upstream first. Returns at once.
  virtual void stop() = 0;
  virtual snapshot status() const = 0;
  virtual void interrupt(session_id session) = 0;
  virtual session_id open_session() = 0;
  virtual void close_session(session_id session) = 0;
  /// Makes the running graph another one: see run_changes.hpp. Waits until it is done.
  virtual rewire_outcome rewire(const rewire_request& request) = 0;
};

}  // namespace hocket::host
