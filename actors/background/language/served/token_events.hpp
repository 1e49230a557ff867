// What inference servers say while they answer. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/background/language/served/token_session.hpp"

namespace hocket::background {

/// Puts an answer together from the events of a stream. SGLang tells all tokens each time, or new ones alone
/// (`--incremental-streaming-output`); which of both, its count of them says.
/// *Errors*: language.bad_answer: no JSON, no tokens, more than were asked for, counts that contradict
/// each other. *Memory*: `most` tokens.
class token_events {
 public:
  token_events(served_engine engine, std::int64_t most) : engine_(engine), most_(most) {}

  result<void> event(std::string_view data);

  const std::vector<std::int32_t>& tokens() const { return tokens_; }
  bool ended() const { return ended_; }
  /// The server gave the answer up: its words, and an HTTP status if it says one.
  bool given_up() const { return given_up_; }
  const std::string& words() const { return words_; }
  int status() const { return status_; }

 private:
  result<void> take(std::span<const std::int32_t> fresh);

  served_engine engine_;
  std::int64_t most_;
  std::vector<std::int32_t> tokens_;
  bool ended_ = false, given_up_ = false;
  int status_ = 0;
  std::string words_;
};

}  // namespace hocket::background
