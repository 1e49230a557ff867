#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/gateway/tinker/engine/served_model.hpp"
#include "actors/gateway/tinker/wire/messages.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::tinker {

/// What is sampled through. Immutable.
struct held_adapter {
  lora::adapter_handle here;  ///< null: it is read through on another host, from
  lora::adapter_files files;  ///< these
  std::string sha256;         ///< of both files
};
using adapter_ptr = std::shared_ptr<const held_adapter>;

/// What is sampled from: immutable, so it stays what it was while training goes on.
struct sampling_source {
  std::shared_ptr<const served_model> base;
  adapter_ptr adapter;              ///< null: the base model
  std::string weights_sha256 = {};  ///< of a checkpoint's
};

struct sample_job {
  std::string owner;
  sampling_source from;
  sample_request ask;
  std::function<bool()> is_cancelled;
  std::function<void()> begins;  ///< may be null; under the hall's mutex: it has got its room
  std::function<void(result<sample_answer>)> done;  ///< on the sampler's thread, once
};

/// *Errors* (`tinker.bad_request`): a token outside the vocabulary, more than the context holds.
result<void> check(const sample_job& job);

/// Samples for everybody at once: a step is one pass over the model with a token of every sequence,
/// whatever adapter it reads through, and parts of the prompts, which share its room evenly. Owners take
/// turns. What a request gets depends on itself only.
/// *Threads*: one of its own; `submit` from any.
class sampling_hall {
 public:
  struct limits {
    std::size_t sequences = 64;     ///< at once
    std::size_t prompt_rows = 128;  ///< tokens of prompts in a step
  };
  explicit sampling_hall(const limits& l);
  sampling_hall() : sampling_hall(limits{}) {}
  ~sampling_hall();  ///< jobs that are not done end with tinker.stopped

  /// The job has passed `check`.
  void submit(sample_job job);
  /// Jobs of an owner that nobody has begun.
  std::size_t queued(const std::string& owner) const;

 private:
  struct running;
  /// What somebody reads in a step: a part of a prompt, or (`line`) the token that was drawn.
  struct part;
  using problems = std::map<running*, error>;
  void work();
  bool admit();
  void step(engine::work_pool& helpers);
  void add_prompts(std::map<const served_model*, std::vector<part>>& parts,
                   const problems& ended) const;
  static void read(std::vector<part>& parts, engine::work_pool& helpers, problems& ended);
  void end(const problems& ended);

  const limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, std::deque<sample_job>> queues_;  ///< by owner
  std::string last_owner_;
  bool stopping_ = false;
  std::list<std::unique_ptr<running>> running_;  ///< of the thread alone
  std::thread thread_;
};

}  // namespace hocket::tinker
