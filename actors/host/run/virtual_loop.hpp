#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/host/actor/executor.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::host {

/// Virtual time: one thread runs the cells in the order in which they became ready, until nothing
/// is; then the clock jumps to the next timer. Same graph, same inputs: same outputs, bit for bit.
///
/// A call that hangs takes its thread with it; another thread goes on with the loop.
class virtual_loop final : public executor, public std::enable_shared_from_this<virtual_loop> {
 public:
  explicit virtual_loop(graph_run& w) : run_(w) {}
  void begin();
  void attach(actor_cell&) override {}
  void detach(actor_cell&) override {}
  void post(actor_cell& c) override;
  void write_off(actor_cell& c) override;
  void inside(std::function<void()> f) override;
  void stop() override;

 private:
  static void loop(const std::shared_ptr<virtual_loop>& self, std::uint64_t generation);
  bool step(std::uint64_t generation);

  graph_run& run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<actor_cell>> ready_;
  std::deque<std::function<void()>> commands_;
  std::uint64_t generation_ = 0;
  bool notified_ = false;
  bool stopped_ = false;
  bool left_behind_ = false;
  std::thread thread_;
};

}  // namespace hocket::host
