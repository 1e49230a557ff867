#pragma once

#include <functional>
#include <string_view>

#include "graph/contract/payload.hpp"
#include "graph/contract/planner.hpp"

namespace hocket {

/// Role of a word of a result that takes the place of all that was told of its request before; every other
/// word, of role "background", goes on from there.
inline constexpr std::string_view replacing_role = "background.anew";

/// Whether a text is a word of a result.
inline bool is_result(std::string_view role) {
  return role == "background" || role == replacing_role;
}

/// Whether what was told of the request before this word is void.
inline bool replaces(const text& word) { return word.role == replacing_role; }

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
