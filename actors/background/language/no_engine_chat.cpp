// Without libtorch there is no model in this process.
#include "actors/background/language/chat.hpp"
#include "actors/background/language/served/served_chat.hpp"

namespace hocket::background {

result<std::shared_ptr<chat_backend>> open_engine_chat(const engine_settings& s) {
  return fail(
      "language.no_engine",
      s.path + ": this build has no engine; build with -DHOCKET_ENGINE=ON, or use an endpoint");
}

result<std::shared_ptr<chat_backend>> open_served_chat(served_settings, const std::string& words) {
  return fail("language.no_engine", words +
                                        ": this build has no tokenizer; build with "
                                        "-DHOCKET_ENGINE=ON, or use `openai`");
}

}  // namespace hocket::background
