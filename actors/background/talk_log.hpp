#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "graph/contract/answer_pieces.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::background {

/// A conversation as a background task should know it: both voices with times, what was asked and
/// told, and how far the model's words have sounded.
///
/// Memory: the newest `most_turns` turns and requests; older ones are only counted.
class talk_log {
 public:
  /// A word of either voice; the model's has the time at which it sounds.
  void word(bool by_model, timestamp at, std::string_view text);
  /// The playout has played up to here.
  void played(timestamp until) { played_ = until; }
  void asked(std::uint64_t request, timestamp at, std::string_view task);
  /// A word of a result that went to the model.
  void told(const hocket::text& word, timestamp at);
  void ended(std::uint64_t request);
  /// Whether anything was heard of the voices.
  bool knows_voices() const { return !turns_.empty(); }

  /// Lines, oldest first, at most `limit` bytes: `0:01 user: …`, `0:04 model: …`, then what is being
  /// said now, what of it did not sound yet, what was told, and what is pending. Where it does not fit,
  /// the oldest turns become one line with the requests and results among them; then those go.
  std::string text(timestamp now, std::size_t limit) const;

 private:
  struct turn {
    bool by_model;
    timestamp from, last;
    std::string words;
  };
  struct errand {
    timestamp at;
    std::string task, result;
    bool told = false, over = false;
  };
  static std::string line_of(const turn& t);
  std::string summary(std::size_t turns_left_out) const;
  std::string state_of(timestamp now) const;

  static constexpr std::size_t most_turns = 200, most_errands = 50;
  struct said_word {
    timestamp at;
    std::string text;
  };
  std::deque<turn> turns_;
  std::deque<said_word> newest_;  ///< of the model; those that may not have sounded yet
  std::map<std::uint64_t, errand> errands_;
  std::optional<timestamp> played_;
  std::size_t forgotten_ = 0;
};

}  // namespace hocket::background
