#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "actors/policy/rules.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::policy {

/// A topic came up.
struct match {
  const topic* what = nullptr;
  std::string rule;  ///< "phrase 2", "together 1", "example 3": of the topic's lists, from 1
};

/// Follows the words of one voice and tells which topics they come to, each run of words once. A word that
/// is spelled counts as that word. Where an exception may still be completed, the next word is waited for,
/// `patience` at most.
/// Cost of a word: linear in the rules; memory: the last 256 words. Threads: one at a time.
class watch {
 public:
  static constexpr std::chrono::milliseconds patience{600};

  /// `all` has to outlive it.
  watch(const rules& all, bool with_minors);
  std::vector<match> hear(std::string_view words, timestamp at);
  /// What was waited for and did not come by now.
  std::vector<match> settle(timestamp now);
  /// The next words begin anew.
  void forget();

 private:
  struct word {
    folded_word is;
    timestamp at;
    std::int64_t letters = 0;  ///< spelled: so many
  };
  struct found {
    std::size_t topic = 0;
    std::string rule;
    std::vector<std::int64_t> at;  ///< indexes of its words, ascending
    timestamp until;
  };
  enum class standing { free, waits, excepted };

  void add(folded_word w, timestamp at);
  void look(std::vector<match>& out);
  std::vector<std::int64_t> phrase_at(std::int64_t gap, const std::vector<pattern_word>& p,
                                      std::size_t count, std::int64_t last,
                                      std::int64_t first) const;
  std::vector<std::int64_t> together_at(const topic& t, const std::vector<pattern_word>& p,
                                        std::int64_t first) const;
  std::vector<std::int64_t> example_at(const topic& t, const std::vector<pattern_word>& p,
                                       std::int64_t first) const;
  found find(std::size_t topic) const;
  standing standing_of(const found& f) const;
  bool is(const pattern_word& wanted, std::int64_t i) const;
  std::int64_t end() const { return begin_ + static_cast<std::int64_t>(words_.size()); }
  const word& at(std::int64_t i) const { return words_[static_cast<std::size_t>(i - begin_)]; }

  const rules* rules_;
  bool with_minors_;
  std::deque<word> words_;
  std::int64_t begin_ = 0;           ///< index of the oldest word
  std::vector<std::int64_t> taken_;  ///< by topic: words before it were told
  std::vector<found> waiting_;
};

}  // namespace hocket::policy
