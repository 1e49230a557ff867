#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "actors/host/actor/actor_cell.hpp"

namespace hocket::host {

/// What a rewire does to one cell: prepare, activate, other links and queues, retire. A view of the
/// cell, made for one step.
///
/// Threads: those that change the graph; activate() comes from the thread of the cell before it.
/// One cell is locked at a time.
class cell_change {
 public:
  explicit cell_change(actor_cell& of) : cell_(of) {}

  /// Before request_open(): it opens beside the running ones, gets nothing and emits nothing until
  /// activate(). `replaces`: the cell that it is to replace, or none; `begins`: when it will take
  /// part.
  void prepare(const actor_cell* replaces, timestamp begins);
  /// Its place is its own now, though it does not take part yet.
  void take_place() { cell_.prepared_.store(false, std::memory_order_release); }
  /// From stream time `t` on: it takes part. `before`: the cell whose streams it continues.
  void activate(timestamp t, actor_cell* before);
  /// Finishes what it has taken and closes. `handed_over`: another instance
  /// goes on with its streams, which do not end. A source makes what belongs before `at`.
  void retire(bool handed_over, timestamp at);
  void adjust(const plan_actor& spec) { cell_.spec_.store(&spec, std::memory_order_release); }
  /// Other routes for one session; `moved` is called while nothing can be emitted.
  void reroute(session_id id, std::vector<std::vector<link_end>> link_ends,
               const std::function<void()>& moved);

  /// Queues that neither drain nor are gone.
  std::shared_ptr<input_queue> queue_of(std::size_t link, session_id id) const;
  std::vector<std::shared_ptr<input_queue>> all_queues() const;
  std::shared_ptr<actor_cell> sender_of(const input_queue& q) const;
  /// The queue stays behind, empty, until what the component has taken is settled.
  input_queue::queue_state export_state(input_queue& q);
  void import_state(input_queue& q, input_queue::queue_state&& e);
  /// The queue drains and goes; its end is not announced. `now`: its sender is rerouted already.
  void drain_and_remove(input_queue& q, bool now);
  void set_policy(input_queue& q, const queue_spec& spec);
  /// All that is left of it, into the books of the run.
  void collect_books(const std::function<void(std::size_t link, const account& books)>& keep);

 private:
  void set_sender(input_queue& q, const std::shared_ptr<actor_cell>& sender);
  actor_cell& cell_;
};

}  // namespace hocket::host
