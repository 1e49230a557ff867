#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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
/// is spelled counts as that word when its last letter was followed by another word, or by a second. Where an exception may still be completed, the next word is waited for,
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
  using places = std::vector<std::int64_t>;  ///< indexes of words, ascending
  struct found {
    std::size_t topic = 0;
    std::string rule;
    places at;
    timestamp until;
  };
  enum class standing { free, waits, excepted };
  static constexpr std::size_t any_topic = SIZE_MAX;  ///< words that were told count as well

  bool takes_letter(const folded_word& w, timestamp at);
  void close_run(std::vector<match>& out);
  void look(std::vector<match>& out);
  bool decides(found f, std::vector<match>& out);
  places phrase_at(std::size_t topic, const std::vector<pattern_word>& p, std::size_t count,
                   std::int64_t last) const;
  /// Whether the newest word is one of these.
  bool brings(std::size_t topic, const std::vector<pattern_word>& p) const;
  places together_at(std::size_t topic, const std::vector<pattern_word>& p) const;
  places example_at(std::size_t topic, const std::vector<pattern_word>& p) const;
  /// The words that a phrase's letters are spread over, up to the newest one.
  places parted_at(std::size_t topic, const std::vector<pattern_word>& p) const;
  bool is_spelled(const std::array<std::string, 2>& whole) const;
  found find(std::size_t topic) const;
  /// Where it is excepted also the words of the exception.
  std::pair<standing, places> standing_of(const found& f) const;
  bool is(std::size_t topic, const pattern_word& wanted, std::int64_t i) const;
  bool is_hidden(std::size_t topic, const pattern_word& wanted, std::int64_t i) const;
  std::int64_t end() const { return begin_ + static_cast<std::int64_t>(words_.size()); }
  const word& at(std::int64_t i) const { return words_[static_cast<std::size_t>(i - begin_)]; }

  const rules* rules_;
  bool with_minors_;
  std::deque<word> words_;
  std::int64_t begin_ = 0;  ///< index of the oldest word
  bool is_run_ = false;     ///< the newest word is being spelled
  struct played_out {
    std::int64_t before = 0;      ///< words before it were told
    std::set<std::int64_t> free;  ///< words of exceptions
  };
  std::vector<played_out> out_;  ///< by topic
  std::vector<found> waiting_;
};

}  // namespace hocket::policy
