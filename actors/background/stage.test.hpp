#pragma once

#include <array>
#include <thread>

#include "actors/background/scripted.test.hpp"

namespace hocket::background::test {

/// A planner that does what the test says, step by step, on the agent's thread.
class puppet {
 public:
  /// What to do; a step ends the planner's.
  using teller = telling_planner::teller;
  using deed = std::function<std::optional<result<plan_step>>(const teller&)>;

  result<plan_step> work(const plan_view& view, const teller& tell) {
    for (;;) {
      std::unique_lock lock(mutex_);
      came_.wait(lock, [&] { return !deeds_.empty() || over_ || *view.cancelled; });
      if (over_ || *view.cancelled) {
        ++cancelled;
        return plan_step::give_up("cancelled");
      }
      const auto next = deeds_.front();
      deeds_.pop_front();
      lock.unlock();
      if (auto step = next(tell)) return std::move(*step);
    }
  }
  void tell(std::string words, bool replaces = false) {
    add([words = std::move(words),
         replaces](const teller& tell) -> std::optional<result<plan_step>> {
      tell({words, replaces});
      return std::nullopt;
    });
  }
  void end(result<plan_step> with) {
    add([with = std::move(with)](const teller&) { return std::optional(with); });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    came_.notify_all();
  }
  /// Wakes it up, so that it sees that nobody wants it.
  void look() { came_.notify_all(); }
  std::atomic<int> cancelled{0};

 private:
  void add(deed f) {
    const std::lock_guard lock(mutex_);
    deeds_.push_back(std::move(f));
    came_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<deed> deeds_;
  bool over_ = false;
};

/// An agent in real time whose planner answers tasks "N…" as puppet N is told.
struct stage {
  explicit stage(agent::config c = {},
                 tool_type tool = scripted_tool([](auto&, auto&) { return std::string("ok"); })) {
    auto types = tools_with(std::move(tool));
    add_telling_script(types, [this](const plan_view& v, const telling_planner::teller& tell) {
      ++working;
      auto step = puppets[static_cast<std::size_t>(v.task.task[0]) % 8].work(v, tell);
      --working;
      return step;
    });
    c.planner.use = "script";
    b = std::make_unique<bench>(std::move(types), std::move(c));
  }
  ~stage() {
    for (auto& p : puppets) p.let_go();
    if (b->agent) (void)b->agent->close(b->out);
    while (working > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void ask(std::uint64_t id, std::uint64_t supersedes = 0) {
    b->ask(request(id, std::to_string(id) + " task", supersedes));
  }
  void cancel(std::uint64_t id) {
    auto d = request(id);
    d.what = delegation::action::cancel;
    b->ask(d);
  }
  /// Waits until these words went out, and no others.
  void hear(const std::string& words) {
    const bool came = b->until([&] { return b->out.words.size() >= words.size(); });
    CHECK(came);
    CHECK(b->out.words == words);
  }
  puppet& operator[](std::size_t n) { return puppets[n]; }

  std::array<puppet, 8> puppets;  ///< '0' is a multiple of eight
  std::atomic<int> working{0};    ///< threads that are in one
  std::unique_ptr<bench> b;
};

inline agent::config in_words() {
  agent::config c;
  c.stream = "words";
  return c;
}

}  // namespace hocket::background::test
