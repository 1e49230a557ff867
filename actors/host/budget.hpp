#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "actors/host/histogram.hpp"
#include "actors/host/runtime.hpp"

namespace hocket::host {

/// Latency of the budgeted paths: from the capture of the oldest input to the hand-over to the last
/// actor, the worst of each micro-turn. Real time only: in virtual time nothing is checked.
///
/// Threads: any.
class budget_check {
 public:
  /// `before`: after a rewire, the book of the plan before; budgets that stay go on counting.
  explicit budget_check(const plan& graph, const budget_check* before = nullptr);

  /// True where a path ends in this actor; asked before each hand-over.
  bool ends_in(actor_index actor) const { return ends_[actor]; }
  /// A packet is handed over now. Returns the budget (index) whose limit it broke and that says
  /// `on_miss: stop`, or -1.
  int note(actor_index actor, const packet& p, std::int64_t queued_ns, std::int64_t now_ns);
  /// A session is gone: what is known of its last micro-turn counts, and is kept no longer.
  void forget(session_id id);
  std::vector<budget_status> status() const;
  std::string path_text(std::size_t budget) const { return lines_[budget].text; }

 private:
  struct turn {
    std::int64_t k = -1;
    bool missed = false;
    double worst_ms = 0;
    std::string blame;
  };
  struct line {
    std::string text;
    std::map<session_id, turn> open;
    std::uint64_t checked = 0;
    std::uint64_t missed = 0;
    histogram times;
    double sum_ms = 0;
    std::map<std::string, std::uint64_t> blamed;
  };
  std::string blame(const plan_budget& b, const packet& p, std::int64_t queued_ns,
                    std::int64_t now_ns) const;
  static void finish(line& l, const turn& t);
  void take_over(const budget_check& before);

  const plan& graph_;
  std::vector<bool> ends_;
  mutable std::mutex mutex_;
  std::vector<line> lines_;
};

}  // namespace hocket::host
