#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::dialogue_rules {

/// Fixed phrases and what is answered to them; words as they are spoken, single blanks.
using reply_table = std::map<std::string, std::string>;

/// Lines `phrase = reply`; `#` begins a comment.
/// Errors: dialogue.bad_replies, with the line.
result<reply_table> read_replies(std::string_view text);

/// Something that a person wants.
struct request {
  enum class kind {
    sum,        ///< numbers: both operands; sign
    delegate,   ///< words: the task for the background; about: what the answer is about
    count,      ///< numbers: up to
    timer,      ///< numbers: period in seconds
    ping_once,  ///< numbers: delay in seconds
    reply,      ///< words: what to answer
    spell,      ///< words: the word
    translate,  ///< from now on
    cue,        ///< say yes at colours, from now on
    story_begin,
    story_end,
    start_clock,
    how_long,
    is_it_done,
    never_mind,
    stop,
  };
  kind what = kind::reply;
  std::vector<std::int64_t> numbers = {};
  char sign = '+';
  std::string words = {};
  std::string about = {};

  bool operator==(const request&) const = default;
};

/// What one utterance says.
struct understanding {
  enum class kind {
    nothing,      ///< no request that is known
    incomplete,   ///< the beginning of one: more will come
    bystander,    ///< said to somebody else
    backchannel,  ///< "uh huh": go on
    items,        ///< numbers or things, one after the other: see tokens
    requests,
  };
  kind what = kind::nothing;
  std::vector<request> requests = {};
  std::vector<std::string> tokens = {};  ///< words, numbers in digits
  bool corrects = false;                 ///< replaces the request before ("no nine")
};

/// Reads an utterance of the domain: whole requests, several joined by "and", the beginning of one,
/// and self-corrections ("what is seven times eight no nine"). `before`: tokens of the last request
/// that a correction may be about, or empty. A pure function.
understanding understand(std::string_view words, const reply_table& replies,
                         const std::vector<std::string>& before = {});

bool is_color(std::string_view word);
/// "siete" for 7; empty where it has no word.
std::string_view spanish(std::int64_t number);

}  // namespace hocket::dialogue_rules
