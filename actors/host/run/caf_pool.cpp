#include "actors/host/run/caf_pool.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/logger.hpp>
#include <caf/send.hpp>
#include <caf/spawn_options.hpp>

#include "actors/host/actor/actor_cell.hpp"
#include "graph/spec/process.hpp"

namespace hocket::host {
namespace {

using wake_atom = caf::atom_constant<caf::atom("wake")>;
using quit_atom = caf::atom_constant<caf::atom("quit")>;

/// One cell that the current thread runs when its turn is over: a hand-over without a message.
struct next_slot {
  std::mutex mutex;
  std::shared_ptr<actor_cell> next;
  std::shared_ptr<actor_cell>
      turn_of;  ///< the cell whose CAF actor the thread is in; other cells run in the same turn
  bool put(actor_cell& c) {
    std::lock_guard lock(mutex);
    if (next) return false;
    next = c.shared_from_this();
    return true;
  }
  std::shared_ptr<actor_cell> take() {
    std::lock_guard lock(mutex);
    return std::move(next);
  }
};

/// What the pool knows about a cell.
struct executor_slot {
  std::mutex mutex;
  caf::actor who;
  std::uint64_t generation = 0;  ///< of `who`: messages to an earlier one are void
  bool pending = false;          ///< a wake-up is on its way to `who`
  bool own_thread = false;
  std::shared_ptr<next_slot> runs_on;  ///< of the pool thread that runs it, or ran it last

  bool begin(std::uint64_t of) {
    std::lock_guard lock(mutex);
    if (of != generation) return false;
    pending = false;
    return true;
  }
};

executor_slot& slot_of(actor_cell& c) { return *static_cast<executor_slot*>(c.slot.get()); }

thread_local std::shared_ptr<next_slot> this_thread;
thread_local bool in_turn = false;

/// Outlives the pool where a hung thread is left behind: CAF would wait for it for ever.
struct caf_base {
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
};

// Kept reachable, so that a leak checker knows it for what it is.
void leave(std::unique_ptr<caf_base> base) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::unique_ptr<caf_base>>;
  std::lock_guard lock(mutex);
  kept.push_back(std::move(base));
}

class caf_pool final : public executor, public std::enable_shared_from_this<caf_pool> {
 public:
  explicit caf_pool(int threads) {
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    // One worker more than asked for: a hung call that is not declared as blocking takes one.
    workers_ = std::max(threads > 0 ? threads : cores, 1) + 1;
    base_ = std::make_unique<caf_base>();
    base_->config.set("scheduler.policy", caf::atom("sharing"));
    base_->config.set("scheduler.max-threads", static_cast<std::size_t>(workers_));
    base_->system = std::make_unique<caf::actor_system>(base_->config);
  }

  void attach(actor_cell& c) override {
    auto s = std::make_shared<executor_slot>();
    s->own_thread = c.id().info.blocking || hocket::spec::process_of(c.spec()) != nullptr;
    s->who = spawn(c, s->own_thread, 0);
    c.slot = s;
    std::lock_guard lock(mutex_);
    std::erase_if(slots_, [](const auto& weak) { return weak.expired(); });
    slots_.push_back(s);
  }

  void detach(actor_cell& c) override { release_slot(slot_of(c)); }

  void post(actor_cell& c) override {
    if (in_turn && !slot_of(c).own_thread && this_thread->put(c)) return;
    send(c);
  }

  void post_again(actor_cell& c) override { send(c); }

  void flush() override {
    if (!in_turn) return;
    if (auto c = this_thread->take()) send(*c);
  }

  void write_off(actor_cell& c) override {
    auto& s = slot_of(c);
    std::shared_ptr<next_slot> held;
    {
      std::lock_guard lock(s.mutex);
      if (!s.who) return;
      left_behind_.store(true);
      if (!s.own_thread) lost_.fetch_add(1);
      held = std::move(s.runs_on);
      replace(c, s, true);
    }
    if (!held) return;
    std::shared_ptr<actor_cell> waiting, turn_of;
    {
      std::lock_guard lock(held->mutex);
      waiting = std::move(held->next);
      turn_of = std::move(held->turn_of);
    }
    if (waiting) send(*waiting);
    if (!turn_of || turn_of.get() == &c) return;
    // The actor that had the turn cannot be woken any more: its cell gets another one.
    auto& h = slot_of(*turn_of);
    std::lock_guard lock(h.mutex);
    if (h.who) replace(*turn_of, h, h.own_thread);
  }

  void stop() override {
    std::vector<std::shared_ptr<executor_slot>> all;
    {
      std::lock_guard lock(mutex_);
      for (auto& weak : slots_)
        if (auto s = weak.lock()) all.push_back(std::move(s));
      slots_.clear();
    }
    for (auto& s : all) release_slot(*s);
    if (left_behind_.load())
      leave(std::move(base_));
    else
      base_.reset();
  }

 private:
  static void release_slot(executor_slot& s) {
    std::lock_guard lock(s.mutex);
    if (s.who) caf::anon_send(s.who, quit_atom::value);
    s.who = nullptr;
  }

  void send(actor_cell& c) {
    auto& s = slot_of(c);
    std::lock_guard lock(s.mutex);
    if (!s.who) return;
    if (!s.own_thread && lost_.load(std::memory_order_relaxed) >= workers_ - 1) {
      // Too few workers are left: from now on each cell brings a thread.
      replace(c, s, true);
    }
    s.pending = true;
    caf::anon_send(s.who, wake_atom::value);
  }

  // A new CAF actor for a cell; a wake-up that the old one has not seen goes to it. Mutex held.
  void replace(actor_cell& c, executor_slot& s, bool own_thread) {
    caf::anon_send(s.who, quit_atom::value);
    ++s.generation;
    s.own_thread = own_thread;
    s.who = spawn(c, own_thread, s.generation);
    if (s.pending) caf::anon_send(s.who, wake_atom::value);
  }

  caf::actor spawn(actor_cell& c, bool own_thread, std::uint64_t generation) {
    auto body = [own_thread, generation](caf::event_based_actor* self,
                                         std::shared_ptr<actor_cell> mine) {
      return caf::behavior{
          [mine, own_thread, generation](wake_atom) {
            if (!slot_of(*mine).begin(generation)) return;
            if (own_thread)
              mine->run();
            else
              turn(mine);
          },
          [self](quit_atom) { self->quit(); },
      };
    };
    auto who = own_thread ? base_->system->spawn<caf::detached>(body, c.shared_from_this())
                          : base_->system->spawn(body, c.shared_from_this());
    // CAF 0.17: spawning leaves the system's logger with this thread, and the system's end waits
    // until every thread has let it go. Ours may live longer, or wait for that end.
    if (!in_turn) caf::logger::set_current_actor_system(nullptr);
    return who;
  }

  static void enter(actor_cell& c) {
    auto& s = slot_of(c);
    std::lock_guard lock(s.mutex);
    if (s.runs_on != this_thread) s.runs_on = this_thread;
  }

  // Runs a cell, then the one that it woke, then the one that this woke, without a message in
  // between.
  static void turn(const std::shared_ptr<actor_cell>& first) {
    if (!this_thread) this_thread = std::make_shared<next_slot>();
    in_turn = true;
    {
      std::lock_guard lock(this_thread->mutex);
      this_thread->turn_of = first;
    }
    enter(*first);
    first->run();
    for (int chain = 0; chain < 256; ++chain) {
      auto next = this_thread->take();
      if (!next) break;
      enter(*next);
      next->run();
    }
    in_turn = false;
    auto next = this_thread->take();
    {
      std::lock_guard lock(this_thread->mutex);
      this_thread->turn_of = nullptr;
    }
    if (next) next->repost();
  }

  std::unique_ptr<caf_base> base_;
  int workers_ = 0;
  std::atomic<int> lost_{0};
  std::atomic<bool> left_behind_{false};
  std::mutex mutex_;
  std::vector<std::weak_ptr<executor_slot>> slots_;
};

}  // namespace

std::shared_ptr<executor> make_caf_pool(int threads) { return std::make_shared<caf_pool>(threads); }

}  // namespace hocket::host
