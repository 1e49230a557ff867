// Going on with a conversation takes neither a place nor a start, in any protocol: a gateway is full, and
// all of its people come back at once.
#include "actors/gateway/door/caller.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

/// A gateway with that many places, and no more starts a minute.
harness_options places(std::int64_t n, std::vector<setting> more = {}) {
  more.push_back({"max_sessions", n});
  more.push_back({"starts_per_minute", n});
  return options(std::move(more));
}

/// A protocol whose first message may go on.
struct first_message {
  const char* path;
  json (*begins)(const std::string& key);
  std::string (*key)(app& who);
  const char* answer;
};

const first_message protocols[] = {
    {"/v1/hocket",
     [](const std::string& key) {
       json out = {{"type", "start"}};
       if (!key.empty()) out["resume"] = {{"key", key}, {"after", 0}};
       return out;
     },
     [](app& who) { return text_of(who.last("hello"), "resume"); }, "hello"},
    {"/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
     [](const std::string& key) {
       json out = {{"setup", {{"model", "models/m"}, {"sessionResumption", json::object()}}}};
       if (!key.empty()) out["setup"]["sessionResumption"]["handle"] = key;
       return out;
     },
     [](app& who) {
       return text_of(who.last("sessionResumptionUpdate")["sessionResumptionUpdate"], "newHandle");
     },
     "setupComplete"}};

void comes(harness& h, http::websocket_client& by, app& who, const first_message& p,
           const std::string& key = "", http::header_list headers = {}) {
  who.connect(by, url_of(h) + p.path, std::move(headers));
  REQUIRE(settles(h, [&] { return who.is_open() || who.is_over(); }));
  REQUIRE_MESSAGE(who.is_open(), who.failed);
  who.send(p.begins(key));
}

/// With what it goes on, as soon as it was told.
std::string key_of(harness& h, app& who, const first_message& p) {
  CHECK(settles(h, [&] { return !p.key(who).empty(); }));
  return p.key(who);
}

std::string id_of(const caller& c) { return c.location.substr(c.location.rfind('/') + 1); }

}  // namespace

TEST_CASE("a full gateway: all come back at once by WebSocket, and nobody else comes in") {
  for (const auto& p : protocols) {
    CAPTURE(p.path);
    harness h(type_of<door>(), places(2));
    REQUIRE(h.open());
    app first[2], again[2], other, elsewhere;
    http::websocket_client by;
    std::string keys[2];
    for (int i = 0; i < 2; ++i) {
      comes(h, by, first[i], p);
      keys[i] = key_of(h, first[i], p);
    }
    REQUIRE(settles(h, [&] { return h.sessions().size() == 3; }));
    for (auto& one : first) one.socket->abort();
    // The one before the other has gone on, and before anybody is known to be gone.
    for (auto& one : again) one.connect(by, url_of(h) + p.path);
    REQUIRE(settles(h, [&] { return again[0].is_open() && again[1].is_open(); }));
    for (int i = 0; i < 2; ++i) again[i].send(p.begins(keys[i]));
    CHECK(settles(h, [&] { return again[0].got(p.answer) && again[1].got(p.answer); }));
    CHECK(h.counter("resumed") == 2);
    // Who begins a new one has no place; what cannot mean one of these is refused before it is opened.
    comes(h, by, other, p);
    CHECK(settles(h, [&] { return other.is_over(1013); }));
    elsewhere.connect(by, url_of(h) + "/v1/realtime");
    CHECK(becomes([&] { return elsewhere.is_refused("429"); }));
    CHECK(h.sessions().size() == 3);
    REQUIRE(h.close());
  }
}

TEST_CASE(
    "a full gateway: who named his WebSocket of Realtime or Live goes on, by its session's id") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one,two", 1);
  struct named {
    const char* path;
    const char* answer;
    json first;
  };
  const named both[] = {
      {"/v1/realtime", "session.created", json()},
      {"/v1/live/sessions",
       "session.started",
       {{"type", "session.start"}, {"session", {{"model", "m"}, {"instructions", "Be brief."}}}}}};
  for (const auto& p : both) {
    CAPTURE(p.path);
    harness h(type_of<door>(), places(1, {{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
    REQUIRE(h.open());
    const auto at = url_of(h) + p.path + "?resume=";
    const auto token = token_of(h);
    http::websocket_client by;
    app first, again, once_more, other, nobody, guess, beside, full;
    first.connect(by, at, token);
    REQUIRE(settles(h, [&] { return first.is_open(); }));
    if (!p.first.is_null()) first.send(p.first);
    REQUIRE(settles(h, [&] { return first.got(p.answer) && h.sessions().size() == 2; }));
    const auto id = text_of(first.last(p.answer)["session"], "id");
    first.send(
        {{"type", "session.update"}, {"event_id", "e"}, {"session", {{"type", "realtime"}}}});
    first.socket->abort();
    REQUIRE(settles(h, [&] { return h.counter("lingering") == 1; }));
    // Not by another key, by none, by a guess; a new one has no place.
    other.connect(by, at + id, {{"Authorization", "Bearer two"}});
    nobody.connect(by, at + id);
    guess.connect(by, at + "sess_guessed", token);
    full.connect(by, at, {{"Authorization", "Bearer one"}});
    CHECK(settles(h, [&] {
      return other.is_refused("404") && nobody.is_refused("401") && guess.is_refused("404") &&
             full.is_refused("429");
    }));
    again.connect(by, at + id, token);  // spent as it is
    REQUIRE(settles(h, [&] { return again.got(p.answer); }));
    CHECK(text_of(again.last(p.answer)["session"], "id") == id);
    // It lives, and does not know yet that it is dead.
    once_more.connect(by, at + id, {{"Authorization", "Bearer one"}});
    CHECK(settles(h, [&] { return once_more.got(p.answer) && again.is_over(4001); }));
    CHECK(h.counter("resumed") == 2);
    CHECK(h.sessions().size() == 2);
    // It is no call: nobody stands beside it.
    const auto attach = p.path + ("/" + id + "/attach");
    beside.connect(by, url_of(h) + (p.first.is_null() ? "/v1/realtime?call_id=" + id : attach),
                   token);
    CHECK(becomes([&] { return beside.is_refused("404"); }));
    once_more.socket->close(1000, "");
    CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
    REQUIRE(h.close());
  }
}

TEST_CASE("Realtime: who goes on by WebSocket is told the conversation so far, and hears on") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  http::websocket_client by;
  app first, again, plain;
  const auto at = url_of(h) + "/v1/realtime";
  first.connect(by, at + "?resume=");
  REQUIRE(settles(h, [&] { return first.got("session.created") && h.sessions().size() == 2; }));
  first.send({{"type", "session.update"},
              {"session", {{"type", "realtime"}, {"instructions", "Be brief."}}}});
  first.send({{"type", "conversation.item.create"},
              {"item",
               {{"id", "mine"},
                {"type", "message"},
                {"role", "user"},
                {"content", json::array({json{{"type", "input_text"}, {"text", "hello"}}})}}}});
  REQUIRE(settles(h, [&] { return first.got("conversation.item.done"); }));
  first.socket->abort();
  const auto id = text_of(first.last("session.created")["session"], "id");
  again.connect(by, at + "?resume=" + id);
  REQUIRE(settles(h, [&] { return again.got("conversation.item.done"); }));
  CHECK(again.last("session.created")["session"]["instructions"] == "Be brief.");
  CHECK(again.last("conversation.item.done")["item"]["id"] == "mine");
  h.use_session(h.sessions().back());
  CHECK(settles(h, [&] {
    static std::int64_t at_ms = 0;
    REQUIRE(h.push("audio", timestamp::of_ms(at_ms += 200),
                   audio_chunk{inner_rate_hz, 1, at_ms * 16,
                               buffer::take(talk::tone(200, inner_rate_hz, 0.3))}));
    return again.got("response.output_audio.delta");
  }));
  // Who did not ask for it ends with his connection, as he always did.
  plain.connect(by, at);
  REQUIRE(settles(h, [&] { return plain.got("session.created") && h.sessions().size() == 3; }));
  plain.socket->abort();
  CHECK(settles(h, [&] { return h.sessions().size() == 2; }));
  REQUIRE(h.close());
}

TEST_CASE("a token that has let in goes on with its conversation, by its first message alone") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  for (const auto& p : protocols) {
    CAPTURE(p.path);
    harness h(type_of<door>(), places(2, {{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
    REQUIRE(h.open());
    const auto token = token_of(h);
    app first, again, cheat, elsewhere, late;
    http::websocket_client by;
    comes(h, by, first, p, "", token);
    const auto key = key_of(h, first, p);
    REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
    first.socket->abort();
    comes(h, by, again, p, key, token);
    CHECK(settles(h, [&] { return again.got(p.answer); }));
    CHECK(h.counter("resumed") == 1);
    // It begins no other, although there is a place; in another protocol it is not known.
    comes(h, by, cheat, p, "", token);
    CHECK(settles(h, [&] { return cheat.is_over(1013); }));
    elsewhere.connect(by, url_of(h) + "/v1/realtime", token);
    CHECK(becomes([&] { return elsewhere.is_refused("401"); }));
    CHECK(h.sessions().size() == 2);
    again.socket->close(1000, "");
    if (&p != protocols) {  // Gemini's may still come back after that
      REQUIRE(settles(h, [&] { return h.counter("lingering") == 2; }));
      REQUIRE(h.advance(std::chrono::seconds(61)));
    }
    REQUIRE(settles(h, [&] { return h.sessions().size() == 1; }));
    late.connect(by, url_of(h) + p.path, token);
    CHECK(becomes([&] { return late.is_refused("401"); }));
    REQUIRE(h.close());
  }
}

TEST_CASE("who was let in to go on, and begins a new one, has the place that is free by then") {
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(),
            options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}, {"max_sessions", 1}}));
  REQUIRE(h.open());
  const auto& p = protocols[0];
  const auto token = token_of(h);
  const http::header_list key = {{"Authorization", "Bearer one"}};
  app first, refused, other, silent;
  http::websocket_client by;
  comes(h, by, first, p, "", key);
  REQUIRE(settles(h, [&] { return first.got("hello") && h.sessions().size() == 2; }));
  // What was refused for want of a place has not spent its token.
  comes(h, by, refused, p, "", token);
  REQUIRE(settles(h, [&] { return refused.is_over(1013); }));
  other.connect(by, url_of(h) + p.path, token);
  REQUIRE(settles(h, [&] { return other.is_open(); }));
  first.send({{"type", "end"}});
  REQUIRE(settles(h, [&] { return h.sessions().size() == 1; }));
  other.send(p.begins(""));
  CHECK(settles(h, [&] { return other.got("hello") && h.sessions().size() == 2; }));
  // Who says nothing holds nothing, and is not waited for.
  silent.connect(by, url_of(h) + p.path, key);
  REQUIRE(settles(h, [&] { return silent.is_open(); }));
  REQUIRE(h.advance(std::chrono::milliseconds(11'000)));
  CHECK(settles(h, [&] { return silent.is_over(1013); }));
  CHECK(h.sessions().size() == 2);
  REQUIRE(h.close());
}

TEST_CASE("a full gateway: another call goes on, in each protocol that has calls") {
  if (is_missing()) return;
  for (const auto kind : with_calls) {
    CAPTURE(to_string(kind));
    harness h(type_of<door>(), places(1));
    REQUIRE(h.open());
    const auto path = std::string(call_path(kind));
    const bool is_own = kind == protocol_kind::own;
    const auto stands = [&](caller& c, const std::string& query) {
      c.offers();
      if (kind != protocol_kind::live) return c.accepts(c.calls(path + query));
      const json what = {{"session", {{"model", "m"}}},
                         {"transport", {{"type", "webrtc"}, {"sdp", c.sdp}}}};
      const auto answer =
          caller::posts(h, path + query, "Content-Type: application/json", what.dump());
      REQUIRE_MESSAGE(is(answer, 201), answer);
      c.location = path + "/" + text_of(body_of(answer)["session"], "id");
      const auto read = webrtc::read_description(text_of(body_of(answer)["transport"], "sdp"));
      REQUIRE(read);
      REQUIRE(c.line->accept(*read));
    };
    caller first(h), again(h);
    stands(first, is_own ? "" : "?resume=");
    REQUIRE(first.sees([&] { return first.is_open; }));
    if (is_own) CHECK(first.line->send(R"({"type":"start"})", true));
    CHECK(settles(h, [&] {
      first.line->play(talk::tone(20, inner_rate_hz, 0.3));  // WHIP has no other word
      return h.sessions().size() == 2;
    }));
    std::string key;
    if (is_own) {
      REQUIRE(first.got("hello"));
      first.locked([&] { key = text_of(first.messages.front(), "resume"); });
    }
    first.exchange.stop(0);
    stands(again, is_own ? "" : "?resume=" + id_of(first));
    REQUIRE(again.sees([&] { return again.is_open; }));
    if (is_own) CHECK(again.line->send(protocols[0].begins(key).dump(), true));
    CHECK(settles(h, [&] { return h.counter("resumed") == 1; }));
    CHECK(h.sessions().size() == 2);
    REQUIRE(h.close());
  }
}
