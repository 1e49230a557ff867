// Answers of several threads that go through one model together.
#include "engine/language/generation/shared_passes.hpp"

#include <atomic>
#include <mutex>
#include <thread>

#include <doctest/doctest.h>

#include "engine/language/generation/chat_fixture.test.hpp"
#include "engine/transformer/background.hpp"

using namespace hocket::language;
using namespace hocket::language::fixture;

TEST_CASE("shared_passes: answers that come together are those that come alone") {
  const checkpoint files;
  const auto model = chat_model::open(files.folder.string());
  REQUIRE(model);
  constexpr int talks = 6;
  const auto config_of = [](int talk) {
    auto c = greedy(40);
    c.sampling.temperature = talk % 2;
    c.sampling.seed = static_cast<std::uint64_t>(talk);
    return c;
  };
  const auto prompt_of = [&](int talk) {
    return *(*model)->text_prompt(std::string(static_cast<std::size_t>(3 + 20 * talk), 'a') + "b");
  };
  std::vector<std::vector<token_id>> wanted;
  for (int talk = 0; talk < talks; ++talk) {
    generation alone(*model);
    REQUIRE(alone.begin(prompt_of(talk), config_of(talk)));
    wanted.push_back(ids_of(alone).first);
  }
  const auto passes = std::make_shared<shared_passes>((*model)->network(), 2);
  const auto prefixes = std::make_shared<prefix_cache>(64u << 20);
  std::vector<std::thread> threads;
  std::vector<std::vector<token_id>> got(talks);
  std::atomic<int> begun{0};
  for (int talk = 0; talk < talks; ++talk)
    threads.emplace_back([&, talk] {
      generation g(*model, passes, prefixes);
      ++begun;
      while (begun < talks) std::this_thread::yield();
      for (int again = 0; again < 5; ++again) {
        std::vector<token_id> ids;
        if (!g.begin(prompt_of(talk), config_of(talk))) return;
        for (answer_end e = answer_end::none; e == answer_end::none;) {
          const auto piece = g.next();
          if (!piece) return;
          ids.push_back(piece->id);
          e = piece->end;
        }
        got[static_cast<std::size_t>(talk)] = ids;
        if (ids != wanted[static_cast<std::size_t>(talk)]) return;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(got == wanted);
  const auto counts = passes->so_far();
  MESSAGE("parts in a pass: " << static_cast<double>(counts.parts) /
                                     static_cast<double>(counts.passes));
  CHECK(counts.parts > counts.passes);
}

TEST_CASE("shared_passes: what one asks for in vain or gives up harms nobody") {
  const checkpoint files;
  const auto model = chat_model::open(files.folder.string());
  REQUIRE(model);
  const auto network = (*model)->network();
  const auto passes = std::make_shared<shared_passes>(network);
  language_sequence alone(network);
  const std::vector<token_id> good(30, 5), bad{5, 1000000};
  const auto wanted = alone.append(good);
  REQUIRE(wanted);
  std::vector<std::thread> threads;
  std::atomic<int> right{0}, refused{0}, cancelled{0};
  for (int i = 0; i < 9; ++i)
    threads.emplace_back([&, i] {
      for (int again = 0; again < 20; ++again) {
        shared_passes::seat seat(passes);
        language_sequence s(network);
        std::stop_source stop;
        if (i % 3 == 2) stop.request_stop();
        const auto out =
            seat.read({&s, i % 3 == 1 ? std::span<const token_id>(bad) : good}, stop.get_token());
        if (out && *out == *wanted) ++right;
        if (!out && out.error().code == "language.bad_input") ++refused;
        if (!out && out.error().code == "language.cancelled") ++cancelled;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(right == 60);
  CHECK(refused == 60);
  CHECK(cancelled == 60);
}

TEST_CASE("shared_passes: who speaks goes before prompts, with guesses, too") {
  const checkpoint files;
  const auto model = chat_model::open(files.folder.string());
  REQUIRE(model);
  const auto network = (*model)->network();
  const auto passes = std::make_shared<shared_passes>(network);
  const std::vector<token_id> prompt(64, 5), guessed(7, 5);
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::string> order;
  bool in_time = false;
  const auto ask = [&](const char* who, const std::vector<token_id>& tokens,
                       shared_passes::part_of of) {
    threads.emplace_back([&, who, of] {
      shared_passes::seat seat(passes);
      language_sequence s(network);
      CHECK(seat.read({&s, tokens}, {}, of).has_value());
      const std::lock_guard lock(mutex);
      order.emplace_back(who);
    });
  };
  {
    // The first pass stays at the gate until the others wait.
    const hocket::engine::turn_gate::hold here(hocket::engine::turn_gate::of_process());
    ask("first", prompt, shared_passes::part_of::prompt);
    const auto queued = [&](std::int64_t want) {
      while (passes->so_far().waiting != want && passes->so_far().passes == 0)
        std::this_thread::yield();
    };
    ask("prompt", prompt, shared_passes::part_of::prompt);
    queued(1);
    ask("prompt", prompt, shared_passes::part_of::prompt);
    queued(2);
    ask("speaker", guessed, shared_passes::part_of::answer);
    queued(3);
    // The gate holds nobody for longer than some seconds in all.
    in_time = passes->so_far().passes == 0;
  }
  for (auto& t : threads) t.join();
  // The speaker's seven tokens went with one prompt, not behind both.
  if (in_time) CHECK(passes->so_far().passes == 3);
  CHECK(passes->so_far().parts == 4);
  CHECK(order.size() == 4);
}
