// Calls of OpenAI Live: JSON with an offer, then its events over the channel and sound over tracks.
#include "actors/gateway/door/caller.test.hpp"

using namespace hocket;
using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

constexpr const char* sessions = "/v1/live/sessions";

json body(const std::string& sdp, json session = {{"model", "m"}, {"instructions", "Be brief."}}) {
  return {{"session", std::move(session)}, {"transport", {{"type", "webrtc"}, {"sdp", sdp}}}};
}

std::string posts(caller& a, const std::string& path, const json& what,
                  const std::string& more_headers = "") {
  const auto answer =
      caller::posts(a.h, path, "Content-Type: application/json" + more_headers, what.dump());
  const auto at = answer.find("Location: ");
  if (at != answer.npos) a.location = answer.substr(at + 10, answer.find("\r\n", at) - at - 10);
  return answer;
}

/// Calls, and takes the answer; the session's id.
std::string calls(caller& a, const std::string& path = sessions, const std::string& headers = "") {
  if (a.sdp.empty()) a.offers();
  const auto answer = posts(a, path, body(a.sdp), headers);
  REQUIRE_MESSAGE(is(answer, 201), answer);
  CHECK(answer.find("Content-Type: application/json") != answer.npos);
  const auto told = body_of(answer);
  CHECK(told["transport"]["type"] == "webrtc");
  const auto read = webrtc::read_description(text_of(told["transport"], "sdp"));
  REQUIRE_MESSAGE(read, answer);
  REQUIRE(a.line->accept(*read));
  const auto id = text_of(told["session"], "id");
  CHECK(a.location == std::string(sessions) + "/" + id);
  return id;
}

}  // namespace

TEST_CASE("an app calls by OpenAI Live: the session has started, sound both ways, hang-up") {
  if (is_missing()) return;
  harness h(type_of<door>(), options());
  REQUIRE(h.open());
  caller a(h);
  const auto id = calls(a);
  CHECK(id.starts_with("live_"));
  REQUIRE(a.got("session.started"));
  CHECK(last_of(a, "session.started")["session"]["id"] == id);
  CHECK(last_of(a, "session.started")["session"]["instructions"] == "Be brief.");
  REQUIRE(settles(h, [&] { return h.sessions().size() == 2; }));
  h.use_session(h.sessions().back());
  const auto at_ms = sound_goes_both_ways(a);
  REQUIRE(h.push("text", timestamp::of_ms(at_ms), text{"hello", "model"}));
  CHECK(a.got("session.output_transcript.delta"));
  CHECK(last_of(a, "session.output_audio.delta").is_null());
  CHECK(is(caller::posts(h, a.location + "/hangup", "A: b", ""), 200));
  CHECK(a.got("session.closed"));
  CHECK(settles(h, [&] { return h.sessions().size() == 1; }));
  CHECK(a.sees([&] { return a.is_over; }));
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("Live: what is no call is refused before anything is set up, with its reason") {
  if (is_missing()) return;
  harness h(type_of<door>(), options({{"max_sessions", 1}}));
  REQUIRE(h.open());
  caller a(h);
  a.offers();
  const auto code = [&](const json& what) {
    const auto answer = posts(a, sessions, what);
    CHECK_MESSAGE(is(answer, 400), answer);
    return text_of(body_of(answer)["error"], "code");
  };
  CHECK(is(a.calls(sessions), 415));  // an offer alone
  CHECK(is(caller::posts(h, sessions, "Content-Type: application/json", "["), 400));
  CHECK(code(json::object()) == "invalid_value");
  CHECK(code({{"session", {{"model", "m"}}}, {"transport", {{"type", "sip"}, {"sdp", a.sdp}}}}) ==
        "invalid_value");
  CHECK(code(body("v=0")) == "invalid_offer");
  CHECK(code(body(a.sdp, {{"instructions", "x"}})) == "missing_parameter");
  CHECK(code(body(a.sdp,
                  {{"model", "m"},
                   {"client", {{"data_channel", {{"allowed_client_events", json::array()}}}}}})) ==
        "not_served");
  // Nothing of that took the one place.
  CHECK(is(posts(a, sessions, body(a.sdp)), 201));
  CHECK(is(posts(a, sessions, body(a.sdp)), 503));
  for (const char* what : {"/fork", "/accept", "/refer"})
    CHECK(is(caller::posts(h, a.location + what, "A: b", ""), 501));
  CHECK(is(ask(h, "GET /v1/live/sessions HTTP/1.1"), 426));
  REQUIRE(h.close());
}

TEST_CASE("Live: an app's back end attaches to its user's call; a new call goes on with it") {
  if (is_missing()) return;
  setenv("HOCKET_TEST_GATEWAY_KEY", "one,two", 1);
  harness h(type_of<door>(), options({{"key_env", "HOCKET_TEST_GATEWAY_KEY"}}));
  REQUIRE(h.open());
  const std::string key = "\r\nAuthorization: Bearer one";
  caller a(h), again(h);
  const auto id = calls(a, std::string(sessions) + "?resume=", key);
  REQUIRE(a.got("session.started"));
  http::websocket_client by;
  app back, other, nowhere;
  const auto at = [&](const std::string& of) {
    return url_of(h) + sessions + "/" + of + "/attach";
  };
  back.connect(by, at(id), {{"Authorization", "Bearer one"}});
  other.connect(by, at(id), {{"Authorization", "Bearer two"}});
  nowhere.connect(by, at("live_x"), {{"Authorization", "Bearer one"}});
  REQUIRE(settles(h, [&] { return back.got("session.started"); }));
  CHECK(settles(h, [&] { return other.is_refused("404") && nowhere.is_refused("404"); }));
  back.send({{"type", "session.commentary.append"}, {"content", "A quarter past three."}});
  CHECK(settles(h, [&] { return back.got("session.commentary.appended"); }));
  CHECK(a.got("session.commentary.appended"));
  // Its network is gone; by the other key nobody goes on with it.
  a.exchange.stop(0);
  again.offers();
  const auto path = std::string(sessions) + "?resume=" + id;
  CHECK(is(posts(again, path, body(again.sdp), "\r\nAuthorization: Bearer two"), 404));
  const auto next = calls(again, path, key);
  REQUIRE(again.got("session.started"));
  CHECK(last_of(again, "session.started")["session"]["id"] == next);
  CHECK(next != id);
  CHECK(h.counter("resumed") == 1);
  CHECK(h.sessions().size() == 2);
  CHECK(settles(h, [&] { return back.count("session.started") == 2; }));
  CHECK(is(caller::posts(h, again.location, key.substr(2), "", "DELETE"), 200));
  CHECK(settles(h, [&] { return back.is_over(1000) && h.sessions().size() == 1; }));
  REQUIRE(h.close());
}
