#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "actors/gateway/tinker/futures.hpp"
#include "actors/gateway/tinker/engine/engine.hpp"

namespace hocket::tinker {

/// A model in training. Its trainer is touched by the thread that has its turn only.
struct training_run {
  std::string id, owner, session;
  std::shared_ptr<const served_model> base;
  std::string base_name;  ///< as the client named it
  lora::lora_parts parts;
  std::int64_t rank = 0;
  std::unique_ptr<model_trainer> trainer;  ///< null: not made yet, failed or unloaded
  std::string problem;                     ///< why there is none
  /// The checkpoint that it was loaded from, and the newest one that was saved of it; empty: none. An
  /// incident of either concerns what is made of it without a name. As the trainer: of whose turn it is.
  std::string loaded, saved;
};

/// A pass over a model's sequences.
struct pass_work {
  lora::loss_config loss;
  std::span<const lora::training_datum> data;  ///< of what `answer` holds
  bool forward_only = false;
  /// Asked when its turn comes: why it is not to run.
  std::function<std::optional<outcome>(const training_run&)> refuses;
  std::function<outcome(result<lora::pass_result>)> answer;
};

/// Runs the operations of all models: those of one model strictly in the order of their numbers,
/// models of different owners in turns. Passes of several models over the same base, whoever owns them,
/// go into one where they fit (lora::joint_passes); the other operations do not wait for passes of other
/// models. An operation that came before is never run again: who sends it once more gets the same
/// request.
/// *Threads*: `passes` and one for the other operations; all functions from any.
class training_hall {
 public:
  using operation = std::function<outcome(training_run&)>;
  struct limits {
    int passes = 1;                          ///< at the same time, each with the sequences of many
    std::chrono::milliseconds window{2};     ///< a pass waits for others that may join it
    std::chrono::milliseconds gap{300'000};  ///< for a number that never comes
  };
  /// `engine` outlives the hall.
  training_hall(future_table& futures, training_engine& engine, const limits& l);
  ~training_hall();

  /// Operation 0 makes its trainer. Gives the request's id; that of before where the run is known
  /// already. *Errors*: tinker.busy (the owner has too many requests), tinker.not_found (another
  /// owner has a run of this name).
  result<std::string> start(training_run run, operation make);
  /// *Errors*: tinker.not_found (no such run of this owner), tinker.busy, tinker.bad_request.
  result<std::string> submit(const std::string& run, const std::string& owner, std::int64_t number,
                             operation what);
  result<std::string> submit(const std::string& run, const std::string& owner, std::int64_t number,
                             pass_work what);
  /// After all that was sent: the run ends and its memory is free.
  result<std::string> unload(const std::string& run, const std::string& owner, operation last);
  /// What does not change of a run, for those who may know. `trainer` is null.
  std::optional<training_run> find(const std::string& run, const std::string& owner) const;
  /// Whether that operation came already, or cannot come any more.
  bool knows(const std::string& run, const std::string& owner, std::int64_t number) const;
  /// Runs of an owner that hold memory, or are about to; not those that failed.
  std::size_t loaded(const std::string& owner) const;
  /// What a request of a run waits for. Of others it says no more than that there are some.
  queue_note waits_for(const std::string& run, const std::string& request) const;
  /// Ends runs of a session that is over, once they have nothing to do.
  void end_session(const std::string& session);
  /// Operations whose predecessor never came fail.
  void sweep(future_table::clock::time_point now);

 private:
  enum class kind : std::uint8_t { pass, other };
  struct pending {
    std::string request;
    operation what;  ///< null: a pass
    std::shared_ptr<const pass_work> pass;
    future_table::clock::time_point since;
  };
  struct queue {
    training_run run;
    std::int64_t next = 0;
    bool is_busy = false, ends = false;
    std::map<std::int64_t, pending> waiting;
    std::map<std::int64_t, std::string> requests;  ///< of every number that came
    std::optional<pending> last;
    bool is_ready() const {
      return !is_busy &&
             ((!waiting.empty() && waiting.begin()->first <= next) || (waiting.empty() && last));
    }
    bool is_ready(kind k) const {
      return is_ready() &&
             (k == kind::pass) == (!waiting.empty() && waiting.begin()->second.pass != nullptr);
    }
  };
  struct turn {
    std::string owner, run;
  };
  result<std::string> enqueue(const std::string& run, const std::string& owner, std::int64_t number,
                              pending what);
  void work_on_passes();
  void work_on_others();
  /// Takes what waits, and for `window` what may come.
  void gather(std::unique_lock<std::mutex>& lock, pass_worker& joint);
  void begin_pass(std::unique_lock<std::mutex>& lock, queue& q, pass_worker& joint);
  /// `beside`: not of those who have as much in there as one owner may.
  queue* next_ready(kind k, const turn& last, const pass_worker* beside = nullptr);
  /// Its next operation, which is taken out.
  pending take(queue& q, bool& is_last);
  void end_turn(queue& q, const std::string& request, bool is_last, outcome o);

  future_table& futures_;
  training_engine& engine_;
  const limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, std::unique_ptr<queue>> queues_;  ///< by run
  turn last_pass_, last_other_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hocket::tinker
