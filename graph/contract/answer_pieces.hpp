#pragma once

#include <functional>
#include <string_view>

#include "graph/contract/payload.hpp"
#include "graph/contract/planner.hpp"

namespace hocket {

/// Role of a word of a result that takes the place of all that was told of its request before; every other
/// word, of role "background", goes on from there.
inline constexpr std::string_view replacing_role = "background.anew";

/// Role of the first word of a failure notice: its request came to nothing, and what was told of it before
/// is void. The words up to the final one say so.
inline constexpr std::string_view failure_role = "background.failed";

/// Role of a text without words: its request ended, nothing more is said of it, and whoever asked need
/// not ask again. A request that its asker ended, by a cancellation or a correction, gets none.
inline constexpr std::string_view over_role = "background.over";

/// Role of a text without words: the person's app works on the request itself, and may answer it. Whoever
/// asked need not ask again.
inline constexpr std::string_view left_role = "background.left";

/// Whether a text is a word of a result.
inline bool is_result(std::string_view role) {
  return role == "background" || role == replacing_role || role == failure_role;
}

/// Whether what was told of the request before this word is void.
inline bool replaces(const text& word) {
  return word.role == replacing_role || word.role == failure_role;
}

/// A piece of a task's answer, while the rest of it is still made. The pieces of an answer, put together,
/// are its text.
struct answer_piece {
  std::string_view text;
  bool replaces = false;  ///< begins the answer anew: all pieces before it are void
};

/// A planner that tells its answers while it makes them.
class telling_planner : public planner {
 public:
  using teller = std::function<void(const answer_piece&)>;
  /// As planner::next. `tell` takes pieces of the answer before the whole is returned, on this thread. A
  /// step that calls tools may tell some, too; the answer after it then replaces them.
  virtual result<plan_step> next(const plan_view& view, const teller& tell) = 0;
  result<plan_step> next(const plan_view& view) final {
    return next(view, [](const answer_piece&) {});
  }
};

}  // namespace hocket
