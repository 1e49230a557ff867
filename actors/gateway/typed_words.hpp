#pragma once

#include <string>
#include <utility>

#include "actors/gateway/protocol.hpp"

namespace hocket::gateway {

/// Texts that a client puts into the conversation, where the protocol has an event of its own for "answer now".
///
/// The model answers what is typed to it at once. So the person's words wait until an answer is wanted; what
/// something else follows, or somebody speaks after, was said before: the background may read it, and nobody
/// answers it.
class typed_words {
 public:
  /// `role` as in `hear_text`.
  void add(std::string role, std::string words, output& out) {
    pass_by(out);
    if (role == "user")
      asked_ = std::move(words);
    else
      out.add(hear_text{std::move(role), std::move(words)});
  }
  /// The client wants an answer.
  void ask(output& out) {
    if (!asked_.empty()) out.add(hear_text{"user", std::exchange(asked_, {})});
  }
  /// The conversation goes on without one.
  void pass_by(output& out) {
    if (!asked_.empty()) out.add(hear_text{"history", std::exchange(asked_, {})});
  }

 private:
  std::string asked_;
};

}  // namespace hocket::gateway
