// Calls with more than one connection: after a broken one, and beside one.
#include <doctest/doctest.h>

#include "actors/gateway/door/caller.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

TEST_CASE(
    "a call that breaks: its conversation goes on over a new one, which the old one is told") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller first(h), second(h), third(h);
  const auto begin = [&](caller& page, const json& start) {
    page.offers();
    page.accepts(page.calls("/v1/hocket/calls"));
    REQUIRE(page.sees([&] { return page.is_open; }));
    CHECK(page.line->send(start.dump(), true));
    REQUIRE(page.got("hello"));
    json hello;
    page.locked([&] { hello = page.messages.front(); });
    return hello;
  };
  const auto hello = begin(first, {{"type", "start"}});
  REQUIRE(hello["resume"].is_string());
  const json again = {{"type", "start"}, {"resume", {{"key", hello["resume"]}, {"after", 0}}}};
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  first.line->abort();  // its network is gone
  const auto resumed = begin(second, again);
  CHECK(resumed["resumed"] == true);
  CHECK(resumed["session"] == hello["session"]);
  CHECK(h.sessions().size() == 2);
  h.use_session(h.sessions().back());
  CHECK(settles(h, [&] {
    second.line->play(talk::tone(20, inner_rate_hz, 0.3));
    return !h.outputs("audio").empty();
  }));
  CHECK(begin(third, again)["resumed"] == true);  // the second one lives, and does not know it yet
  CHECK(second.got("bye"));
  CHECK(second.sees([&] { return second.is_over; }));
  REQUIRE(h.close());
}

TEST_CASE(
    "an app's back end stands beside its user's call: the same events, and what it says counts") {
  if (is_missing()) return;
  setenv("HOCKET_TEST_GATEWAY_KEY", "one,two", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(h.open());
  caller a(h);
  a.offers();
  a.accepts(a.calls("/v1/realtime/calls", "\r\nAuthorization: Bearer one"));
  REQUIRE(a.got("session.created"));
  const auto at =
      url_of(h) + "/v1/realtime?call_id=" + a.location.substr(a.location.rfind('/') + 1);
  http::websocket_client by;
  app back, other, nobody, nowhere;
  back.connect(by, at, {{"Authorization", "Bearer one"}});
  REQUIRE(settles(h, [&] { return back.got("session.created"); }));
  back.send({{"type", "session.update"},
             {"session", {{"type", "realtime"}, {"instructions", "Be brief."}}}});
  CHECK(settles(h, [&] { return back.got("session.updated"); }));
  CHECK(a.got("session.updated"));
  CHECK(back.last("session.updated")["session"]["instructions"] == "Be brief.");
  CHECK(a.line->send(R"({"type":"conversation.item.create","item":{"type":"message","role":"user",)"
                     R"("content":[{"type":"input_text","text":"hello"}]}})",
                     true));
  CHECK(settles(h, [&] { return back.got("conversation.item.added"); }));
  // Of another key, of none, of no call.
  other.connect(by, at, {{"Authorization", "Bearer two"}});
  nobody.connect(by, at);
  nowhere.connect(by, url_of(h) + "/v1/realtime?call_id=rtc_1", {{"Authorization", "Bearer one"}});
  CHECK(settles(h, [&] { return other.is_refused("404") && nowhere.is_refused("404"); }));
  CHECK(settles(h, [&] { return nobody.is_refused("401"); }));
  CHECK(h.sessions().size() == 2);
  CHECK(is(caller::posts(h, a.location + "/hangup", "Authorization: Bearer one", ""), 200));
  CHECK(settles(h, [&] { return back.is_over(1000); }));
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  REQUIRE(h.close());
}

TEST_CASE("an app's back end that is quicker than its user's browser waits for the call to begin") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller a(h);
  a.offers();
  const auto answer = a.calls("/v1/realtime/calls");
  const auto at =
      url_of(h) + "/v1/realtime?call_id=" + a.location.substr(a.location.rfind('/') + 1);
  http::websocket_client by;
  app back, gone;
  back.connect(by, at);
  gone.connect(by, at);
  REQUIRE(settles(h, [&] { return back.is_open() && gone.is_open(); }));
  back.send({{"type", "session.update"},
             {"session", {{"type", "realtime"}, {"instructions", "Be brief."}}}});
  gone.socket->close(1000, "");
  REQUIRE(settles(h, [&] { return gone.is_over(); }));
  a.accepts(answer);
  CHECK(settles(h, [&] { return back.got("session.created") && back.got("session.updated"); }));
  CHECK(a.got("session.updated"));
  a.line->close(1000, "");
  CHECK(settles(h, [&] { return back.is_over(1000); }));
  REQUIRE(h.close());
}

TEST_CASE("a token has no say in a call that another one of the same key made") {
  if (is_missing()) return;
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(h.open());
  const auto token = [&] {
    const auto told = body_of(
        ask(h, "POST /v1/realtime/client_secrets HTTP/1.1\r\nAuthorization: Bearer one", "{}"));
    return told["value"].get<std::string>();
  };
  const auto first = token(), second = token();
  caller a(h);
  a.offers();
  a.accepts(a.calls("/v1/realtime/calls", "\r\nAuthorization: Bearer " + first));
  REQUIRE(a.got("session.created"));
  const auto at =
      url_of(h) + "/v1/realtime?call_id=" + a.location.substr(a.location.rfind('/') + 1);
  http::websocket_client by;
  app other, own, owner;
  other.connect(by, at, {{"Authorization", "Bearer " + second}});
  own.connect(by, at, {{"Authorization", "Bearer " + first}});
  owner.connect(by, at, {{"Authorization", "Bearer one"}});
  CHECK(settles(h, [&] { return other.is_refused("404"); }));
  CHECK(settles(h, [&] { return own.got("session.created") && owner.got("session.created"); }));
  CHECK(is(caller::posts(h, a.location + "/hangup", "Authorization: Bearer " + second, ""), 404));
  CHECK(is(caller::posts(h, a.location + "/hangup", "Authorization: Bearer " + first, ""), 200));
  CHECK(settles(h, [&] { return own.is_over(1000); }));
  REQUIRE(h.close());
}

TEST_CASE("a call whose person is silent ends, whatever its app's back end says beside it") {
  if (is_missing()) return;
  harness h(type_of<door>(), options({{"idle_limit_s", 10}}));
  REQUIRE(h.open());
  caller a(h);
  a.offers();
  a.accepts(a.calls("/v1/realtime/calls"));
  REQUIRE(a.got("session.created"));
  http::websocket_client by;
  app back;
  back.connect(by,
               url_of(h) + "/v1/realtime?call_id=" + a.location.substr(a.location.rfind('/') + 1));
  REQUIRE(settles(h, [&] { return back.got("session.created"); }));
  REQUIRE(h.advance(std::chrono::seconds(8)));
  back.send({{"type", "session.update"},
             {"session", {{"type", "realtime"}, {"instructions", "Be brief."}}}});
  REQUIRE(settles(h, [&] { return back.got("session.updated"); }));
  REQUIRE(h.advance(std::chrono::seconds(4)));
  CHECK(settles(h, [&] { return back.is_over(1000); }));
  CHECK(h.sessions().size() == 1);
  REQUIRE(h.close());
}
