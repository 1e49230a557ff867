#include <doctest/doctest.h>

#include "actors/gateway/door/caller.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

TEST_CASE("an app calls: events over its channel, sound both ways, hang-up") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller a(h);
  a.offers();
  const auto answer = a.calls("/v1/realtime/calls?model=x");
  REQUIRE_MESSAGE(is(answer, 201), answer);
  CHECK(answer.find("Content-Type: application/sdp") != answer.npos);
  CHECK(a.location.starts_with("/v1/realtime/calls/rtc_"));
  CHECK(answer.find("a=msid:hocket voice") != answer.npos);
  CHECK(answer.find("a=candidate:") != answer.npos);
  a.accepts(answer);
  REQUIRE(a.got("session.created"));
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  h.use_session(h.sessions().back());
  sound_goes_both_ways(a);
  CHECK(a.got("output_audio_buffer.started"));
  a.locked([&] {
    for (const auto& m : a.messages) CHECK(text_of(m, "type") != "response.output_audio.delta");
  });
  CHECK(a.line->send(R"({"type":"output_audio_buffer.clear"})", true));
  CHECK(a.got("output_audio_buffer.cleared"));
  CHECK(is(caller::posts(h, "/v1/realtime/calls/rtc_other/hangup", "A: b", ""), 404));
  CHECK(is(caller::posts(h, a.location + "/hangup", "A: b", ""), 200));
  CHECK(is(caller::posts(h, a.location + "/hangup", "A: b", ""), 404));
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  CHECK(a.sees([&] { return a.is_over; }));
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("the page's own protocol over a call; WHIP, which is sound alone") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller page(h), encoder(h);
  page.offers();
  page.accepts(page.calls("/v1/hocket/calls"));
  REQUIRE(page.sees([&] { return page.is_open; }));
  CHECK(page.line->send(R"({"type":"start"})", true));
  CHECK(page.got("hello"));
  CHECK(page.line->send(R"({"type":"end"})", true));
  CHECK(page.got("bye"));
  encoder.offers();
  const auto answer = encoder.calls("/v1/whip");
  CHECK(is(answer, 201));
  encoder.accepts(answer);
  REQUIRE(encoder.sees([&] { return encoder.is_open; }));
  REQUIRE(settles(h, [&] { return h.sessions().size() == 1; }));
  CHECK(settles(h, [&] {
    encoder.line->play(talk::tone(20, inner_rate_hz, 0.3));
    return h.sessions().size() == 2;
  }));
  CHECK(is(caller::posts(h, encoder.location, "A: b", "", "PATCH"), 405));
  CHECK(is(caller::posts(h, encoder.location, "A: b", "", "DELETE"), 200));
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  REQUIRE(h.close());
}

TEST_CASE(
    "what is no call is refused before anything is set up; places and tokens hold for calls") {
  if (is_missing()) return;
  setenv("HOCKET_TEST_GATEWAY_KEY", "one", 1);
  harness h(type_of<door>(),
            options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}, {"max_sessions", 1}}));
  REQUIRE(h.open());
  caller a(h);
  a.offers();
  const std::string key = "Authorization: Bearer one", calls = "/v1/realtime/calls";
  const auto status = [&](const std::string& headers, const std::string& body) {
    return caller::posts(h, calls, headers, body).substr(9, 3);
  };
  CHECK(status("Content-Type: application/sdp", a.sdp) == "401");
  CHECK(status(key, a.sdp) == "415");
  CHECK(status(key + "\r\nContent-Type: application/sdp", "hello") == "400");
  CHECK(status(key + "\r\nContent-Type: application/sdp", "v=0\r\n") == "400");
  CHECK(status(key + "\r\nContent-Type: multipart/form-data; boundary=b", "--b--") == "400");
  const auto form = [&](const std::string& session) {
    return "--b\r\nContent-Disposition: form-data; name=\"sdp\"\r\n\r\n" + a.sdp +
           "\r\n--b\r\nContent-Disposition: form-data; name=\"session\"\r\n\r\n" + session +
           "\r\n--b--\r\n";
  };
  const auto of_form = key + "\r\nContent-Type: multipart/form-data; boundary=b";
  CHECK(status(of_form, form("[]")) == "400");
  CHECK(status(of_form, form(R"({"output_modalities":["smell"]})")) == "400");
  // A token lets in one call, with its session and the form's over it.
  const auto secret = body_of(caller::posts(
      h, "/v1/realtime/client_secrets", key,
      R"({"session":{"type":"realtime","instructions":"Be brief.","output_modalities":["text"]}})"));
  const auto token = "Authorization: Bearer " + text_of(secret, "value");
  const auto answer =
      caller::posts(h, calls, token + "\r\nContent-Type: multipart/form-data; boundary=b",
                    form(R"({"type":"realtime","output_modalities":["audio"]})"));
  REQUIRE_MESSAGE(is(answer, 201), answer);
  CHECK(status(token + "\r\nContent-Type: application/sdp", a.sdp) == "401");
  CHECK(status(key + "\r\nContent-Type: application/sdp", a.sdp) == "503");
  a.accepts(answer);
  REQUIRE(a.got("session.created"));
  a.locked([&] {
    CHECK(a.messages[0]["session"]["instructions"] == "Be brief.");
    CHECK(a.messages[0]["session"]["output_modalities"][0] == "audio");
  });
  // Its token ends this call, spent as it is, and no other; nobody else's ends it.
  const auto at = answer.find("Location: ") + 10;
  const auto place = answer.substr(at, answer.find("\r\n", at) - at);
  const auto ends = [&](const std::string& path, const std::string& headers) {
    return caller::posts(h, path, headers, "", "DELETE").substr(9, 3);
  };
  CHECK(ends(place, "A: b") == "401");
  CHECK(ends(place, "Authorization: Bearer ek_stolen") == "401");
  CHECK(ends(calls + "/rtc_other", token) == "401");
  CHECK(ends(calls + "/rtc_other", key) == "404");
  CHECK(ends(place, token) == "200");
  caller b(h);
  b.offers();
  CHECK(is(b.calls(calls, "\r\n" + key), 201));  // its place is free again
  REQUIRE(h.close());
}

TEST_CASE("a page of elsewhere takes no place and does nothing; our own and its like may call") {
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  const auto of_page = [&](const std::string& path, const std::string& origin,
                           const std::string& more = "", const char* method = "POST") {
    return caller::posts(
        h, path, "Content-Type: multipart/form-data; boundary=b\r\nOrigin: " + origin + more,
        "--b--", method);
  };
  for (const char* path : {"/v1/realtime/calls", "/v1/hocket/calls", "/v1/whip",
                           "/v1/realtime/calls/rtc_x/hangup", "/v1/realtime/client_secrets"}) {
    for (const char* origin : {"https://evil.example", "null", "http://localhost.evil.example"})
      CHECK_MESSAGE(is(of_page(path, origin), 403), path, " for ", origin);
    CHECK(!is(of_page(path, "http://localhost:5173"), 403));
    CHECK(!is(of_page(path, url_of(h)), 403));
  }
  CHECK(is(of_page("/v1/whip/x", "https://evil.example", "", "DELETE"), 403));
  REQUIRE(h.close());
}

TEST_CASE("what a call's `session` sets to null is null, over nothing and over its token's") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  const auto secret =
      body_of(caller::posts(h, "/v1/realtime/client_secrets", "A: b",
                            R"({"session":{"type":"realtime","instructions":"Be brief.",
          "audio":{"input":{"turn_detection":{"type":"semantic_vad","eagerness":"low"}}}}})"));
  for (const auto& who :
       {std::string("A: b"), "Authorization: Bearer " + text_of(secret, "value")}) {
    caller a(h);
    a.offers();
    const auto answer = caller::posts(
        h, "/v1/realtime/calls", who + "\r\nContent-Type: multipart/form-data; boundary=b",
        "--b\r\nContent-Disposition: form-data; name=\"sdp\"\r\n\r\n" + a.sdp +
            "\r\n--b\r\nContent-Disposition: form-data; name=\"session\"\r\n\r\n" +
            R"({"type":"realtime","model":"m-2","audio":{"input":{"turn_detection":null}}})" +
            "\r\n--b--\r\n");
    REQUIRE_MESSAGE(is(answer, 201), answer);
    a.accepts(answer);
    REQUIRE(a.got("session.created"));
    a.locked([&] {
      const auto& session = a.messages[0]["session"];
      CHECK(session["audio"]["input"]["turn_detection"].is_null());
      CHECK(session["model"] == "m-2");
      CHECK(session["instructions"] == (who == "A: b" ? "" : "Be brief."));
    });
  }
  REQUIRE(h.close());
}

TEST_CASE("who says nothing for too long is idle, whatever silence comes of his track") {
  if (is_missing()) return;
  harness h(type_of<door>(), options({{"idle_limit_s", 20}}));
  REQUIRE(h.open());
  caller a(h);
  a.offers();
  a.accepts(a.calls("/v1/realtime/calls"));
  REQUIRE(a.got("session.created"));
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  h.use_session(h.sessions().back());
  // As long as he speaks he is there.
  std::int64_t at_ms = 0;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(h.advance_to(timestamp::of_ms(at_ms += 10'000)));
    const auto before = h.outputs("audio").size();
    CHECK(settles(h, [&] {
      a.line->play(talk::tone(20, inner_rate_hz, 0.3));
      const auto& all = h.outputs("audio");
      return std::any_of(all.begin() + static_cast<std::ptrdiff_t>(before), all.end(), [](auto& p) {
        const auto samples = p.template get_if<audio_chunk>()->samples.template as<float>();
        return std::any_of(samples.begin(), samples.end(), [](float s) { return s > 0.1f; });
      });
    }));
  }
  CHECK(h.sessions().size() == 2);
  // His microphone goes on to send silence, fifty times a second.
  CHECK(settles(h, [&] {
    REQUIRE(h.advance_to(timestamp::of_ms(at_ms += 100)));
    return h.sessions().size() == 1;
  }));
  REQUIRE(h.close());
}

TEST_CASE("calls may be switched off, and the page is told") {
  harness off(type_of<door>(), options({{"calls", false}}));
  REQUIRE(off.open());
  const auto answer = ask(off, "POST /v1/realtime/calls HTTP/1.1");
  CHECK(is(answer, 501));
  CHECK(answer.find("`calls: false`") != answer.npos);
  CHECK(body_of(ask(off, "GET /v1/hocket/page HTTP/1.1"))["calls"] == false);
  if (is_missing()) return;
  harness on(type_of<door>(), options());
  REQUIRE(on.open());
  CHECK(body_of(ask(on, "GET /v1/hocket/page HTTP/1.1"))["calls"] == true);
}

TEST_CASE("a TURN server: what its setting should not hold is refused, and not repeated") {
  if (is_missing()) return;
  REQUIRE(setenv("HOCKET_TURN_TEST_KEY", "k3y", 1) == 0);
  const auto opens = [](const char* turn) -> std::string {
    harness h(
        type_of<door>(),
        options({{"turn", turn}, {"turn_user", "u"}, {"turn_key_env", "HOCKET_TURN_TEST_KEY"}}));
    const auto opened = h.open();
    if (!opened) return opened.error().message;
    CHECK(h.close());
    return "";
  };
  for (const char* good : {"127.0.0.1:1", "turn:127.0.0.1:1", "turns:127.0.0.1:1",
                           "turn://127.0.0.1:1", "turns://[::1]:1", "turn:3478"})
    CHECK_MESSAGE(opens(good) == "", good);
  for (const char* bad :
       {"turn://who:s3cret@127.0.0.1:1", "who:s3cret@127.0.0.1:1", "turn://s3cret",
        "turns:s3cret:1?transport=tcp", "turns:turn:127.0.0.1:1", "::1:3478"}) {
    const auto why = opens(bad);
    CHECK_MESSAGE(why.find("`turn` is no `host:port`") != why.npos, why);
    CHECK_MESSAGE(why.find("s3cret") == why.npos, why);
  }
}
