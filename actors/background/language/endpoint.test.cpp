// A fake endpoint that is down, slow, rate-limited, breaks off, or answers garbage.
#include "actors/background/language/endpoint.hpp"

#include "actors/http/server.test.hpp"

using namespace hocket;
using namespace hocket::background;

namespace {

constexpr auto stream = "text/event-stream";
const std::string four =
    "data: {\"choices\":[{\"delta\":{\"content\":\"four\"}}]}\n\ndata: [DONE]\n\n";

/// Answers requests in turn; the last answer stays.
struct fake {
  explicit fake(std::vector<http::response> answers) {
    auto o = testing::echo_options();
    o.handle = [this, answers](const http::request& r, const http::responder& reply) {
      const auto n = asked.fetch_add(1);
      const std::lock_guard lock(mutex);
      last = r;
      reply(answers[std::min<std::size_t>(n, answers.size() - 1)]);
    };
    server = testing::start(std::move(o));
  }
  std::string ask(std::int64_t time_left_ms = 20'000, std::int64_t retries = 3) {
    endpoint_settings s;
    s.base_url = server->url() + "/v1/";
    s.model = "m";
    s.key = "s3cret";
    s.retries = retries;
    s.first_pause_ms = 1;
    chat_request r;
    r.messages = json::array({{{"role", "user"}, {"content", "2+2\xFF"}}});
    r.time_left_ms = time_left_ms;
    told.clear();
    r.on_text = [this](std::string_view text) { told += "[" + std::string(text) + "]"; };
    const auto reply = make_endpoint(s)->ask(r);
    return reply ? reply->text : reply.error().code + ": " + reply.error().message;
  }
  std::string told;  ///< while it was written
  std::atomic<std::size_t> asked{0};
  std::mutex mutex;
  http::request last;
  std::unique_ptr<http::server> server;
};

}  // namespace

TEST_CASE("an endpoint is asked as clients ask it") {
  fake f({{200, stream, four, {}}});
  CHECK(f.ask() == "four");
  CHECK(f.told == "[four]");
  CHECK(f.last.path == "/v1/chat/completions");
  CHECK(f.last.header("Authorization") == "Bearer s3cret");
  const auto body = json::parse(f.last.body);
  CHECK(body["stream"] == true);
  CHECK(body["model"] == "m");
  CHECK(!body.contains("tools"));
}

TEST_CASE(
    "what gave nothing is asked again, with the pause that it asks for; what gave an answer is "
    "not") {
  fake busy(
      {{503, "text/plain", "busy", {}},
       {429, "application/json", R"({"error":{"message":"slow down"}})", {{"Retry-After", "0"}}},
       {200, stream, four, {}}});
  CHECK(busy.ask() == "four");
  CHECK(busy.asked == 3);
  fake broken({{200, stream, "data: {\"choices\":[{\"delta\":{\"content\":\"fo\"}}]}\n\n", {}}});
  CHECK(broken.ask() == "language.bad_answer: the endpoint's answer broke off in the middle");
  CHECK(broken.asked == 1);
  fake empty({{200, stream, "", {}}, {200, stream, ": hi\n\n", {}}, {200, stream, four, {}}});
  CHECK(empty.ask() == "four");
  fake late({{429, "text/plain", "later", {{"Retry-After", "3600"}}}});
  CHECK(late.ask().starts_with("language.refused: "));
  CHECK(late.asked == 1);
  fake always({{500, "text/html", "<h1>s3cret</h1>", {}}});
  const auto said = always.ask(20'000, 2);
  CHECK(always.asked == 3);
  CHECK(said.ends_with("HTTP status 500: <h1>[key]</h1>"));
}

TEST_CASE("text is told as it comes, once, also where the answer breaks off; calls are not") {
  const auto piece = [](const std::string& text) {
    return "data: {\"choices\":[{\"delta\":{\"content\":\"" + text + "\"}}]}\n\n";
  };
  const auto begun = piece("It ") + piece("") + piece("is \\u00e4");
  fake whole({{503, "text/plain", "busy", {}},
              {200, stream, begun + piece(".") + "data: [DONE]\n\n", {}}});
  CHECK(whole.ask() == "It is \xC3\xA4.");
  CHECK(whole.told == "[It ][is \xC3\xA4][.]");
  for (const std::string& end :
       {std::string(), std::string("data: {\"error\":{\"message\":\"overloaded\"}}\n\n"),
        std::string("data: garbage\n\n")}) {
    fake broken({{200, stream, begun + end, {}}});
    CHECK(broken.ask().starts_with("language."));
    CHECK(broken.told == "[It ][is \xC3\xA4]");
    CHECK(broken.asked == 1);
  }
  fake calls(
      {{200,
        stream,
        piece("So: ") + "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
                        "{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\ndata: [DONE]\n\n",
        {}}});
  CHECK(calls.ask() == "So: ");
  CHECK(calls.told == "[So: ]");
  fake json_answer(
      {{200, "application/json", R"({"choices":[{"message":{"content":"four"}}]})", {}}});
  CHECK(json_answer.ask() == "four");
  CHECK(json_answer.told == "[four]");
}

TEST_CASE("what will not get better is told at once") {
  fake key({{401, "application/json", R"({"error":{"message":"bad key s3cret"}})", {}}});
  CHECK(key.ask().ends_with(
      "HTTP status 401 (`key_env` names the variable with the key): bad key [key]"));
  CHECK(key.asked == 1);
  fake usage({{400, "application/json", R"({"error":"unknown field stream_options"})", {}},
              {200, stream, four, {}}});
  CHECK(usage.ask() == "four");
  CHECK(usage.last.body.find("stream_options") == std::string::npos);
  fake moved({{307, "text/plain", "", {{"Location", "http://127.0.0.1:1/"}}}});
  CHECK(moved.ask().ends_with(
      "HTTP status 307 (redirects are not followed: `base_url` takes the address itself)"));
  CHECK(moved.asked == 1);
  fake empty({{204, "text/plain", "", {}}});
  CHECK(empty.ask().ends_with("HTTP status 204 (an answer has status 200)"));
  fake dated({{429, "text/plain", "later", {{"Retry-After", "Fri, 31 Dec 2199 23:59:59 GMT"}}}});
  CHECK(dated.ask(20'000, 2).starts_with("language.refused: "));
  CHECK(dated.asked == 1);  // nobody waits for so long
  fake html({{200, "text/html", "<html>login</html>", {}}});
  CHECK(html.ask(20'000, 0) == "language.bad_answer: the endpoint's answer is no JSON object");
  fake whole({{200, "application/json", R"({"choices":[{"message":{"content":"four"}}]})", {}}});
  CHECK(whole.ask() == "four");
}

TEST_CASE("nobody there, and nobody who waits") {
  endpoint_settings s;
  s.base_url = "http://127.0.0.1:1/v1";
  s.retries = 1;
  s.first_pause_ms = 1;
  chat_request r;
  r.messages = json::array();
  CHECK(make_endpoint(s)->ask(r).error().code == "language.unreachable");
  auto o = testing::echo_options();
  std::vector<http::responder> kept;
  o.handle = [&](const http::request&, const http::responder& reply) { kept.push_back(reply); };
  const auto silent = testing::start(std::move(o));
  s.base_url = silent->url();
  r.time_left_ms = 100;
  CHECK(make_endpoint(s)->ask(r).error().code == "language.out_of_time");
  const std::atomic<bool> cancelled{true};
  r.time_left_ms = 20'000;
  r.cancelled = &cancelled;
  CHECK(make_endpoint(s)->ask(r).error().code == "language.cancelled");
  silent->stop(0);
}
