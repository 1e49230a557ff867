#include "actors/gateway/webrtc/exchange.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/gateway/webrtc/gst_call.hpp"

namespace hocket::gateway::webrtc {
namespace {

using namespace std::chrono_literals;
using clock = gst_call::clock;

constexpr auto block = 20ms;
constexpr auto stood_still = 200ms;  ///< behind by more than this: what was missed is left out

}  // namespace

class exchange::impl {
 public:
  explicit impl(options o) : options_(std::move(o)) {
    worker_ = std::thread([this] { work(); });
    pacer_ = std::thread([this] { pace(); });
  }

  template <class Negotiate>
  void begin(call_events events, done then, Negotiate negotiate) {
    const auto c = std::make_shared<gst_call>(options_, std::move(events));
    const auto until = clock::now() + std::chrono::milliseconds(options_.limits.setup_ms);
    c->be_set_up_by(until);
    {
      std::unique_lock lock(mutex_);
      if (is_stopping_ || setups_ >= options_.setups) {
        lock.unlock();
        return refuse(then);  // from the caller's thread: it is told at once
      }
      ++setups_;
      begins_.push_back([this, c, until, then = std::move(then), negotiate] {
        auto sdp = is_wanted(until) ? negotiate(*c) : result<std::string>(busy());
        {
          const std::lock_guard inner(mutex_);
          --setups_;
          if (sdp) calls_.push_back(c);
        }
        if (sdp) return then(set_up{c, std::move(*sdp)});
        c->end();
        then(fail(sdp));
      });
    }
    changed_.notify_all();
  }

  std::size_t calls() const {
    const std::lock_guard lock(mutex_);
    return calls_.size() + setups_ + ending_;
  }

  void stop(int drain_ms) {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(is_stopping_, true)) return;
      for (const auto& c : calls_) c->close(1001, "the server stops");
    }
    const auto until = clock::now() + std::chrono::milliseconds(drain_ms);
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, until, [&] {
        return calls_.empty() && begins_.empty() && ends_.empty() && !is_busy_;
      });
      is_over_ = true;
    }
    changed_.notify_all();
    pacer_.join();
    worker_.join();
    for (const auto& c : std::exchange(calls_, {})) c->end();
  }

 private:
  static tl::unexpected<error> busy() {
    return fail("gateway.busy", "too many calls are being set up; try again in a moment");
  }
  static void refuse(const done& then) { then(busy()); }

  /// Whether somebody still waits for a set-up that has its turn now.
  bool is_wanted(clock::time_point until) const {
    const std::lock_guard lock(mutex_);
    return !is_stopping_ && clock::now() < until;
  }

  /// Ends first: they give back what set-ups need, and none takes long.
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return is_over_ || !ends_.empty() || !begins_.empty(); });
      auto& from = ends_.empty() ? begins_ : ends_;
      if (from.empty()) return;
      const auto job = std::move(from.front());
      from.pop_front();
      is_busy_ = true;
      lock.unlock();
      job();
      lock.lock();
      is_busy_ = false;
      changed_.notify_all();
    }
  }

  void pace() {
    auto next = clock::now();
    for (;;) {
      next += block;
      if (clock::now() > next + stood_still) next = clock::now();
      std::vector<std::shared_ptr<gst_call>> now_there;
      {
        std::unique_lock lock(mutex_);
        if (calls_.empty()) {
          changed_.wait(lock, [&] { return is_over_ || !calls_.empty(); });
          next = clock::now();
        }
        changed_.wait_until(lock, next, [&] { return is_over_; });
        if (is_over_) return;
        now_there = calls_;
      }
      const auto now = clock::now();
      for (const auto& c : now_there) {
        c->pace(now);
        if (c->is_finished(now)) bury(c);
      }
    }
  }

  void bury(const std::shared_ptr<gst_call>& c) {
    {
      const std::lock_guard lock(mutex_);
      std::erase(calls_, c);
      ++ending_;
      ends_.push_back([this, c] {
        c->end();
        const std::lock_guard inner(mutex_);
        --ending_;
      });
    }
    changed_.notify_all();
  }

  const options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<gst_call>> calls_;
  std::deque<std::function<void()>> begins_, ends_;
  std::size_t setups_ = 0, ending_ = 0;
  bool is_stopping_ = false, is_over_ = false, is_busy_ = false;
  std::thread worker_, pacer_;
};

exchange::exchange(options o) : impl_(std::make_shared<impl>(std::move(o))) {}
exchange::~exchange() { stop(0); }

void exchange::answer(description offer, call_events events, done then) {
  impl_->begin(std::move(events), std::move(then),
               [offer = std::move(offer)](gst_call& c) { return c.answer(offer); });
}

void exchange::offer(std::string channel, call_events events, done then) {
  impl_->begin(std::move(events), std::move(then),
               [channel = std::move(channel)](gst_call& c) { return c.offer(channel); });
}

std::size_t exchange::calls() const { return impl_->calls(); }
void exchange::stop(int drain_ms) { impl_->stop(drain_ms); }

}  // namespace hocket::gateway::webrtc
