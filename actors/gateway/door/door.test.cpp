#include "actors/gateway/door/app.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

TEST_CASE("each path has its protocol, each client its place for the key") {
  CHECK(protocol_at("/v1/realtime") == protocol_kind::realtime);
  CHECK(protocol_at("/v1/live/sessions") == protocol_kind::live);
  CHECK(protocol_at("/v1/hocket") == protocol_kind::own);
  for (const char* version : {"v1", "v1beta", "v1alpha", "v2"})
    CHECK(protocol_at(std::string("/ws/google.ai.generativelanguage.") + version +
                      ".GenerativeService.BidiGenerateContent") == protocol_kind::gemini);
  CHECK(protocol_at("/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent") ==
        protocol_kind::gemini);
  for (const char* other : {"/", "/v1/realtime/", "/v1/realtime/calls", "/ws/google.evil", ""})
    CHECK(protocol_at(other) == protocol_kind::none);
  const auto key = [](http::header_list headers, std::string query = "") {
    http::request r;
    r.headers = std::move(headers);
    r.query = std::move(query);
    return key_of(r);
  };
  CHECK(key({{"authorization", "Bearer k"}}) == "k");
  CHECK(key({{"Authorization", "Token auth_tokens/k"}}) == "auth_tokens/k");
  CHECK(key({{"X-Goog-Api-Key", "k"}}) == "k");
  CHECK(key({{"api-key", "k"}}) == "k");
  CHECK(key({}, "a=b&key=k%2Bk") == "k+k");
  CHECK(key({}, "access_token=k") == "k");
  CHECK(key({{"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.k, x"}}) == "k");
  CHECK(key({{"Sec-WebSocket-Protocol", "hocket, hocket-key.k_-"}}) == "k_-");
  CHECK(key({}) == "");
  const auto beta = [](http::header_list headers) {
    http::request r;
    r.headers = std::move(headers);
    return wants_beta(r);
  };
  CHECK(beta({{"openai-beta", "assistants=v2, realtime=v1"}}));
  CHECK(beta({{"Sec-WebSocket-Protocol", "realtime, openai-beta.realtime-v1"}}));
  CHECK(!beta({{"OpenAI-Beta", "realtime=v2"}}));
  CHECK(!beta({}));
}

TEST_CASE("an app talks with the graph over a WebSocket") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  app a;
  http::websocket_client by;
  a.connect(by, url_of(h) + "/v1/realtime?model=x");
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  CHECK(settles(h, [&] { return a.got("session.created"); }));
  const auto session = h.sessions().back();
  REQUIRE(h.advance_to(timestamp::of_ms(1000)));
  a.socket->send(
      json{{"type", "input_audio_buffer.append"}, {"audio", sound_of_client(400, 0.3)}}.dump());
  REQUIRE(settles(h, [&] { return !h.outputs("audio").empty(); }));
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  std::int64_t next = -1, samples = 0;
  for (const auto& p : h.outputs("audio")) {
    CHECK(p.header.session == session);
    const auto& chunk = *p.get_if<audio_chunk>();
    if (next >= 0) CHECK(chunk.first_sample == next);
    next = chunk.first_sample + chunk.frames();
    samples += chunk.frames();
  }
  CHECK(samples > 5'500);
  a.socket->send(json{{"type", "conversation.item.create"},
                      {"item",
                       {{"type", "message"},
                        {"role", "user"},
                        {"content", json::array({json{{"type", "input_text"}, {"text", "hi"}}})}}}}
                     .dump());
  a.socket->send(R"({"type":"response.create"})");
  REQUIRE(settles(h, [&] { return h.values<text>("text").size() == 1; }));
  CHECK(h.values<text>("text")[0].value == "hi");
  h.use_session(session);
  REQUIRE(h.push("text", timestamp::of_ms(2000), text{"Hello", "model"}));
  auto voice = talk::tone(200, inner_rate_hz, 0.3);
  REQUIRE(h.push("audio", timestamp::of_ms(2000),
                 audio_chunk{inner_rate_hz, 1, 32'000, buffer::take(std::move(voice))}));
  REQUIRE(h.advance_to(timestamp::of_ms(3000)));  // nobody heard the end of what was said
  CHECK(becomes([&] {
    return a.got("response.output_audio.delta") && a.got("response.output_audio_transcript.delta");
  }));
  a.socket->send(R"({"type":"response.cancel"})");
  CHECK(settles(h, [&] { return h.interrupts() == 1; }));
  a.socket->close(1000, "");
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("conversations have a number, a length and an end that is told") {
  harness h(type_of<door>(), options({{"max_sessions", 1}, {"idle_limit_s", 20}}));
  REQUIRE(h.open());
  app first, second, third, lost, sideband;
  http::websocket_client by;
  first.connect(by, url_of(h) + "/v1/realtime");
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  second.connect(by, url_of(h) + "/v1/realtime");
  CHECK(becomes([&] { return second.is_refused("503"); }));
  // A second connection to a call is no new conversation, which would answer in its place.
  sideband.connect(by, url_of(h) + "/v1/realtime?call_id=rtc_1");
  CHECK(becomes([&] { return sideband.is_refused("404"); }));
  lost.connect(by, url_of(h) + "/nowhere");
  CHECK(becomes([&] { return lost.is_refused("404"); }));
  REQUIRE(h.advance_to(timestamp::of_ms(21'000)));
  CHECK(settles(h, [&] { return first.is_over(1001) && h.sessions().size() == 1; }));
  third.connect(by, url_of(h) + "/v1/live/sessions");
  REQUIRE(settles(h, [&] { return third.is_open(); }));
  CHECK(h.sessions().size() == 1);  // who has not said a word takes up nothing
  third.socket->send(R"({"type":"session.start","session":{"model":"m"}})");
  CHECK(settles(h, [&] { return third.got("session.started") && h.sessions().size() == 2; }));
  REQUIRE(h.close());
  CHECK(becomes([&] { return third.got("session.closed"); }));
}

TEST_CASE("a gateway starts where it has conversations, and keys where others can reach it") {
  harness public_one(type_of<door>(), {.config = settings({{"listen", "tcp://0.0.0.0:0"}})});
  CHECK(public_one.open().error().code == "gateway.needs_keys");
  setenv("HOCKET_TEST_GATEWAY_KEY", "one,two", 1);
  harness in_plain(type_of<door>(), {.config = settings({{"listen", "tcp://0.0.0.0:0"},
                                                         {"beyond_loopback", true},
                                                         {"tls", false},
                                                         {"key_env", "HOCKET_TEST_GATEWAY_KEY"}})});
  CHECK(in_plain.open().error().code == "gateway.needs_tls");
  harness no_key(type_of<door>(), options({{"key_env", "HOCKET_TEST_NO_SUCH_KEY"}}));
  CHECK(no_key.open().error().code == "gateway.no_keys");
  setenv("HOCKET_TEST_GATEWAY_KEY", "one,two", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(h.open());
  app with, without;
  http::websocket_client by;
  without.connect(by, url_of(h) + "/v1/realtime", {{"Authorization", "Bearer three"}});
  with.connect(by, url_of(h) + "/v1/realtime", {{"Authorization", "Bearer two"}});
  CHECK(becomes([&] { return without.is_refused("401"); }));
  CHECK(settles(h, [&] { return with.got("session.created"); }));
}
