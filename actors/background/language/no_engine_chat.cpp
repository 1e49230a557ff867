// Without libtorch there is no model in this process.
#include "actors/background/language/chat.hpp"

namespace hocket::background {

result<std::shared_ptr<chat_backend>> open_engine_chat(const engine_settings& s) {
  return fail(
      "language.no_engine",
      s.path + ": this build has no engine; build with -DHOCKET_ENGINE=ON, or use an endpoint");
}

}  // namespace hocket::background
