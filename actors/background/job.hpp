#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <optional>
#include <vector>

#include "actors/background/toolbox.hpp"
#include "graph/contract/answer_pieces.hpp"

namespace hocket::background {

/// How a task ended: the answer in words for the model, or why there is none.
struct job_end {
  outcome status = outcome::ok;
  std::string text;
  std::int64_t waited_ms = 0;  ///< for tools that used up their limits
};

/// A tool used up its time, and its answer is still wanted: what it says is late.
struct job_overdue {};

/// Calls that are made once the person has agreed; the task waits for job::decide.
struct job_consent {
  std::vector<tool_request> calls;
};

/// Whole words of the answer, while the rest of it is still made.
struct job_piece {
  std::string words;
  bool replaces = false;  ///< they begin the answer anew
};

/// What a task reports while it runs, in order; `job_end` is the last. Texts are clean UTF-8.
using job_event =
    std::variant<tool_call, tool_result, text, job_overdue, job_consent, job_piece, job_end>;
using job_report = std::function<void(job_event)>;

/// Threads that work for one agent. Outlives the agent while one of them still runs.
class thread_count {
 public:
  /// False where `limit` run already: too many never came back.
  bool enter(int limit);
  void leave();
  /// Waits until all have left; how many have not.
  int wait(std::chrono::milliseconds limit);

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  int count_ = 0;
};

/// One delegated task. Shared between the actor and the threads that work on it.
struct job {
  delegation task;
  std::shared_ptr<const tool_list> tools;  ///< fixed for the task
  std::atomic<bool> cancelled{false};
  std::mutex mutex;
  std::condition_variable changed;  ///< a call came back, or it was cancelled

  std::optional<bool> consent;  ///< the person's decision, once there is one

  void cancel();
  /// The person's answer to the newest job_consent.
  void decide(bool yes);
};

/// What all tasks of an agent share; outlives the agent while a thread still needs it.
struct job_setup {
  std::shared_ptr<planner> plan;
  const clock* time = nullptr;
  std::int64_t max_steps = 4;
  std::int64_t max_tokens = 0;  ///< 0: not limited
  bool deliver_late = false;    ///< a tool that used up its time may still answer
  int max_threads = 16;
  /// Whether a call of this tool needs the person's consent; none: no call does.
  std::function<bool(const std::string& tool)> needs_consent;
  std::shared_ptr<thread_count> threads = std::make_shared<thread_count>();
  std::atomic<std::uint64_t> next_call{1};
};

/// Works a task through: plan, calls, plan, … answer. Each call has a thread of its own and is left
/// behind when its limit ends. Exceptions of tools and planners become failed results.
/// Threads: any; `report` comes from this one, and progress of tools from theirs, also afterwards.
void work(const std::shared_ptr<job>& j, const std::shared_ptr<job_setup>& setup,
          const job_report& report);

}  // namespace hocket::background
