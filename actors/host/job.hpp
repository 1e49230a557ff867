#pragma once

#include <algorithm>
#include <exception>

#include "actors/host/actor_cell.hpp"
#include "graph/core/assert.hpp"

namespace hocket::host {

/// One thing for a cell to do.
struct actor_cell::job {
  enum class kind : std::uint8_t {
    open,
    control,
    produce,
    source_end,
    tick,
    items,
    sets,
    task,
    close
  };
  kind what = kind::control;
  std::shared_ptr<instance> who;
  std::size_t port = 0;
  packet message;
  input_queue* direct_from = nullptr;
  timestamp until;
  std::int64_t k = 0;
  std::function<void(emitter&)> task;
};

template <class F>
actor_cell::outcome actor_cell::call_as(const std::shared_ptr<instance>& who, std::int64_t began_ns,
                                        error& why, F&& f) {
  if (calling_ != who) calling_ = who;
  call_began_ns_.store(began_ns, std::memory_order_relaxed);
  const auto id = ++call_count_ * 2 + 1;
  call_id_.store(id, std::memory_order_release);
  bool fine = false;
  if (traced_ && who->time) who->time->call_begins();
  try {
    if (auto r = f())
      fine = true;
    else
      why = r.error();
  } catch (const std::exception& e) {
    why = {"host.exception", e.what()};
  } catch (...) {
    why = {"host.exception", "an exception that is no std::exception"};
  }
  if (traced_ && who->time) who->time->call_ends();
  const auto ended_ns = monotonic_ns();
  auto expected = id;
  // The watchdog and we both want the end of this call; the loser leaves the cell alone.
  if (!call_id_.compare_exchange_strong(expected, 0, std::memory_order_acq_rel))
    return outcome::written_off;
  const auto took = ended_ns - began_ns;
  times_.add(took);
  busy_ns_.store(busy_ns_.load(std::memory_order_relaxed) + took, std::memory_order_relaxed);
  // Forgets a call that the machine held up within some twenty others.
  recent_max_ns_ = std::max(took, recent_max_ns_ - recent_max_ns_ / 4);
  last_call_end_ns_ = ended_ns;
  return fine ? outcome::fine : outcome::failed;
}

}  // namespace hocket::host
