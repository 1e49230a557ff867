#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/payload.hpp"

namespace hocket::interaction {

/// A token as it is said: the letter of a piece ("d" for `##d`), any other as it is; empty for the
/// mark `##` between two spelt words.
std::string spoken_form(const std::string& token);

/// Reads `<delegate> seven times eight <end>` out of a model's tokens, and keeps what both said.
///
/// Letter pieces are put together: `##r ##e ##x` is the word "rex". `<delegate> no seven times nine
/// <end>` is "seven times nine" instead of what was asked last, whether that was answered or not:
/// its result may be here and not said yet.
/// Threads: one at a time. Memory: the newest `transcript_words` words.
class delegation_reader {
 public:
  struct options {
    std::size_t transcript_words = 200;
    std::size_t task_words = 16;         ///< a longer task is closed by force
    std::int64_t task_micro_turns = 10;  ///< so is one that stays open
    bool supersede = false;              ///< a new request replaces the last one that is open
    std::string correction = "no";    ///< a task that begins so replaces the last one; empty: none
    std::uint64_t first_request = 1;  ///< they are numbered from here on
  };
  explicit delegation_reader(options o) : options_(o), next_request_(o.first_request) {}

  /// One token of micro-turn k. True if it is to be shown as said; control tokens and tasks are not.
  bool take_token(const std::string& token, std::int64_t k);
  void person_said(const std::string& word, std::int64_t k) { note("user", word, k); }
  /// A request was answered: a new one no longer replaces it.
  void answered(std::uint64_t request);
  /// At the end of micro-turn k: closes a task that stayed open too long.
  void end_turn(std::int64_t k);
  /// A delegation that is complete, once.
  std::optional<delegation> take_delegation();
  std::int64_t forced() const { return forced_; }  ///< tasks that were closed by force

 private:
  struct spoken {
    std::string who;
    std::string word;
    std::int64_t micro_turn;
  };
  void note(const char* who, const std::string& word, std::int64_t k);
  void add_to_task(const std::string& token);
  void finish(std::int64_t k);

  options options_;
  std::deque<spoken> transcript_;
  bool open_ = false;
  std::int64_t opened_at_ = 0;
  std::vector<std::string> task_;
  bool spelling_ = false;  ///< the last token of the task was a letter
  std::deque<delegation> ready_;
  std::uint64_t next_request_;
  std::uint64_t last_ = 0, unanswered_ = 0;
  std::int64_t forced_ = 0;
};

}  // namespace hocket::interaction
