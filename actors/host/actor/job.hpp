#pragma once

#include <exception>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/actor/own_words.hpp"
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
  const auto id = call_.begin(began_ns);
  bool fine = false;
  if (traced_ && who->time) who->time->call_begins();
  try {
    if (auto r = f())
      fine = true;
    else
      why = own_words(r.error());
  } catch (const std::exception& e) {
    const char* const what = e.what();
    why = own_words(error{"host.exception", what != nullptr ? what : "an exception without words"});
  } catch (...) {
    why = {"host.exception", "an exception that is no std::exception"};
  }
  if (traced_ && who->time) who->time->call_ends();
  // The watchdog and we both want the end of this call; the loser leaves the cell alone.
  if (!call_.end(id, began_ns, monotonic_ns())) return outcome::written_off;
  return fine ? outcome::fine : outcome::failed;
}

}  // namespace hocket::host
