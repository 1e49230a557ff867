#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hocket::remote {

/// What a server heard, from pieces of any size to whole words: who reads words (a policy, the page) finds
/// none in "expl" and "osives". A word is whole where a blank follows it, where the server says that it is
/// final, or once nothing more came for 400 ms. All calls return words that became whole, "" where none did.
class heard_words {
 public:
  std::string add(std::string_view piece, bool is_final, std::int64_t now_ms);
  /// What waits, though a blank did not follow it.
  std::string rest() { return first(waits_.size()); }
  /// What waits, if nothing more came for a while.
  std::string settled(std::int64_t now_ms);

 private:
  std::string first(std::size_t bytes);

  std::string waits_;
  std::int64_t came_at_ms_ = 0;
};

}  // namespace hocket::remote
