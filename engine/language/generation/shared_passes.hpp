// Passes over a model that several answers share while they come (continuous batching). No torch.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "engine/language/network/model.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// Who reads tokens asks here; whoever comes while a pass is under way goes into the next one together
/// with all others that wait. So weights are read once for several answers, an answer that begins joins
/// those that are being given, and nobody waits for the end of another's. One of those who ask does the
/// work of a pass: there is no thread but theirs and the helpers'.
///
/// Scores are the same bits as alone (language_sequence).
/// *Threads*: any; each waits for its own scores. *Latency*: a pass takes tokens of those who speak first,
/// guesses among them, then parts of prompts, at least one, while it has at most `most_rows` rows: a long
/// prompt does not hold up those who speak. Who read in one of the last passes is waited for until a fifth of the last one's time is
/// over.
class shared_passes {
 public:
  /// `threads`: so many share the products of a pass.
  explicit shared_passes(std::shared_ptr<const language_model> model, int threads = 1);
  ~shared_passes();

  /// What a part is read for: somebody's prompt, or an answer that somebody hears.
  enum class part_of { prompt, answer };

  /// Someone whose parts follow each other: an answer. *Threads*: one at a time.
  class seat {
   public:
    explicit seat(std::shared_ptr<shared_passes> passes);
    ~seat();
    seat(const seat&) = delete;
    seat& operator=(const seat&) = delete;

    /// Reads one part; see read_batch. `stop` is looked at before the pass, and between layers where
    /// the part is alone in it. *Errors*: those of read_batch; language.engine where a pass could not
    /// be put together (no memory).
    result<std::vector<float>> read(const reading& part, const std::stop_token& stop = {},
                                    part_of of = part_of::prompt);

   private:
    friend class shared_passes;
    std::shared_ptr<shared_passes> passes_;
    std::int64_t last_pass_ = -10;
  };

  struct counts {
    std::int64_t passes = 0, parts = 0;  ///< parts over passes: how many shared one
    std::int64_t waiting = 0;            ///< parts that no pass has taken yet
  };
  counts so_far() const;
  const language_model& model() const { return *model_; }

  static constexpr std::int64_t most_rows = 64;

 private:
  struct request;
  void lead(std::unique_lock<std::mutex>& lock, request& own);
  bool all_are_here() const;
  std::vector<request*> choose();
  std::vector<result<std::vector<float>>> carry_out(const std::vector<request*>& chosen) const;

  std::shared_ptr<const language_model> model_;
  std::shared_ptr<engine::work_pool> helpers_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<request*> waiting_;
  std::list<const seat*> seats_;
  bool under_way_ = false;
  std::int64_t last_pass_us_ = 0;
  counts counts_;
};

}  // namespace hocket::language
