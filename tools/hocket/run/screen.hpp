#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/host/runtime.hpp"
#include "tools/report/facts.hpp"
#include "tools/hocket/terminal.hpp"

namespace hocket::cli {

/// One micro-turn with all that happened in it: a row of the live timeline.
struct timeline_row {
  report::fact turn;
  std::vector<report::fact> happened;  ///< words, delegations, tool calls and results, events

  std::string words(bool person) const;  ///< what the person or the model said, joined
};

/// Gathers facts into rows: a row is ready when its micro-turn's levels are.
class row_builder {
 public:
  /// Rows that `f` completes; an event without a conversation waits for the next row.
  std::vector<timeline_row> take(const report::fact& f);
  /// What no row has taken yet.
  std::vector<report::fact> rest();

 private:
  std::deque<report::fact> waiting_;
  std::int64_t last_turn_ = -1;
};

/// Shows a run while it goes on. take() comes from the run's threads and only queues; the thread
/// that runs the command calls refresh() a few times a second and finish() once, and only they
/// write.
class screen : public report::fact_sink {
 public:
  void take(const report::fact& f) final;
  void refresh(const host::snapshot& now);
  void finish();

 protected:
  virtual void show(const report::fact& f) = 0;
  virtual void show_status(const host::snapshot&) {}
  virtual void show_end() {}

 private:
  std::mutex lock_;
  std::deque<report::fact> queue_;
};

/// A row per micro-turn of the first conversation, the person left of the axis, the model right of
/// it, over a status line that stays at the bottom.
std::unique_ptr<screen> make_terminal_screen(const terminal& t);
/// A line per micro-turn in which something happened.
std::unique_ptr<screen> make_plain_screen();
/// One JSON object per micro-turn and conversation; events between them.
std::unique_ptr<screen> make_json_screen(bool with_words);

}  // namespace hocket::cli
