// Requests to the tiny random model of engine/language/generation: what it says means nothing, and is
// always the same.
#pragma once

#include <memory>
#include <string>

#include "actors/background/language/chat.hpp"
#include "engine/language/generation/chat_fixture.test.hpp"

namespace hocket::background::test {

inline chat_request asking(const std::string& what) {
  chat_request r;
  r.messages = json::array({language::fixture::user(what)});
  r.tools = json::array();
  r.max_tokens = 24;
  return r;
}

inline std::shared_ptr<chat_backend> opened(const language::fixture::checkpoint& files,
                                            std::int64_t threads = 1,
                                            std::size_t prefix_bytes = 1'000'000) {
  auto chat = open_engine_chat({files.folder.string(), threads, prefix_bytes});
  REQUIRE_MESSAGE(chat, chat.error().message);
  return *chat;
}

}  // namespace hocket::background::test
