#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/background/language/chat.hpp"

namespace hocket::background {

/// Puts the answer of an OpenAI-compatible endpoint together, whatever order and shape its pieces
/// have. Pure; memory: `limit_bytes` of text and arguments. `key` is what the endpoint was sent: a reply
/// that repeats it says `[key]` instead, in errors, and, where it has 8 bytes or more, in text and arguments.
class completion {
 public:
  explicit completion(std::string key = {}, std::size_t limit_bytes = 1 << 20)
      : key_(std::move(key)), limit_bytes_(limit_bytes) {}

  /// One event of the stream. Errors: language.bad_answer (no JSON, too long), language.refused (the
  /// endpoint's own error in mid-stream).
  result<void> event(std::string_view data);
  /// A whole answer that was not streamed. Errors: the same.
  result<void> whole(std::string_view body);
  /// What it came to. Errors: language.bad_answer where nothing came, or it broke off before its end.
  result<chat_reply> finish();

  /// Text that came since the last call, but for an end that may be the beginning of the key.
  std::string_view new_text();
  bool has_begun() const { return begun_; }  ///< a token of the answer came
  bool is_done() const { return done_; }

 private:
  struct part {
    std::string id, name, arguments;
    std::int64_t index = -1;
  };
  result<void> take(const json& choice, bool is_whole);
  result<void> take_call(const json& call, std::size_t position);
  result<void> grow(std::size_t by);

  std::string key_;
  std::size_t limit_bytes_, bytes_ = 0;
  std::string text_;
  std::size_t told_ = 0;  ///< bytes of it
  std::vector<part> calls_;
  std::int64_t tokens_ = 0;
  bool begun_ = false, done_ = false, finished_ = false;
};

/// The words of an endpoint's error, from JSON or plain text, without `key`; cleaned, at most 200 bytes.
std::string error_words(std::string_view body, std::string_view key);

/// `[key]` wherever `key` stands, from byte `from` on.
std::string without_key(std::string text, std::string_view key, std::size_t from = 0);

}  // namespace hocket::background
