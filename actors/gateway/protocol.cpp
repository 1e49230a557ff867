#include "actors/gateway/protocol.hpp"

#include <fmt/format.h>

namespace hocket::gateway {

std::string lack_in_words(const model_state& m) {
  return fmt::format(
      "what answers is gone for the moment: the conversation waits for it, for at most {} s",
      m.ends_in_ms / 1000);
}

}  // namespace hocket::gateway
