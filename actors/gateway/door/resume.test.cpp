// Another connection goes on with a conversation: over a new call, and where there is no other place.
#include "actors/gateway/door/caller.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

/// A call of Hocket's own protocol, begun with this event.
void begins(caller& c, const json& start) {
  c.offers();
  c.accepts(c.calls("/v1/hocket/calls"));
  REQUIRE(c.sees([&] { return c.is_open; }));
  CHECK(c.line->send(start.dump(), true));
}

json going_on(const json& hello, std::int64_t after) {
  return {{"type", "start"}, {"resume", {{"key", hello["resume"]}, {"after", after}}}};
}

std::string id_of(const caller& c) { return c.location.substr(c.location.rfind('/') + 1); }

}  // namespace

TEST_CASE(
    "a new call goes on where the one before was heard; the old one, and its key, are spent") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller first(h), second(h), late(h);
  begins(first, {{"type", "start"}});
  REQUIRE(first.got("hello"));
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  const auto hello = last_of(first, "hello");
  h.use_session(h.sessions().back());
  REQUIRE(h.push("text", timestamp::of_ms(100), text{"one", "model"}));
  REQUIRE(first.got("said"));
  const auto seen = last_of(first, "said")["seq"].get<std::int64_t>();
  first.exchange.stop(0);  // its network is gone, and nobody is told
  say(h, 200);
  REQUIRE(h.push("text", timestamp::of_ms(300), text{"two", "model"}));
  begins(second, going_on(hello, seen));
  REQUIRE(second.got("said"));
  CHECK(last_of(second, "hello")["resumed"] == true);
  CHECK(last_of(second, "hello")["session"] == hello["session"]);
  CHECK(last_of(second, "said")["text"] == "two ");
  CHECK(last_of(second, "voice")["open"] == true);
  CHECK(second.sees([&] { return second.loudest > 0.1; }));  // what was said meanwhile is heard now
  CHECK(h.sessions().size() == 2);
  // The old key: nothing, once its client has the new one.
  CHECK(second.line->send(R"({"type":"seen","seq":1})", true));
  begins(late, going_on(hello, 0));
  REQUIRE(late.got("error"));
  CHECK(last_of(late, "error")["code"] == "cannot_resume");
  // The new one: this call is closed, and told why.
  CHECK(late.line->send(going_on(last_of(second, "hello"), 0).dump(), true));
  CHECK(late.sees([&] { return late.messages.size() > 1; }));
  CHECK(text_of(last_of(late, "hello"), "type") == "hello");
  REQUIRE(second.got("bye"));
  CHECK(text_of(last_of(second, "bye"), "reason").find("another connection") == 0);
  CHECK(second.sees([&] { return second.is_over; }));
  CHECK(h.sessions().size() == 2);
  CHECK(h.counter("resumed") == 2);
  REQUIRE(h.close());
}

TEST_CASE("where calls do not get through any more, a WebSocket goes on; and a call after it") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller first(h), again(h);
  begins(first, {{"type", "start"}});
  REQUIRE(first.got("hello"));
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  h.use_session(h.sessions().back());
  app socket;
  http::websocket_client by;
  socket.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return socket.is_open(); }));
  socket.send(going_on(last_of(first, "hello"), 1));
  REQUIRE(settles(h, [&] { return socket.got("hello"); }));
  REQUIRE(first.got("bye"));
  say(h, 400);
  CHECK(becomes([&] { return socket.last("voice").contains("audio"); }));
  const auto voice = socket.last("voice");
  begins(again, going_on(socket.last("hello"), voice["seq"].get<std::int64_t>() - 1));
  CHECK(settles(h, [&] { return socket.is_over(4001); }));
  CHECK(again.sees([&] { return again.loudest > 0.1; }));
  CHECK(h.sessions().size() == 2);
  REQUIRE(h.close());
}

TEST_CASE(
    "Realtime and WHIP: a call that asked for it is gone on with by its id, once, by its key") {
  if (is_missing()) return;
  setenv("HOCKET_TEST_GATEWAY_KEY", "one,other", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(h.open());
  const std::string key = "\r\nAuthorization: Bearer one";
  const std::string calls = "/v1/realtime/calls", at = calls + "?resume=";
  const auto secret =
      body_of(caller::posts(h, "/v1/realtime/client_secrets", key.substr(2),
                            R"({"session":{"type":"realtime","instructions":"Be brief."}})"));
  const auto token = "\r\nAuthorization: Bearer " + text_of(secret, "value");
  caller first(h), second(h), third(h), fourth(h), plain(h), encoder(h), later(h);
  first.offers();
  first.accepts(first.calls(at, token));
  REQUIRE(first.got("session.created"));
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  const auto id = id_of(first);
  first.exchange.stop(0);
  second.offers();
  // Not by nobody, by another key, by a guess, in another protocol; nor one that did not ask for it.
  CHECK(is(second.calls(at + id), 401));
  CHECK(is(second.calls(at + id, "\r\nAuthorization: Bearer guessed"), 404));
  CHECK(is(second.calls(at + id, "\r\nAuthorization: Bearer other"), 404));
  CHECK(is(second.calls(at + "rtc_guessed", key), 404));
  CHECK(is(second.calls("/v1/whip?resume=" + id, key), 404));
  plain.offers();
  plain.accepts(plain.calls(calls, key));
  REQUIRE(plain.got("session.created"));
  CHECK(is(second.calls(at + id_of(plain), key), 404));
  // Two at once, by the token of the first one, spent as it is: one goes on.
  second.accepts(second.calls(at + id, token));
  third.offers();
  third.accepts(third.calls(at + id, token));
  REQUIRE(settles(h, [&] { return h.counter("resumed") == 1; }));
  const auto has = [](caller& c, const char* type) { return !last_of(c, type).is_null(); };
  CHECK(settles(h, [&] { return has(second, "error") || has(third, "error"); }));
  CHECK(
      settles(h, [&] { return has(second, "session.created") != has(third, "session.created"); }));
  caller& goes_on = has(second, "session.created") ? second : third;
  caller& refused = has(second, "session.created") ? third : second;
  CHECK(last_of(goes_on, "session.created")["session"]["instructions"] == "Be brief.");
  CHECK(text_of(last_of(refused, "error")["error"], "code") == "connection_ended");
  CHECK(refused.sees([&] { return refused.is_over; }));
  CHECK(h.counter("resumed") == 1);
  CHECK(h.sessions().size() == 3);
  // The id of the first call is spent; that of the one that goes on is not.
  fourth.offers();
  CHECK(is(fourth.calls(at + id, token), 404));
  fourth.accepts(fourth.calls(at + id_of(goes_on), token));
  CHECK(fourth.got("session.created"));
  CHECK(goes_on.sees([&] { return goes_on.is_over; }));
  CHECK(text_of(last_of(goes_on, "error")["error"], "message").find("another connection") == 0);
  CHECK(h.sessions().size() == 3);
  // WHIP, which has no words: the same conversation hears on.
  encoder.offers();
  encoder.accepts(encoder.calls("/v1/whip?resume=", key));
  REQUIRE(encoder.sees([&] { return encoder.is_open; }));
  CHECK(settles(h, [&] {
    encoder.line->play(talk::tone(20, inner_rate_hz, 0.3));
    return h.sessions().size() == 4;
  }));
  later.offers();
  later.accepts(later.calls("/v1/whip?resume=" + id_of(encoder), key));
  CHECK(encoder.sees([&] { return encoder.is_over; }));
  CHECK(h.sessions().size() == 4);
  CHECK(is(caller::posts(h, later.location, key.substr(2), "", "DELETE"), 200));
  CHECK(settles(h, [&] { return h.sessions().size() == 3; }));
  REQUIRE(h.close());
}

TEST_CASE("with a call that never stood no other goes on") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller first(h), second(h);
  first.offers();
  CHECK(is(first.calls("/v1/realtime/calls?resume="), 201));
  second.offers();
  second.accepts(second.calls("/v1/realtime/calls?resume=" + id_of(first)));
  REQUIRE(second.got("error"));
  CHECK(text_of(last_of(second, "error")["error"], "code") == "connection_ended");
  CHECK(h.sessions().size() == 1);
  CHECK(h.counter("resumed") == 0);
  REQUIRE(h.close());
}

TEST_CASE("a call that may be gone on with waits for that, and no longer; others end as they did") {
  if (is_missing()) return;
  harness h(type_of<door>(), options({{"resume_s", 2}}));
  REQUIRE(h.open());
  caller waits(h), ends(h);
  waits.offers();
  waits.accepts(waits.calls("/v1/realtime/calls?resume="));
  REQUIRE(waits.got("session.created"));  // one after the other: a busy machine takes its time
  ends.offers();
  ends.accepts(ends.calls("/v1/realtime/calls"));
  REQUIRE(ends.got("session.created"));
  REQUIRE(settles(h, [&] { return h.sessions().size() == 3; }));
  waits.exchange.stop(1'000);
  ends.exchange.stop(1'000);
  CHECK(settles(h, [&] { return h.sessions().size() == 2 && h.counter("lingering") == 1; }));
  REQUIRE(h.advance(std::chrono::milliseconds(3'000)));
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  // One that waits can be ended, too.
  caller ended(h), late(h);
  ended.offers();
  ended.accepts(ended.calls("/v1/whip?resume="));
  REQUIRE(ended.sees([&] { return ended.is_open; }));
  CHECK(settles(h, [&] {
    ended.line->play(talk::tone(20, inner_rate_hz, 0.3));
    return h.sessions().size() == 2;
  }));
  ended.exchange.stop(1'000);
  REQUIRE(settles(h, [&] { return h.counter("lingering") == 2; }));
  CHECK(is(caller::posts(h, ended.location, "A: b", "", "DELETE"), 200));
  CHECK(h.sessions().size() == 1);
  late.offers();
  CHECK(is(late.calls("/v1/realtime/calls?resume=" + id_of(waits)), 404));
  REQUIRE(h.close());
}

TEST_CASE("who comes back needs no other place, nor another token; who only says so gets none") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(),
            options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}, {"max_sessions", 1}}));
  REQUIRE(h.open());
  const auto token = token_of(h);
  http::websocket_client by;
  app first, full, begins, guess, other_key, cheat, again;
  const auto url = url_of(h) + "/v1/hocket";
  first.connect(by, url, token);
  REQUIRE(settles(h, [&] { return first.is_open(); }));
  first.send({{"type", "start"}});
  REQUIRE(settles(h, [&] { return first.got("hello") && h.sessions().size() == 2; }));
  const auto key = text_of(first.last("hello"), "resume");
  first.socket->abort();
  REQUIRE(settles(h, [&] { return h.counter("lingering") == 1; }));
  full.connect(by, url_of(h) + "/v1/realtime", {{"Authorization", "Bearer one"}});
  CHECK(becomes([&] { return full.is_refused("503"); }));
  begins.connect(by, url, {{"Authorization", "Bearer one"}});  // it may mean that one
  REQUIRE(settles(h, [&] { return begins.is_open(); }));
  begins.send({{"type", "start"}});
  CHECK(settles(h, [&] { return begins.is_over(1013); }));
  guess.connect(by, url + "?resume=guessed", token);
  CHECK(becomes([&] { return guess.is_refused("401"); }));
  other_key.connect(by, url + "?resume=" + key, {{"Authorization", "Bearer ek_stolen"}});
  CHECK(becomes([&] { return other_key.is_refused("401"); }));
  cheat.connect(by, url + "?resume=" + key, token);
  REQUIRE(settles(h, [&] { return cheat.is_open(); }));
  cheat.send({{"type", "start"}});  // a new one, without a place
  CHECK(settles(h, [&] { return cheat.is_over(1013); }));
  CHECK(h.sessions().size() == 2);
  again.connect(by, url + "?resume=" + key, token);
  REQUIRE(settles(h, [&] { return again.is_open(); }));
  again.send({{"type", "start"}, {"resume", {{"key", key}, {"after", 0}}}});
  CHECK(settles(h, [&] { return again.got("hello"); }));
  CHECK(again.last("hello")["resumed"] == true);
  again.send({{"type", "end"}});
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  REQUIRE(h.close());
}

TEST_CASE(
    "a spent token goes on with its conversation, and begins no other where there is a place") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(h.open());
  const auto token = token_of(h);
  http::websocket_client by;
  app first, own, realtime, again;
  const auto url = url_of(h) + "/v1/hocket";
  first.connect(by, url, token);
  REQUIRE(settles(h, [&] { return first.is_open(); }));
  first.send({{"type", "start"}});
  REQUIRE(settles(h, [&] { return first.got("hello") && h.sessions().size() == 2; }));
  const auto key = text_of(first.last("hello"), "resume");
  own.connect(by, url + "?resume=" + key, token);
  realtime.connect(by, url_of(h) + "/v1/realtime?resume=" + key, token);
  REQUIRE(settles(h, [&] { return own.is_open(); }));
  own.send({{"type", "start"}});
  CHECK(settles(h, [&] { return own.is_over(1013) && realtime.is_refused("404"); }));
  CHECK(h.sessions().size() == 2);
  again.connect(by, url + "?resume=" + key, token);
  REQUIRE(settles(h, [&] { return again.is_open(); }));
  again.send({{"type", "start"}, {"resume", {{"key", key}, {"after", 0}}}});
  CHECK(settles(h, [&] { return again.got("hello"); }));
  REQUIRE(h.close());
}
