#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "actors/process/child.hpp"
#include "actors/process/processes.hpp"
#include "graph/contract/component.hpp"

namespace hocket::process {

/// The children that live, by actor and session, for payloads that are made in their memory.
class living {
 public:
  void add(const std::string& actor, session_id session, std::shared_ptr<child> c);
  void remove(const std::string& actor, session_id session, const child* c);
  std::shared_ptr<child> find(const std::string& actor, session_id session);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, session_id>, std::shared_ptr<child>> all_;
};

/// The component of an actor with `process: own`, as the run sees it. Every call is one exchange with
/// its child, so order, virtual time and books are as if it ran here.
class own_process final : public component {
 public:
  struct setup {
    plan_actor actor;
    std::string settings;
    trust::sandbox_command command;
    trust::sandbox_rules rules;
    std::vector<std::string> plugins;
    std::string plugin;        ///< the one that its type came from
    error cannot;              ///< why there will be no process
    std::string python_class;  ///< of `plugin`, where that is Python
  };
  own_process(setup s, std::shared_ptr<living> children)
      : setup_(std::move(s)), children_(std::move(children)) {}
  ~own_process() override;

  result<void> open(const context& c) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<void> process_sets(std::span<const bundle> sets, emitter& out) override;
  result<source_state> produce(timestamp until, emitter& out) override;
  result<void> tick(std::int64_t micro_turn, emitter& out) override;
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override;
  result<void> close(emitter& out) override;

 private:
  struct hold_book;
  frame_head head_of(say what) const;
  result<frame_head> call(say what, emitter* out);
  result<void> simple(say what, emitter& out);
  result<void> take(const frame& f, emitter* out);
  void wake();
  bool add_packet(say what, std::size_t port, const packet& p);
  std::string title() const;
  child_events events();
  std::string opening_text() const;

  setup setup_;
  std::shared_ptr<living> children_;
  context context_;
  std::shared_ptr<hold_book> holds_;
  std::shared_ptr<child> child_;
  std::string bytes_;  ///< of the call that is being made
  /// What it created when it opened is the run's: the start, or the change, was kept.
  std::shared_ptr<std::atomic<bool>> kept_ = std::make_shared<std::atomic<bool>>(false);
  std::int64_t limit_ms_ = 0;
  std::atomic<bool> closing_{false};
  bool told_bad_ = false;
};

}  // namespace hocket::process
