// Several requests at once to one model.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "actors/background/language/tiny_chat.test.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;
using hocket::language::fixture::checkpoint;

namespace {

const std::vector<std::string> questions = {"one", "two and two", "three words or so", "four"};

std::vector<std::string> one_by_one(chat_backend& chat) {
  std::vector<std::string> out;
  for (const auto& q : questions) out.push_back(chat.ask(asking(q)).value().text);
  return out;
}

}  // namespace

TEST_CASE("engine_chat: requests at once are answered as one by one, in one chat or in several") {
  const checkpoint files;
  const auto expected = one_by_one(*opened(files));
  CHECK(expected[0] != expected[1]);
  for (const bool one_chat : {true, false})
    for (const std::size_t prefix_bytes : {1'000'000, 0}) {
      CAPTURE(one_chat);
      CAPTURE(prefix_bytes);
      std::vector<std::shared_ptr<chat_backend>> chats;
      for (std::size_t i = 0; i < questions.size(); ++i)
        chats.push_back(one_chat && i > 0 ? chats[0] : opened(files, 2, prefix_bytes));
      std::vector<std::string> said(questions.size());
      std::vector<std::thread> people;
      for (std::size_t i = 0; i < questions.size(); ++i)
        people.emplace_back([&, i] {
          for (int again = 0; again < 3; ++again) {
            auto reply = chats[i]->ask(asking(questions[i]));
            said[i] = reply ? reply->text : reply.error().message;
          }
        });
      for (auto& p : people) p.join();
      CHECK(said == expected);
    }
}

TEST_CASE("engine_chat: nobody waits for the end of another's answer") {
  const checkpoint files;
  const auto chat = opened(files);
  std::atomic<bool> cancelled{false}, other_began{false}, other_done{false};
  auto endless = asking("go on");
  endless.max_tokens = 100'000;
  endless.cancelled = &cancelled;
  endless.on_text = [&](std::string_view) {
    other_began = true;  // it stands still in the middle of its answer, as long as it takes
    while (!other_done && !cancelled) std::this_thread::yield();
  };
  std::thread other([&] { CHECK_FALSE(chat->ask(endless)); });
  while (!other_began) std::this_thread::yield();
  const auto reply = chat->ask(asking("one"));
  cancelled = true;
  other_done = true;
  other.join();
  REQUIRE_MESSAGE(reply, reply.error().message);
  CHECK(reply->tokens > 0);
}

TEST_CASE("engine_chat: a cancelled request ends, and leaves its chat as it was") {
  const checkpoint files;
  const auto chat = opened(files);
  const auto before = chat->ask(asking("one")).value().text;
  std::atomic<bool> cancelled{true};
  auto request = asking("two");
  request.cancelled = &cancelled;
  const auto none = chat->ask(request);
  REQUIRE_FALSE(none);
  CHECK(none.error().code.starts_with("language."));
  CHECK(chat->ask(asking("one")).value().text == before);
}
