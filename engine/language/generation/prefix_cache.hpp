// Beginnings of prompts that were read before, by any generation. No torch.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/language/network/model.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"

namespace hocket::language {

/// Keeps sequences that have read prompts, so that another prompt with the same beginning (the same
/// instructions and tools) goes on from there. Scores are the same bits either way.
///
/// *Memory*: at most `max_bytes` of keys and values, pages that kept sequences share counted once; what
/// was used longest ago goes first. One that is larger than all of it is not kept. *Threads*: any.
/// *Latency*: keys and values are shared, not copied.
class prefix_cache {
 public:
  explicit prefix_cache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  struct found {
    language_sequence sequence;
    std::size_t length;  ///< tokens of the prompt that it holds, all before the last
  };
  /// The kept sequence that shares the longest beginning with `prompt`, over `least` tokens, and can
  /// still go back to its end: where layers forget (windows, states), what lies close behind only.
  std::optional<found> find(const language_model& model, std::span<const token_id> prompt,
                            std::size_t least);
  /// Keeps what a sequence that has read `tokens` remembers. Kept ones that it begins with, and can go
  /// back to, go.
  void keep(const language_sequence& sequence, std::vector<token_id> tokens);

  std::size_t bytes() const;
  std::size_t size() const;

 private:
  struct entry {
    std::vector<token_id> tokens;
    language_sequence sequence;
  };
  using entries = std::list<entry>;
  entries::iterator drop(entries::iterator at);
  mutable std::mutex mutex_;
  std::size_t max_bytes_, bytes_ = 0;
  entries entries_;                             ///< what was used last comes first
  std::unordered_map<const void*, int> pages_;  ///< how many entries have each
};

}  // namespace hocket::language
