#pragma once

#include <functional>

#include "actors/host/fwd.hpp"

namespace hocket::host {

/// Gives cells a thread to run on: CAF in real time, one deterministic loop in virtual time.
///
/// Threads: any. A cell is posted at most once until its run() began; run() of one cell never
/// overlaps with itself, unless the thread inside it was written off as hung.
class executor {
 public:
  virtual ~executor() = default;
  virtual void attach(actor_cell& c) = 0;
  /// Calls c.run() soon, on some thread.
  virtual void post(actor_cell& c) = 0;
  /// Like post, but lets others that wait go first.
  virtual void post_again(actor_cell& c) { post(c); }
  /// The thread inside c.run() hangs: c runs elsewhere from now on.
  virtual void write_off(actor_cell& c) = 0;
  /// c will not be posted any more.
  virtual void detach(actor_cell& c) = 0;
  /// The calling thread is about to do something long: the cell it was to run next goes elsewhere.
  virtual void flush() {}
  /// Runs f between the runs of cells where there is such a moment (virtual time), else at once.
  virtual void inside(std::function<void()> f) { f(); }
  /// Ends all threads; those that hang are left behind.
  virtual void stop() = 0;
};

}  // namespace hocket::host
