// Requests to a worker (a trainer, a sampler) that may be on another host, each done once. Pure: time and
// packets are handed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "actors/gateway/tinker/engine/pieces.hpp"
#include "actors/gateway/tinker/engine/work_messages.hpp"

namespace hocket::tinker {

/// The server's end of a link to one worker.
///
/// Every second the worker is asked who it is and what it works on. A request that it should have and does
/// not is sent again; the worker does nothing twice (request_desk). Another life of the worker knows none of
/// the models: what was asked of the one before ends with tinker.model_lost, or, where it needs no model, is
/// sent once more. Who is silent for `gone_after` ends all that waits (tinker.unreachable, and
/// tinker.model_lost for what it may have done). At most `window` requests are out; owners take turns.
/// *Threads*: any; callbacks run on the thread that caused them, without locks, `send` under a lock: it only
/// hands over.
class request_link {
 public:
  using clock = std::chrono::steady_clock;
  struct settings {
    std::string what = "the worker";  ///< for messages: "the trainer"
    std::size_t window = 64;
    std::chrono::milliseconds gone_after{30'000}, hello_every{1'000};
  };
  struct request {
    std::string owner, work;  ///< packed
    /// It needs nothing of before: another life of the worker can do it as well.
    bool needs_no_model = false;
    /// It is asked once the worker is back, however long that takes.
    bool outlasts_silence = false;
    bool is_first = false;                          ///< before what waits of its owner
    std::function<void(result<std::string>)> done;  ///< once, with the packed result
    std::function<void()> begins = {};              ///< may be null: it is on its way
    std::function<bool()> is_cancelled = {};        ///< may be null
  };
  /// Why a worker is not the right one; nothing: it is. tinker.unreachable: that cannot be told yet, and it is
  /// taken for one that says nothing.
  using judge = std::function<std::optional<error>(const worker_identity&)>;

  request_link(settings s, std::function<void(std::string piece)> send, judge judges,
               std::function<void(std::string)> tell, clock::time_point now);

  void submit(request r);
  /// True: it ended a message.
  bool arrived(std::string_view piece, clock::time_point now);
  /// A few times a second.
  void tick(clock::time_point now);
  /// All that waits ends (tinker.stopped), and all that comes.
  void stop();
  /// Requests of an owner that are not on their way.
  std::size_t queued(const std::string& owner) const;
  /// Messages that were none.
  std::int64_t bad() const;

 private:
  struct sent {
    request what;
    std::uint64_t hello;  ///< the newest before it
    bool is_second = false, cancel_sent = false;
  };
  using ends = std::deque<std::pair<request, result<std::string>>>;
  using begun = std::deque<std::function<void()>>;
  void dispatch(ends& over, begun& now_begun);
  void send(std::uint64_t number, std::variant<hello, cancel, std::string> what, ends* over);
  void is_ready(const from_worker& m, const ready& r, clock::time_point now, ends& over);
  void another_life(ends& over);
  void finish(ends&& over, begun&& now_begun = {});
  tl::unexpected<error> out_of_reach() const;
  bool may_send() const { return !worker_.empty() && !refused_; }

  const settings settings_;
  const std::function<void(std::string)> send_;
  const judge judges_;
  const std::function<void(std::string)> tell_;
  const std::string server_;  ///< this life of ours

  mutable std::mutex mutex_;
  assembler assembler_;
  std::string worker_;  ///< its life; empty: it has not answered yet, or is silent
  std::optional<error> refused_;
  std::string not_judged_;  ///< why it cannot be judged yet
  clock::time_point heard_, asked_, ticked_;
  std::uint64_t hello_ = 0, number_ = 0, message_;
  std::map<std::string, std::deque<request>> waiting_;  ///< by owner
  std::string last_owner_;
  std::map<std::uint64_t, sent> sent_;
  bool stopped_ = false;
  std::int64_t bad_ = 0;
};

}  // namespace hocket::tinker
