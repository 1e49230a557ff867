// What a model says, taken apart while it comes: text, reasoning, tool calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/language/calls/call_format.hpp"

namespace hocket::language {

/// A part of an answer.
struct answer_part {
  enum class kind {
    text,       ///< for the person
    reasoning,  ///< between `<think>` and `</think>`, or of GPT-OSS' analysis channel
    call,       ///< a whole call: `name`, and `text` is its arguments, a JSON object
    broken,     ///< what began as a call and is none: `text` is what was said
  } what = kind::text;
  std::string name, text;
};

/// Reads one answer. Text that may yet become a mark is held back, nothing else is.
///
/// *Memory*: at most `max_call_bytes` of a call; a longer one is `broken`. *Threads*: one.
class answer_reader {
 public:
  /// `reasoning`: the prompt ended with `<think>` already.
  explicit answer_reader(const call_format& format, bool reasoning = false);
  /// Text and the names of control tokens (answer_piece::markup), as they come.
  std::vector<answer_part> push(std::string_view text);
  /// The rest, at the end of the answer.
  std::vector<answer_part> finish();

  static constexpr std::size_t max_call_bytes = 256u << 10;

 private:
  enum class where { text, reasoning, call };
  void say(std::vector<answer_part>& out, std::string text);
  void end_call(std::vector<answer_part>& out, std::string body) const;
  bool advance(std::vector<answer_part>& out, bool last);
  bool advance_call(std::vector<answer_part>& out, bool last);
  std::vector<std::string> marks() const;

  const call_format& format_;
  where where_;
  bool at_start_ = true;  ///< nothing but blanks has come: `{` may begin a call
  std::string held_;
};

}  // namespace hocket::language
