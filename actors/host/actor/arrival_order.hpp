#pragma once

#include <map>

#include "actors/host/actor/input_queue.hpp"
#include "actors/host/actor/ring.hpp"

namespace hocket::host {

/// In which order the packets and tasks of a cell came, where its policy hands them over one by one
/// (`immediate`, `latest`).
///
/// Threads: under the cell's mutex.
class arrival_order {
 public:
  void push(input_queue& q) { order_.push_back({&q}); }
  void push_task() { order_.push_back({nullptr}); }
  bool empty() const { return order_.empty(); }
  std::size_t size() const { return order_.size(); }
  bool task_is_next() const { return !order_.empty() && order_.front().queue == nullptr; }
  /// The task that is first is done with.
  void take_task() { order_.take_front(); }
  /// The queue of the next packet; nullptr: there is none, or a task is before it.
  input_queue* take_queue() {
    while (!order_.empty()) {
      auto* q = order_.front().queue;
      if (q == nullptr) return nullptr;
      order_.take_front();
      if (void_.empty()) return q;
      const auto it = void_.find(q);
      if (it == void_.end()) return q;
      if (--it->second == 0) void_.erase(it);
    }
    return nullptr;
  }

  /// The next `n` entries of this queue are for packets that have gone from it.
  void void_next(const input_queue& q, std::size_t n) {
    if (n > 0) void_[&q] += n;
  }
  void forget(const input_queue& q) {
    order_.remove_if([&](const entry& e) { return e.queue == &q; });
    void_.erase(&q);
  }
  void forget_session(session_id id) {
    order_.remove_if([&](const entry& e) { return e.queue && e.queue->session() == id; });
    std::erase_if(void_, [&](const auto& v) { return v.first->session() == id; });
  }
  void forget_tasks() {
    order_.remove_if([](const entry& e) { return e.queue == nullptr; });
  }
  void clear() {
    order_.remove_if([](const entry&) { return true; });
    void_.clear();
  }

 private:
  struct entry {
    input_queue* queue = nullptr;  ///< nullptr: a task
  };
  ring<entry> order_;
  std::map<const input_queue*, std::size_t> void_;
};

}  // namespace hocket::host
