// A model at a server that follows the published rules: the answers of the same model in this process.
#include "actors/background/language/served/served_chat.hpp"

#include <cstdlib>

#include "actors/background/language/language_planner.hpp"
#include "actors/background/language/served/server.test.hpp"
#include "actors/background/language/tiny_chat.test.hpp"
#include "engine/language/generation/chat_model.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;

namespace {

/// The tiny model with a template that knows tools.
struct checkpoint : language::fixture::checkpoint {
  checkpoint() {
    std::ofstream(folder / "tokenizer_config.json")
        << json{{"eos_token", "<|im_end|>"},
                {"chat_template",
                 "{% if tools %}tools {% endif %}" + std::string(language::fixture::layout)}};
  }
};

/// The likeliest tokens of the model behind `all`, as a server without any prefix would compute them.
ids greedy(const std::shared_ptr<const language::chat_model>& model, const ids& all,
           std::int64_t most) {
  language::language_sequence s(model->network());
  auto scores = s.append(all);
  ids out;
  while (scores && static_cast<std::int64_t>(out.size()) < most) {
    out.push_back(static_cast<std::int32_t>(std::ranges::max_element(*scores) - scores->begin()));
    if (model->tokens().ends_turn(out.back())) break;
    scores = s.append({&out.back(), 1});
  }
  return out;
}

}  // namespace

TEST_CASE("a model at a server gives the answers of the same model here") {
  const checkpoint files;
  const auto here = opened(files);
  const auto model = language::chat_model::open(files.folder.string());
  REQUIRE(model);
  for (const auto engine : {served_engine::sglang, served_engine::vllm}) {
    CAPTURE(static_cast<int>(engine));
    inference_server server;
    server.answer = [&](const ids& all, std::int64_t most) { return greedy(*model, all, most); };
    const auto chat = open_served_chat(server.settings(engine), files.folder.string());
    REQUIRE_MESSAGE(chat, chat.error().message);
    auto request = asking("hello there");
    request.held = false;
    std::string told;
    for (int turn = 0; turn < 3; ++turn) {
      CAPTURE(turn);
      told.clear();
      request.on_text = [&](std::string_view text) { told += text; };
      const auto got = (*chat)->ask(request);
      REQUIRE_MESSAGE(got, got.error().message);
      request.on_text = {};
      const auto want = here->ask(request);
      REQUIRE(want);
      CHECK(got->text == want->text);
      CHECK(told == got->text);
      CHECK(got->prompt_tokens == want->prompt_tokens);
      // Words of a random model are seldom the tokens that they would be read as: then all is sent again.
      if (engine == served_engine::vllm) CHECK(got->reused_tokens == 0);
      request.messages.push_back({{"role", "assistant"}, {"content", got->text}});
      request.messages.push_back({{"role", "user"}, {"content", "and"}});
    }
    CHECK((server.opened > 0) == (engine == served_engine::sglang));
  }
}

TEST_CASE("a model at a server: conversations beside each other have sessions of their own") {
  const checkpoint files;
  inference_server server;
  server.answer = [](const ids&, std::int64_t) { return ids{5, 6, 2}; };
  const auto chat = open_served_chat(server.settings(served_engine::sglang), files.folder.string());
  REQUIRE(chat);
  std::vector<chat_request> all;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    all.push_back(asking(name));
    REQUIRE((*chat)->ask(all.back()));
  }
  CHECK(server.opened == 5);
  CHECK(server.sessions.size() == 4);  // the one used longest ago was closed
  for (auto& r : all) {
    r.messages.push_back({{"role", "assistant"}, {"content", "cd"}});  // as 5 and 6 are called
    r.messages.push_back({{"role", "user"}, {"content", "more"}});
  }
  for (const std::size_t i : {4u, 1u, 3u, 2u}) {
    const auto got = (*chat)->ask(all[i]);
    REQUIRE(got);
    CHECK(got->reused_tokens > 0);
  }
  CHECK(server.opened == 5);
}

TEST_CASE("a model at a server: what a graph says of it arrives there") {
  const checkpoint files;
  inference_server server;
  server.answer = [](const ids&, std::int64_t) { return ids{5, 6, 2}; };
  REQUIRE(setenv("HOCKET_SERVED_TEST_KEY", "s3cret-key", 1) == 0);
  for (const char* engine : {"sglang", "vllm"}) {
    CAPTURE(engine);
    language_planner plan({.served_url = server.url() + "/v1/",
                           .served_engine = engine,
                           .served_words = files.folder.string(),
                           .served_model = "m",
                           .served_key_env = "HOCKET_SERVED_TEST_KEY",
                           .choose_tools = false});
    if (engine == std::string("sglang")) server.root = "/v1";  // as it stands behind a proxy
    const auto opened = plan.open({});
    REQUIRE_MESSAGE(opened, opened.error().message);
    delegation task;
    task.request = 1, task.task = "what is the weather in Rome";
    const auto step = plan.next({task, {}, {}, nullptr, nullptr, 4, 100'000});
    REQUIRE_MESSAGE(step, step.error().message);
    CHECK(step->what == plan_step::kind::answer);
    CHECK(step->text == "cd");  // as 5 and 6 are called
    server.root.clear();
  }
  CHECK(server.models == std::vector<std::string>{"m"});
}

TEST_CASE("a model at a server: a template without tools is refused, with what takes it") {
  const language::fixture::checkpoint files;
  const auto chat = open_served_chat({}, files.folder.string());
  REQUIRE(!chat);
  CHECK(chat.error().message.find("its chat template knows no tools; `openai` speaks") !=
        std::string::npos);
  CHECK(!open_served_chat({}, files.folder.string() + "/nowhere"));
}
