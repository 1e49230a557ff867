#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "actors/process/worker.hpp"
#include "graph/contract/component.hpp"

namespace hocket::process {

/// The run's clock in its child: as it stood when the call began, and in real time what has passed
/// since then.
class child_clock final : public clock {
 public:
  explicit child_clock(bool is_virtual) : virtual_(is_virtual) {}
  timestamp now() const override;
  bool is_virtual() const override { return virtual_; }
  void call_began(const frame_head& h);

 private:
  const bool virtual_;
  std::atomic<std::int64_t> offset_ns_{0};  ///< virtual: now; real: to add to the machine's clock
};

/// What is said beside the answers. Threads: any.
class event_pipe {
 public:
  explicit event_pipe(int fd) : fd_(fd) {}
  void say_event(say what, std::string_view body = {}, std::int64_t number = 0,
                 std::uint32_t version = 0, std::uint32_t count = 0);

 private:
  int fd_;
  std::mutex mutex_;
};

/// What the component's own threads asked to run in the actor's context, and the work under way that
/// keeps the actor from being drained. Threads: any.
class own_work final : public mailbox_handle, public std::enable_shared_from_this<own_work> {
 public:
  explicit own_work(std::shared_ptr<event_pipe> events) : events_(std::move(events)) {}
  bool run(std::function<void(emitter&)> f) override;
  std::shared_ptr<const void> hold();
  void call_begins();
  /// What `done` tells: count, version and holds.
  void call_ends(frame_head& done);
  /// The oldest task; empty where there is none.
  std::function<void(emitter&)> next();

 private:
  void changed_holds(std::int32_t by);
  std::shared_ptr<event_pipe> events_;
  std::mutex mutex_;
  std::deque<std::function<void(emitter&)>> tasks_;
  bool in_call_ = false;
  std::uint32_t untold_ = 0, version_ = 0, holds_ = 0;
};

/// What one component in a child has around it.
class surroundings {
 public:
  surroundings(const nlohmann::json& told, const registry& types,
               std::shared_ptr<event_pipe> events);
  ~surroundings();
  const hocket::context& context() const { return context_; }
  child_clock& time() { return *time_; }
  own_work& tasks() { return *tasks_; }

 private:
  class told_graph;
  std::unique_ptr<child_clock> time_;
  std::unique_ptr<told_graph> graph_;
  std::shared_ptr<own_work> tasks_;
  hocket::context context_;
};

}  // namespace hocket::process
