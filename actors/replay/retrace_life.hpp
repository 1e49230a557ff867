#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "actors/record/call_line.hpp"
#include "graph/contract/component.hpp"
#include "graph/spec/plan.hpp"

/// What one instance of an actor sees while its calls are made again.
namespace hocket::replay {

/// Says in each call what the component was told then. It calls itself virtual: whoever needs real
/// time, such as a device, must not run here.
class retold_clock final : public clock {
 public:
  timestamp now() const override {
    if (std::this_thread::get_id() != caller_.load(std::memory_order_relaxed) ||
        next_ >= said_.size())
      return timestamp(last_ns_.load(std::memory_order_relaxed));
    const auto t = said_[next_++];
    last_ns_.store(t.ns(), std::memory_order_relaxed);
    return t;
  }
  bool is_virtual() const override { return true; }
  void begin_call(timestamp at, std::vector<timestamp> said) {
    caller_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    said_ = std::move(said);
    next_ = 0;
    last_ns_.store(at.ns(), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::thread::id> caller_{};  ///< threads of the component ask meanwhile
  std::vector<timestamp> said_;
  mutable std::size_t next_ = 0;
  mutable std::atomic<std::int64_t> last_ns_{0};
};

/// One output of one conversation.
struct retold_stream {
  std::uint64_t next_seq = 0;
  timestamp last_ts = timestamp::min();
  bool ended = false;
};

/// An instance. It outlives its component: threads of that may still ask for the time.
struct life {
  std::string actor;
  session_id session = session_id::none;
  std::size_t graph = 0;  ///< of the revisions, the first is 0
  actor_index index = 0;  ///< in the merged graph
  const plan_actor* planned = nullptr;
  retold_clock time;
  context surroundings;
  std::unique_ptr<component> part;
};

/// Where emitted packets go: numbered as the host numbers them.
class retold_streams {
 public:
  using sink = std::function<void(const life&, std::size_t port, packet)>;
  explicit retold_streams(sink to) : to_(std::move(to)) {}
  void emit(const life& who, const component_info& info, session_id session, std::size_t port,
            packet&& p, epoch_number epoch, timestamp at, const packet_header* from,
            const micro_turn_grid& grid);
  /// Numbers of an actor that was away begin anew.
  void forget(actor_index actor);

 private:
  sink to_;
  std::map<std::tuple<actor_index, std::size_t, session_id>, retold_stream> streams_;
};

/// The epochs that interruptions raised, in order, by actor and session: of two actors that interrupt
/// at once, who came first is not in their calls.
using raised_epochs = std::map<std::pair<std::string, session_id>, std::deque<epoch_number>>;

/// The emitter of one call.
class retold_emitter final : public emitter {
 public:
  struct call {
    const life* who = nullptr;
    const component_info* info = nullptr;
    session_id session = session_id::none;  ///< at hand
    epoch_number epoch = 0;
    timestamp at;
    const packet_header* from = nullptr;  ///< what it derives from
    std::span<const bundle> sets = {};
  };
  retold_emitter(retold_streams& streams, std::map<session_id, epoch_number>& epochs,
                 raised_epochs& raised, const std::vector<session_id>& sessions,
                 const micro_turn_grid& grid, call what)
      : streams_(streams),
        epochs_(epochs),
        told_(raised),
        sessions_(sessions),
        grid_(grid),
        call_(what) {}

  using emitter::emit;
  void emit(std::size_t port, packet p) override;
  void interrupt() override;
  void for_session(session_id session) override;

 private:
  retold_streams& streams_;
  std::map<session_id, epoch_number>& epochs_;
  raised_epochs& told_;
  const std::vector<session_id>& sessions_;
  const micro_turn_grid& grid_;
  call call_;
  std::map<session_id, epoch_number> raised_;
};

}  // namespace hocket::replay
