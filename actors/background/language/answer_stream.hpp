#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hocket::background {

/// What of a model's text can be told while it is written: no reasoning, nothing that may become a
/// call, no markup. What is held back is in the whole answer, which comes at its end.
class answer_stream {
 public:
  explicit answer_stream(std::function<void(std::string_view)> tell) : tell_(std::move(tell)) {}
  void push(std::string_view piece);

 private:
  enum class where { start, reasoning, text, held };
  bool advance();

  std::function<void(std::string_view)> tell_;
  where where_ = where::start;
  std::string read_;  ///< and not told yet
};

/// A text without what a model thinks aloud before it (`<think>…</think>`); of one that never ended
/// nothing is left.
std::string without_reasoning(const std::string& text);

/// A text without the marks of Markdown.
std::string without_marks(std::string_view text);

}  // namespace hocket::background
