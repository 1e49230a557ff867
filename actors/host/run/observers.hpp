#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "actors/host/observer.hpp"
#include "actors/host/run/run_clock.hpp"

namespace hocket::host {

/// The observers of a run, told one after the other. Each is shown the plan that it was told of
/// last: cells that a rewire opens before it is decided are in none yet, and nothing is told of
/// them.
///
/// Threads: any. An observer may interrupt or stop the run from within a call. Nothing of the run
/// is locked but an instance's `emitting`.
class observers {
 public:
  observers(std::vector<observer*> all, const run_clock& time);

  bool any() const { return !all_.empty(); }
  /// One of them wants every call.
  bool traced() const { return !tracers_.empty(); }
  /// The plan that they know; before anything is told.
  void show(const plan& graph) { shown_ = &graph; }

  void event(std::string_view actor, std::string_view what, std::string_view detail);
  void session_closed(session_id id);
  void emitted(actor_index actor, std::size_t port, const packet& p);
  /// `marker`: a control payload; session, stream and micro-turn are in its header.
  void marked(actor_index actor, std::size_t port, const packet& marker);
  /// False where they do not know the actor yet.
  bool called(const call_record& r);
  void rewired(const graph_revision& now);
  /// Nothing is told any more.
  void mute();
  /// A component's threads may ask for the time after its instance has gone.
  void keep(std::shared_ptr<const clock> time);

 private:
  const std::vector<observer*> all_;
  const run_clock& time_;
  std::vector<observer*> tracers_;
  std::recursive_mutex mutex_;
  // --- under mutex_
  bool muted_ = false;
  const plan* shown_ = nullptr;
  std::vector<std::shared_ptr<const clock>> clocks_;
};

}  // namespace hocket::host
