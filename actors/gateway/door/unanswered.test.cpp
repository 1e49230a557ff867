// What people are told where nothing answers them.
#include "actors/gateway/door/app.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

/// What answers is gone, or there again, for a conversation, or (`none`) for all.
void model_is(harness& h, control::kind what, session_id of = session_id::none) {
  h.use_session(of);
  control c;
  c.what = what;
  REQUIRE(h.control_packet("audio", c));
}

constexpr auto gone = control::kind::input_lost, back = control::kind::input_recovered;

/// One app of each protocol at a gateway.
struct everybody {
  explicit everybody(harness& h) {
    const std::string gemini =
        "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent";
    own.connect(by, url_of(h) + "/v1/hocket");
    realtime.connect(by, url_of(h) + "/v1/realtime");
    live.connect(by, url_of(h) + "/v1/live/sessions");
    google.connect(by, url_of(h) + gemini);
    REQUIRE(settles(h, [&] {
      return own.is_open() && realtime.got("session.created") && live.is_open() && google.is_open();
    }));
    own.send({{"type", "start"}});
    live.send({{"type", "session.start"}, {"session", {{"model", "m"}}}});
    google.send({{"setup", {{"model", "models/m"}}}});
  }
  app own, realtime, live, google;
  http::websocket_client by;
};

}  // namespace

TEST_CASE(
    "a model that is gone: each is told in his protocol, and goes on, or ends and hears why") {
  harness h(type_of<door>(), options({{"lost_s", 10}}));
  REQUIRE(h.open());
  everybody all(h);
  REQUIRE(settles(h, [&] { return h.sessions().size() == 5; }));
  model_is(h, gone);
  CHECK(settles(h, [&] { return all.own.last("model")["there"] == false; }));
  CHECK(settles(h, [&] { return all.realtime.got("response.done"); }));
  CHECK(all.realtime.last("response.done")["response"]["status"] == "failed");
  CHECK(settles(h, [&] { return all.live.got("error") && all.google.got("goAway"); }));
  CHECK(all.google.last("goAway")["goAway"]["timeLeft"] == "10s");
  REQUIRE(h.advance_to(timestamp::of_ms(8'000)));
  model_is(h, back);
  CHECK(settles(h, [&] { return all.own.last("model")["there"] == true; }));
  REQUIRE(h.advance_to(timestamp::of_ms(20'000)));
  CHECK(h.sessions().size() == 5);
  model_is(h, gone);
  REQUIRE(h.advance_to(timestamp::of_ms(31'000)));
  for (app* a : {&all.own, &all.realtime, &all.live, &all.google})
    CHECK(settles(h, [&] { return a->is_over(1011); }));
  CHECK(all.own.last("bye")["reason"] == "what answers is gone");
  CHECK(all.realtime.last("error")["error"]["code"] == "model_unavailable");
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  REQUIRE(h.close());
}

TEST_CASE(
    "who comes while nothing answers is refused at once, in his protocol, and told to come again") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  const auto ready = [&] { return ask(h, "GET /readyz HTTP/1.1").substr(9, 3); };
  CHECK(ready() == "200");
  model_is(h, gone);
  CHECK(settles(h, [&] { return ready() == "503"; }));
  const auto why = ask(h, "GET /readyz HTTP/1.1");
  CHECK(why.find("Retry-After: 5") != why.npos);
  CHECK(body_of(why)["error"]["code"] == "model_unavailable");
  CHECK(ask(h, "GET /healthz HTTP/1.1").substr(9, 3) ==
        "200");  // it is not what is to be restarted
  CHECK(body_of(ask(h, "GET /v1/hocket/page HTTP/1.1"))["answers"] == false);
  http::websocket_client by;
  app own, google, realtime, live;
  realtime.connect(by, url_of(h) + "/v1/realtime");
  live.connect(by, url_of(h) + "/v1/live/sessions");
  CHECK(becomes([&] { return realtime.is_refused("503") && live.is_refused("503"); }));
  // These may mean a conversation that waits: their first message tells.
  own.connect(by, url_of(h) + "/v1/hocket");
  google.connect(by, url_of(h) +
                         "/ws/google.ai.generativelanguage.v1.GenerativeService."
                         "BidiGenerateContent");
  REQUIRE(settles(h, [&] { return own.is_open() && google.is_open(); }));
  own.send({{"type", "start"}});
  google.send({{"setup", {{"model", "models/m"}}}});
  CHECK(settles(h, [&] { return own.is_over(1013) && google.is_over(1013); }));
  CHECK(own.last("error")["code"] == "model_unavailable");
  CHECK_FALSE(own.got("hello"));
  CHECK(h.sessions().size() == 1);
  CHECK(h.counter("refused_without_model") == 4);
  model_is(h, back);
  CHECK(settles(h, [&] { return ready() == "200"; }));
  everybody all(h);
  CHECK(settles(h, [&] { return h.sessions().size() == 5; }));
  REQUIRE(h.close());
}

TEST_CASE(
    "of several replicas one is gone: its people alone are told; all are gone, and one is back") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  http::websocket_client by;
  app first, second;
  const auto comes = [&](app& who) {
    who.connect(by, url_of(h) + "/v1/hocket");
    REQUIRE(settles(h, [&] { return who.is_open(); }));
    const auto before = h.sessions().size();
    who.send({{"type", "start"}});
    REQUIRE(settles(h, [&] { return who.got("hello") && h.sessions().size() == before + 1; }));
    return h.sessions().back();
  };
  const auto one = comes(first), two = comes(second);
  const auto there = [](app& who) { return member(who.last("model"), "there"); };
  model_is(h, gone, one);
  CHECK(settles(h, [&] { return there(first) == false; }));
  CHECK(there(second).is_null());
  app meanwhile;
  comes(meanwhile);
  // The last one goes: its conversations, and the word that none is left.
  model_is(h, gone, two);
  model_is(h, gone);
  CHECK(settles(h, [&] { return there(second) == false && there(meanwhile) == false; }));
  CHECK(first.count("model") == 1);
  // The second one is back: who is with the first one waits on, and is not told twice.
  model_is(h, back, two);
  model_is(h, back);
  CHECK(settles(h, [&] { return there(second) == true && there(meanwhile) == true; }));
  CHECK(first.count("model") == 1);
  app later;
  comes(later);
  CHECK_FALSE(later.got("model"));
  model_is(h, back, one);
  CHECK(settles(h, [&] { return there(first) == true; }));
  REQUIRE(h.close());
}

TEST_CASE("who has a conversation may come back to it while nothing answers") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  http::websocket_client by;
  app a, b;
  a.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return a.is_open(); }));
  a.send({{"type", "start"}});
  REQUIRE(settles(h, [&] { return a.got("hello") && h.sessions().size() == 2; }));
  model_is(h, gone);
  REQUIRE(settles(h, [&] { return a.got("model"); }));
  a.socket->abort();
  REQUIRE(settles(h, [&] { return h.counter("lingering") == 1; }));
  b.connect(by, url_of(h) + "/v1/hocket");
  REQUIRE(settles(h, [&] { return b.is_open(); }));
  b.send({{"type", "start"}, {"resume", {{"key", a.last("hello")["resume"]}, {"after", 0}}}});
  CHECK(settles(h, [&] { return b.got("hello") && member(b.last("model"), "there") == false; }));
  REQUIRE(h.close());
}
