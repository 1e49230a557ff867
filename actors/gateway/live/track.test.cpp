#include "actors/gateway/live/machine.hpp"

#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

/// A call: sound beside the messages, and a session that was agreed on when it was set up.
struct track_talk {
  explicit track_talk(json session = {{"model", "m"}, {"instructions", "Be brief."}})
      : machine([&] {
          live::settings s;
          s.session_id = s.resume_key = "live_1";
          s.has_track = true;
          s.session = std::move(session);
          return s;
        }()) {}

  live::machine machine;
  talk t{machine, schema_of("live")};
};

}  // namespace

TEST_CASE("Live over a call: the session has started when it stands, with what was agreed on") {
  track_talk r({{"model", "m"},
                {"instructions", "Be brief."},
                {"delegation", {{"type", "client"}}},
                {"input", json::array({json{{"role", "user"}, {"content", "hi"}}})}});
  CHECK(r.t.types() == "session.started");
  const auto session = r.t.last("session.started")["session"];
  CHECK(session["id"] == "live_1");
  CHECK_FALSE(session["audio"].contains("format"));  // its track has one
  CHECK(r.t.actions_of<instruct>()[0].text == "Be brief.");
  CHECK(r.t.actions_of<take_delegations>()[0].by_client);
  CHECK(r.t.actions_of<hear_text>()[0].text == "hi");
  r.t.client(json{{"type", "session.start"}, {"session", {{"model", "m"}}}});
  CHECK(r.t.last("error")["error"]["code"] == "session_already_started");
}

TEST_CASE("Live over a call: both voices go beside the messages, on one clock") {
  track_talk r;
  r.t.types();
  r.t.actions();
  r.t.client_sound(talk::tone(20, inner_rate_hz, 0.3));
  CHECK(r.t.actions_of<hear_sound>()[0].samples.size() == 320);
  r.t.model_speaks(2);
  r.t.model_speaks(3, false);
  CHECK(r.t.actions_of<play_sound>().size() == 2);  // silence makes itself
  CHECK(r.t.types() == "");
  r.t.client(json{{"type", "session.thinking.append"}, {"content", "it is late"}});
  CHECK(r.t.last("session.thinking.appended")["start_ms"] == 1000);
  r.t.client(json{{"type", "session.input_audio.append"}, {"audio", "AAAA"}});
  CHECK(r.t.last("error")["error"]["code"] == "invalid_value");
  r.t.client(json{{"type", "session.input_audio.mute"}});
  r.t.actions();
  r.t.client_sound(talk::tone(20, inner_rate_hz, 0.3));
  const auto muted = r.t.actions_of<hear_sound>();
  for (const float s : muted.at(0).samples) REQUIRE(s == 0);
  r.t.client(json{{"type", "session.close"}});
  CHECK(r.t.last("session.closed")["reason"] == "close_requested");
  r.t.actions();
  r.t.client_sound(talk::tone(20, inner_rate_hz, 0.3));
  CHECK(r.t.actions().empty());
}

TEST_CASE("Live over a call: another one goes on, is told the session, and that nothing answers") {
  track_talk r;
  CHECK(r.machine.resume_key() == "live_1");
  r.t.client(json{{"type", "session.input_audio.mute"}});
  r.t.graph(model_state{false, 60'000});
  r.t.types();
  r.t.let_go("another connection goes on");
  CHECK(r.t.last("error")["error"]["code"] == "connection_ended");
  r.t.types();
  r.t.resume("", {true, "live_2"});
  CHECK(r.t.types() == "session.started session.input_audio.muted error");
  CHECK(r.t.last("session.started")["session"]["id"] == "live_2");
  CHECK(r.t.last("session.started")["session"]["instructions"] == "Be brief.");
  CHECK(r.t.last("error")["error"]["code"] == "model_unavailable");
  CHECK(r.machine.resume_key() == "live_2");
  r.t.graph(model_state{true});
  r.t.model_speaks(1);
  CHECK(r.t.actions_of<play_sound>().size() == 1);
  r.t.end("hung up");
  CHECK(r.t.last("session.closed")["reason"] == "remote_hangup");
  CHECK(r.machine.resume_key().empty());
}

TEST_CASE("Live over a call: after all was forgotten nobody goes on") {
  track_talk r;
  r.t.graph(all_forgotten{});
  CHECK(r.machine.resume_key().empty());
}

TEST_CASE("Live: who would keep a browser from an event is told that this is not done here") {
  live::agreed read;
  const auto asked = [](json channel) {
    return json{{"model", "m"}, {"client", {{"data_channel", std::move(channel)}}}};
  };
  CHECK_FALSE(live::read_session(asked({{"allowed_client_events", "all"}}), true, read));
  CHECK_FALSE(live::read_session(asked({{"allowed_server_events", nullptr}}), true, read));
  for (const char* key : {"allowed_client_events", "allowed_server_events"}) {
    const auto wrong = live::read_session(asked({{key, json::array()}}), true, read);
    REQUIRE(wrong);
    CHECK(wrong->code == "not_served");
    CHECK(wrong->param == std::string("session.client.data_channel.") + key);
  }
}
