// Sequences of tokens at a server that follows the published rules: appended, begun anew, lost, refused for want
// of room, given up.
#include "actors/background/language/served/server.test.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;

namespace {

constexpr std::int64_t most = 12;

/// The answer's tokens, or what went wrong.
struct outcome {
  ids tokens;
  std::int64_t sent = 0;
  std::string problem;
};

outcome ask(token_session& s, const ids& prompt, std::int64_t time_left_ms = 120'000,
            const std::atomic<bool>* cancelled = nullptr) {
  ids told;
  token_request r;
  r.prompt = prompt;
  r.max_tokens = most;
  r.ends = {end_token};
  r.time_left_ms = time_left_ms;
  r.cancelled = cancelled;
  r.on_tokens = [&](std::span<const std::int32_t> more) {
    told.insert(told.end(), more.begin(), more.end());
  };
  const auto got = s.ask(r);
  if (!got) return {told, 0, got.error().code + ": " + got.error().message};
  CHECK(told == got->tokens);
  return {got->tokens, got->sent, ""};
}

ids joined(ids a, const ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Asked and answered right, whatever the server had to read for it.
ids right(token_session& s, const ids& prompt) {
  const auto got = ask(s, prompt);
  CHECK(got.problem == "");
  CHECK(got.tokens == answer_to(prompt, most));
  return joined(prompt, got.tokens);
}

const ids hello{begin_token, 40, 41, 42}, more{50, 51}, other{begin_token, 60};

}  // namespace

TEST_CASE("tokens at a server: a prompt that goes on is appended, any other begins anew") {
  for (const bool incremental : {false, true}) {
    CAPTURE(incremental);
    inference_server server;
    server.incremental = incremental;
    token_session s(server.settings(served_engine::sglang));
    auto all = right(s, hello);
    all = right(s, joined(all, more));
    all = right(s, joined(all, {70}));
    CHECK(server.chunks == std::vector<std::size_t>{4, 2, 1});
    CHECK(server.opened == 1);
    right(s, other);                  // not how it began
    right(s, joined(other, {7, 7}));  // not what was answered
    CHECK(server.opened == 3);
    CHECK(server.sessions.size() == 1);  // the others were closed
    CHECK(server.chunks == std::vector<std::size_t>{4, 2, 1, 2, 4});
  }
  inference_server server;
  {
    token_session s(server.settings(served_engine::sglang));
    right(s, hello);
    CHECK(server.sessions.size() == 1);
  }
  CHECK(server.sessions.empty());  // who goes leaves none behind
  server.opened = 0, server.chunks.clear();
  token_session s(server.settings(served_engine::vllm));
  const auto all = right(s, hello);
  right(s, joined(all, more));
  CHECK(server.opened == 0);
  CHECK(server.chunks == std::vector<std::size_t>{4, all.size() + 2});
}

TEST_CASE("tokens at a server: a chunk that begins like a sequence is not appended") {
  inference_server server;
  token_session s(server.settings(served_engine::sglang));
  const auto all = right(s, hello);
  right(s, joined(all, {begin_token, 8}));  // servers would strip the first token
  CHECK(server.opened == 2);
}

TEST_CASE(
    "tokens at a server: an answer that did not end well is told, and the next one begins anew") {
  using fault = inference_server::fault;
  for (const auto f : {fault::breaks_off, fault::gives_up}) {
    inference_server server;
    token_session s(server.settings(served_engine::sglang));
    const auto all = right(s, hello);
    server.next = f;
    const auto broken = ask(s, joined(all, more));
    CAPTURE(broken.problem);
    CHECK(broken.tokens.size() == 1);
    CHECK(broken.problem.find(f == fault::breaks_off ? "broke off" : "gave it up") !=
          std::string::npos);
    CHECK(server.chunks.size() == 2);  // a token came: not asked again
    right(s, joined(all, more));       // though the server counts the old session as busy
    CHECK(server.chunks.back() == all.size() + 2);
    CHECK(server.opened == 2);
    REQUIRE(server.aborted.size() == 1);
    CHECK(server.aborted[0] == server.asked_as[1]);
  }
}

TEST_CASE("tokens at a server: where it lost the session all is read again, at once") {
  for (const bool busy : {false, true}) {  // restarted; or it still counts an old turn
    CAPTURE(busy);
    inference_server server;
    auto settings = server.settings(served_engine::sglang);
    settings.first_pause_ms = 600'000;  // a pause would last longer than the request
    settings.retries = 0;               // which are for what may be there later
    token_session s(settings);
    const auto all = right(s, hello);
    if (busy)
      server.busy_sessions.push_back(server.sessions.begin()->first);
    else
      server.sessions.clear();
    right(s, joined(all, more));
    CHECK(server.chunks == std::vector<std::size_t>{4, all.size() + 2});
  }
}

TEST_CASE(
    "tokens at a server: without room it is asked again, as long as the request's time lasts") {
  for (const auto engine : {served_engine::sglang, served_engine::vllm}) {
    inference_server server;
    token_session s(server.settings(engine));
    server.full = 2;
    right(s, hello);
    CHECK(server.full == 0);
    server.full = 1, server.retry_after = "3600";
    CHECK(ask(s, other).problem.starts_with("language.busy: "));
    CHECK(server.full == 0);
    server.full = 100, server.retry_after = "0";
    CHECK(ask(s, other).problem.find("The request queue is full.") != std::string::npos);
    CHECK(server.full == 96);  // three more tries
    server.full = 0;
    right(s, other);
  }
}

TEST_CASE("tokens at a server: who is cancelled ends the request there") {
  inference_server server;
  token_session s(server.settings(served_engine::sglang));
  const auto all = right(s, hello);
  server.next = inference_server::fault::holds;
  std::atomic<bool> cancelled = false;
  outcome got;
  std::thread asking([&] { got = ask(s, joined(all, more), 600'000, &cancelled); });
  CHECK(testing::becomes([&] {
    const std::lock_guard lock(server.mutex);
    return server.held.size() == 1;
  }));
  cancelled = true;
  asking.join();
  CHECK(got.problem == "language.cancelled: nobody waits for it any more");
  {
    const std::lock_guard lock(server.mutex);
    CHECK(server.aborted == std::vector<std::string>{server.asked_as.back()});
    CHECK(server.sessions.empty());
  }
  right(s, joined(all, more));
}

TEST_CASE("tokens at a server: what it should not have said is an error") {
  const auto told = [](const std::string& data) { return "data: " + data + "\n\n"; };
  const std::string many = R"([1,1,1,1,1,1,1,1,1,1,1,1,1])";
  const std::pair<served_engine, std::string> bodies[] = {
      {served_engine::sglang, told("garbage")},
      {served_engine::sglang, told(R"({"text":"hi"})")},
      {served_engine::sglang, told(R"({"output_ids":[-1],"meta_info":{"completion_tokens":1}})")},
      {served_engine::sglang, told(R"({"output_ids":[1e3],"meta_info":{"completion_tokens":1}})")},
      {served_engine::sglang, told(R"({"output_ids":[1,2],"meta_info":{"completion_tokens":1}})")},
      {served_engine::sglang,
       told(R"({"output_ids":)" + many + R"(,"meta_info":{"completion_tokens":13}})")},
      {served_engine::vllm, told(R"({"choices":[{"text":"hi"}]})")},
      {served_engine::vllm, told(R"({"choices":[{"token_ids":)" + many + "}]}")},
      {served_engine::vllm, told("[]")}};
  for (const auto& [engine, body] : bodies) {
    CAPTURE(body);
    inference_server server;
    auto settings = server.settings(engine);
    settings.retries = 0;
    token_session s(settings);
    server.said_instead = body;
    const auto got = ask(s, hello);
    CHECK(got.problem.starts_with("language.bad_answer: the server's answer "));
    CHECK(got.tokens.empty());
    right(s, hello);
  }
}

TEST_CASE("tokens at a server: what will not get better is told at once, without the key") {
  inference_server server;
  server.has_sessions = false;
  token_session s(server.settings(served_engine::sglang));
  const auto got = ask(s, hello);
  CHECK(got.problem.find("started with --enable-streaming-session") != std::string::npos);
  CHECK(got.problem.find("s3cret") == std::string::npos);
  // Nor half of it, where words are cut, and nothing that a terminal would obey.
  inference_server talks;
  auto settings = talks.settings(served_engine::sglang);
  settings.retries = 0;
  token_session told(settings);
  const auto words = "\x1b[2J" + std::string(190, 'x') + " s3cret-key and more";
  talks.said_instead =
      "data: " +
      plain{{"meta_info",
             {{"finish_reason", {{"type", "abort"}, {"message", words}, {"status_code", 400}}}}}}
          .dump() +
      "\n\n";
  const auto aborted = ask(told, hello);
  CHECK(aborted.problem.find("xxxx") != std::string::npos);
  CHECK(aborted.problem.find("s3c") == std::string::npos);
  CHECK(aborted.problem.find('\x1b') == std::string::npos);
  served_settings nowhere;
  nowhere.base_url = "http://127.0.0.1:1";
  nowhere.retries = 1, nowhere.first_pause_ms = 1;
  token_session alone(nowhere);
  CHECK(ask(alone, hello).problem.starts_with("language.unreachable: "));
  CHECK(ask(alone, {}).problem.starts_with("language.bad_answer: the prompt has no tokens"));
}
