#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/host/executor.hpp"
#include "actors/host/world.hpp"

namespace hocket::host {

/// Virtual time: one thread runs the cells in the order in which they became ready, until nothing
/// is; then the clock jumps to the next timer. Same graph, same inputs: same outputs, bit for bit.
///
/// A call that hangs takes its thread with it; another thread goes on with the loop.
class virtual_driver final : public executor, public std::enable_shared_from_this<virtual_driver> {
 public:
  explicit virtual_driver(world& w) : world_(w) {}
  void begin();
  void attach(cell&) override {}
  void detach(cell&) override {}
  void post(cell& c) override;
  void write_off(cell& c) override;
  void inside(std::function<void()> f) override;
  void stop() override;

 private:
  static void loop(const std::shared_ptr<virtual_driver>& self, std::uint64_t life);
  bool step(std::uint64_t life);

  world& world_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<cell>> ready_;
  std::deque<std::function<void()>> commands_;
  std::uint64_t life_ = 0;
  bool poked_ = false;
  bool stopped_ = false;
  bool left_behind_ = false;
  std::thread thread_;
};

}  // namespace hocket::host
