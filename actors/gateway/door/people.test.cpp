#include "actors/gateway/door/app.test.hpp"
#include "actors/gateway/web/files.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

const json start_own = {{"type", "start"}, {"sound", {{"rate_hz", 16'000}}}};

}  // namespace

TEST_CASE("the page: every file, nothing from elsewhere, no inline script") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  const auto page = ask(h, "GET / HTTP/1.1");
  CHECK(page.find("200 OK") != page.npos);
  CHECK(page.find("default-src 'none'") != page.npos);
  CHECK(page.find("frame-ancestors 'none'") != page.npos);
  CHECK(page.find("unsafe-inline") == page.npos);
  for (const auto& f : web::files()) {
    CAPTURE(f.path);
    CHECK(ask(h, "GET " + std::string(f.path) + " HTTP/1.1").find(" 200 OK") != std::string::npos);
    for (const char* outside : {"http://", "https://", "src=\"//"})
      for (auto at = f.content.find(outside); at != f.content.npos;
           at = f.content.find(outside, at + 1))
        CHECK(f.content.substr(at, 22) == "http://www.w3.org/2000");  // the name of SVG
    CHECK(f.content.find("style=\"") == f.content.npos);
    CHECK(f.content.find("onclick=\"") == f.content.npos);
  }
  CHECK(ask(h, "GET /../etc/passwd HTTP/1.1").find(" 400 ") != std::string::npos);
  CHECK(ask(h, "GET /nothing.js HTTP/1.1").find(" 404 ") != std::string::npos);
  const auto facts = body_of(ask(h, "GET /v1/hocket/page HTTP/1.1"));
  CHECK(facts["needs_key"] == false);
  CHECK(facts["texts"]["disclosure"].get<std::string>().find("machine") != std::string::npos);
  harness none(type_of<door>(), options({{"page", false}}));
  REQUIRE(none.open());
  CHECK(ask(none, "GET / HTTP/1.1").find(" 404 ") != std::string::npos);
}

TEST_CASE("the page's texts come from a file; one that is none is named") {
  const hocket::testing::temporary_file good(R"({"title": "Ours", "minors": true})"), bad("{");
  harness h(type_of<door>(), options({{"page_texts", good.path}}));
  REQUIRE(h.open());
  const auto facts = body_of(ask(h, "GET /v1/hocket/page HTTP/1.1"));
  CHECK(facts["texts"]["title"] == "Ours");
  CHECK(facts["texts"].contains("recording"));
  harness other(type_of<door>(), options({{"page_texts", bad.path}}));
  CHECK(other.open().error().code == "gateway.bad_file");
}

TEST_CASE("a client secret lets in once, with its session, and makes no others") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(h.open());
  const std::string path = "POST /v1/realtime/client_secrets HTTP/1.1";
  const std::string key = "\r\nAuthorization: Bearer ";
  CHECK(ask(h, path).find(" 401 ") != std::string::npos);
  CHECK(ask(h, path + key + "one", "[").find(" 400 ") != std::string::npos);
  CHECK(ask(h, path + key + "one", R"({"session": {"output_modalities": 7}})").find(" 400 ") !=
        std::string::npos);
  CHECK(ask(h, "GET /v1/realtime/client_secrets HTTP/1.1" + key + "one").find(" 405 ") !=
        std::string::npos);
  const auto secret = body_of(
      ask(h, path + key + "one",
          R"({"session": {"type": "realtime", "model": "m", "instructions": "be short"}})"));
  const auto value = text_of(secret, "value");
  REQUIRE(value.starts_with("ek_"));
  CHECK(secret["session"]["instructions"] == "be short");
  CHECK(ask(h, path + key + value).find(" 401 ") != std::string::npos);
  app first, again, gemini;
  http::websocket_client by;
  first.connect(by, url_of(h) + "/v1/realtime", {{"Authorization", "Bearer " + value}});
  REQUIRE(settles(h, [&] { return first.got("session.created"); }));
  CHECK(first.last("session.created")["session"]["instructions"] == "be short");
  again.connect(by, url_of(h) + "/v1/realtime", {{"Authorization", "Bearer " + value}});
  CHECK(becomes([&] { return again.is_refused("401"); }));
  const auto token = body_of(ask(h, "POST /v1alpha/auth_tokens HTTP/1.1" + key + "one"));
  REQUIRE(text_of(token, "name").starts_with("auth_tokens/"));
  gemini.connect(by, url_of(h) +
                         "/ws/google.ai.generativelanguage.v1alpha.GenerativeService."
                         "BidiGenerateContentConstrained?access_token=" +
                         text_of(token, "name"));
  REQUIRE(settles(h, [&] { return gemini.is_open(); }));
  gemini.send({{"setup", {{"model", "models/m"}}}});
  CHECK(settles(h, [&] { return gemini.got("setupComplete"); }));
}

TEST_CASE("pages of strangers get no permission") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  const auto asked_by = [&](const char* origin) {
    return ask(h, std::string("OPTIONS /v1/realtime/client_secrets HTTP/1.1\r\nOrigin: ") + origin);
  };
  const auto ours = asked_by("http://localhost:5173");
  CHECK(ours.find(" 204 ") != ours.npos);
  CHECK(ours.find("Access-Control-Allow-Origin: http://localhost:5173") != ours.npos);
  CHECK(ours.find("Location") != ours.npos);
  CHECK(ask(h, "OPTIONS /v1/whip HTTP/1.1").find("Accept-Post: application/sdp") !=
        std::string::npos);
  for (const char* origin : {"https://evil.example", "null", "http://localhost.evil.example"})
    CHECK(asked_by(origin).find("Allow-Origin") == std::string::npos);
}

TEST_CASE("a broken connection is taken up again, where it was heard") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  app a, thief, b, late;
  http::websocket_client by;
  a.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return a.is_open(); }));
  a.send(start_own);
  a.send({{"type", "text"}, {"text", "at once"}});
  REQUIRE(settles(h, [&] { return a.got("hello") && h.values<text>("text").size() == 1; }));
  const auto key = text_of(a.last("hello"), "resume");
  const auto session = h.sessions().back();
  h.use_session(session);
  const auto say = [&](const char* words, int ms) {
    REQUIRE(h.push("text", timestamp::of_ms(ms), text{words, "model"}));
  };
  say("one", 100);
  REQUIRE(becomes([&] { return a.got("said"); }));
  const auto seen = a.last("said")["seq"];
  a.socket->abort();
  REQUIRE(settles(h, [&] { return h.counter("lingering") == 1; }));
  CHECK(h.sessions().size() == 2);  // it waits
  say("two", 200);
  thief.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return thief.is_open(); }));
  thief.send({{"type", "start"}, {"resume", {{"key", "guessed"}, {"after", 0}}}});
  CHECK(settles(h, [&] { return text_of(thief.last("error"), "code") == "cannot_resume"; }));
  b.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return b.is_open(); }));
  b.send({{"type", "start"}, {"resume", {{"key", key}, {"after", seen}}}});
  REQUIRE(settles(h, [&] { return b.got("said"); }));
  CHECK(b.last("hello")["resumed"] == true);
  CHECK(b.last("said")["text"] == "two ");
  CHECK(b.count("said") == 1);
  say("three", 300);
  CHECK(becomes([&] { return b.last("said")["text"] == "three "; }));
  // A half-open connection: the old one does not know that it is dead.
  late.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return late.is_open(); }));
  late.send({{"type", "start"}, {"resume", {{"key", key}, {"after", 0}}}});
  REQUIRE(settles(h, [&] { return late.count("said") == 3; }));
  CHECK(becomes([&] { return b.is_over(4001); }));
  late.send({{"type", "forget"}});
  CHECK(settles(h, [&] { return late.got("bye") && h.sessions().size() == 1; }));
  CHECK(h.values<delegation>("forgets").size() == 1);  // who recorded something hears of it
  CHECK(h.counter("resumed") == 2);
}

TEST_CASE("what a guard was asked to forget nobody goes on with, and the page is told") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  app a, b;
  http::websocket_client by;
  a.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return a.is_open(); }));
  a.send(start_own);
  REQUIRE(settles(h, [&] { return a.got("hello") && h.sessions().size() == 2; }));
  h.use_session(h.sessions().back());
  delegation d;
  d.request = 1, d.task = R"({"forget":"recordings"})";  // a grown-up's: it goes on
  REQUIRE(h.push("forgets", timestamp::of_ms(100), d));
  a.send({{"type", "ping"}, {"t", 1}});
  REQUIRE(settles(h, [&] { return a.got("pong"); }));
  CHECK(!a.got("forgotten"));
  d.task = R"({"forget":"asked"})";
  REQUIRE(h.push("forgets", timestamp::of_ms(200), d));
  REQUIRE(becomes([&] { return a.got("forgotten"); }));
  b.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return b.is_open(); }));
  b.send(
      {{"type", "start"}, {"resume", {{"key", text_of(a.last("hello"), "resume")}, {"after", 0}}}});
  CHECK(settles(h, [&] { return text_of(b.last("error"), "code") == "cannot_resume"; }));
}

TEST_CASE("nobody comes back: the conversation ends after a while") {
  harness h(type_of<door>(), options({{"resume_s", 2}}));
  REQUIRE(h.open());
  app a;
  http::websocket_client by;
  a.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return a.is_open(); }));
  a.send(start_own);
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  a.socket->abort();
  REQUIRE(settles(h, [&] { return h.counter("lingering") == 1; }));
  REQUIRE(h.advance(std::chrono::milliseconds(1'600)));
  CHECK(h.sessions().size() == 2);
  REQUIRE(h.advance(std::chrono::milliseconds(1'000)));
  CHECK(h.sessions().size() == 1);
}

TEST_CASE("Gemini's handle takes a session up again") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  const auto url =
      url_of(h) + "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent";
  app a, b, lost;
  http::websocket_client by;
  const auto set_up = [&](app& who, const char* handle) {
    who.connect(by, url);
    REQUIRE(settles(h, [&] { return who.is_open(); }));
    json resumption = json::object();
    if (*handle != '\0') resumption["handle"] = handle;
    who.send({{"setup", {{"model", "models/m"}, {"sessionResumption", resumption}}}});
  };
  set_up(a, "");
  REQUIRE(settles(h, [&] { return a.got("sessionResumptionUpdate"); }));
  const auto handle =
      text_of(a.last("sessionResumptionUpdate")["sessionResumptionUpdate"], "newHandle");
  REQUIRE(!handle.empty());
  a.socket->abort();
  REQUIRE(settles(h, [&] { return h.counter("lingering") == 1; }));
  set_up(b, handle.c_str());
  CHECK(settles(h, [&] { return b.got("sessionResumptionUpdate"); }));
  CHECK(h.sessions().size() == 2);
  set_up(lost, "nobody's");
  CHECK(settles(h, [&] { return lost.is_over(1008); }));
}

TEST_CASE("Gemini's clients close and go on; those that do not come back hold few places") {
  harness h(type_of<door>(), options({{"max_sessions", 4}}));
  REQUIRE(h.open());
  http::websocket_client by;
  const auto at =
      url_of(h) + "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  const auto setup = [](const std::string& handle) {
    json resumption = json::object();
    if (!handle.empty()) resumption["handle"] = handle;
    return json{{"setup", {{"model", "models/hocket"}, {"sessionResumption", resumption}}}};
  };
  std::string handle;
  const auto talks = [&](const std::string& with) {
    app a;
    a.connect(by, at);
    REQUIRE(settles(h, [&] { return a.is_open(); }));
    a.send(setup(with));
    REQUIRE(settles(h, [&] { return a.got("sessionResumptionUpdate"); }));
    handle = a.last("sessionResumptionUpdate")["sessionResumptionUpdate"]["newHandle"];
    const auto before = h.counter("lingering");
    a.socket->close(1000, "");
    REQUIRE(settles(h, [&] { return h.counter("lingering") > before; }));
  };
  talks("");
  const auto sessions = h.sessions().size();
  talks(handle);
  CHECK(h.counter("resumed") == 1);
  CHECK(h.sessions().size() == sessions);
  for (int i = 0; i < 5; ++i) talks("");
  CHECK(settles(h, [&] { return h.sessions().size() == sessions; }));
}

TEST_CASE("who watches is told of micro-turns, work and the end before it comes") {
  harness h(type_of<door>(), options({{"idle_limit_s", 20}, {"session_limit_s", 600}}));
  REQUIRE(h.open());
  app a;
  http::websocket_client by;
  a.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return a.is_open(); }));
  a.send(start_own);
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  h.use_session(h.sessions().back());
  const auto at = timestamp::of_ms(200);
  std::vector<float> state{0.5f, -20.0f, 1, 0, 1, 0, 6.5f, 2};
  REQUIRE(h.push("state", at, tensor{dtype::f32, {8}, buffer::take(std::move(state))}));
  REQUIRE(h.push("delegations", at,
                 delegation{7, delegation::action::start, "seven times eight", "", 0, 1, 0}));
  REQUIRE(h.push("tool_calls", at, hocket::tool_call{1, 7, "calculator", "{}"}));
  REQUIRE(h.push("tool_results", at, hocket::tool_result{1, 7, "calculator", outcome::ok, "56"}));
  REQUIRE(h.push("results", at, text{"56", "background", 7}));
  CHECK(becomes([&] { return a.got("result"); }));
  CHECK(a.last("turn")["gates"] == json::array({true, false, true, false}));
  CHECK(a.last("delegated")["task"] == "seven times eight");
  CHECK(a.last("tool.done")["outcome"] == "ok");
  REQUIRE(h.advance_to(timestamp::of_ms(11'000)));
  CHECK(becomes([&] { return text_of(a.last("ending"), "reason") == "idle"; }));
  REQUIRE(h.advance_to(timestamp::of_ms(21'000)));
  CHECK(becomes([&] { return text_of(a.last("bye"), "reason") == "idle"; }));
  CHECK(h.violations().empty());
}

TEST_CASE("a token is not spent where there is no place") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(),
            options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}, {"max_sessions", 1}}));
  REQUIRE(h.open());
  const auto token = token_of(h);
  app first, refused, again, twice;
  http::websocket_client by;
  first.connect(by, url_of(h) + "/v1/realtime", {{"Authorization", "Bearer one"}});
  REQUIRE(settles(h, [&] { return first.got("session.created"); }));
  refused.connect(by, url_of(h) + "/v1/realtime", token);
  CHECK(becomes([&] { return refused.is_refused("503"); }));
  first.socket->close(1000, "");
  REQUIRE(settles(h, [&] { return h.sessions().size() == 1; }));
  again.connect(by, url_of(h) + "/v1/realtime", token);
  CHECK(settles(h, [&] { return again.got("session.created"); }));
  again.socket->close(1000, "");
  REQUIRE(settles(h, [&] { return h.sessions().size() == 1; }));
  twice.connect(by, url_of(h) + "/v1/realtime", token);
  CHECK(becomes([&] { return twice.is_refused("401"); }));
}
