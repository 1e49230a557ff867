#include "actors/gateway/live/machine.hpp"

#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

struct live_talk {
  live::machine machine{live::settings{}};
  talk t{machine, schema_of("live")};

  void send(const char* type, json more = json::object()) {
    more["type"] = type;
    t.client(more);
  }
  void start(json more = json::object()) {
    more["model"] = "hocket";
    send("session.start", {{"event_id", "go"}, {"session", std::move(more)}});
  }
};

}  // namespace

TEST_CASE("the first event starts the session, and nothing else does") {
  live_talk r;
  r.send("session.input_audio.append", {{"audio", ""}, {"event_id", "early"}});
  CHECK(r.t.last("error")["error"]["client_event_id"] == "early");
  r.t.model_speaks(1);
  CHECK(r.t.types() == "");
  r.start({{"instructions", "Be brief."}});
  const auto started = r.t.last("session.started");
  CHECK(started["client_event_id"] == "go");
  CHECK(started["session"]["status"] == "active");
  CHECK(started["session"]["audio"]["format"]["rate"] == 24000);
  CHECK(r.t.actions_of<instruct>().back().text == "Be brief.");
  r.start();
  CHECK(r.t.last("error")["error"]["code"] == "session_already_started");
}

TEST_CASE("sound runs on one clock without holes, and silence is zeros") {
  live_talk r;
  r.start({{"audio", {{"format", {{"type", "audio/pcm"}, {"rate", 16000}}}}}});
  r.t.model_speaks(2);
  // A vocoder's noise floor in what is silence.
  r.t.graph(voice{400, std::vector<float>(3200, 0.01f), false});
  r.t.model_speaks(2, false);
  std::int64_t at = 0;
  int n = 0;
  for (const auto& m : r.t.messages()) {
    if (m["type"] != "session.output_audio.delta") continue;
    CHECK(m["start_ms"] == at);
    at = m["end_ms"].get<std::int64_t>();
    const auto bytes = *decode_base64(m["delta"].get<std::string>());
    CHECK(bytes.size() == 6400);
    if (++n > 2) CHECK(bytes == std::string(6400, '\0'));
  }
  CHECK(at == 1000);
}

TEST_CASE("words of both sides have their times, notes are acknowledged and given on") {
  live_talk r;
  r.start({{"delegation", {{"type", "client"}}}});
  CHECK(r.t.actions_of<take_delegations>().back().by_client);
  r.t.model_speaks(2);
  r.t.graph(said{"Hello", 200, 400});
  CHECK(r.t.last("session.output_transcript.delta")["start_ms"] == 200);
  r.t.graph(heard{"what time is it", 0, 900, true});
  CHECK(r.t.last("session.input_transcript.delta")["end_ms"] == 900);
  r.t.graph(delegated{"d_7", "what time is it", 1000, 0, 900});
  const auto d = r.t.last("session.delegation.created");
  CHECK(d["delegation"]["target"] == "client");
  CHECK(d["delegation"]["task"] == "what time is it");
  CHECK(d["offset_ms"] == 1000);
  r.send("session.thinking.append",
         {{"content", "Looking."}, {"delegation_id", "d_7"}, {"event_id", "t1"}});
  CHECK(r.t.last("session.thinking.appended")["client_event_id"] == "t1");
  r.send("session.commentary.append",
         {{"content", "A quarter past three."}, {"delegation_id", "d_7"}});
  const auto notes = r.t.actions_of<delegation_note>();
  REQUIRE(notes.size() == 2);
  CHECK(!notes[0].spoken);
  CHECK(notes[1].spoken);
  CHECK(notes[1].delegation_id == "d_7");
  r.send("session.commentary.append", {{"content", std::string(5000, 'x')}, {"event_id", "long"}});
  CHECK(r.t.last("error")["error"]["client_event_id"] == "long");
}

TEST_CASE("a word never comes before the sound that it begins in, and none is lost at the end") {
  live_talk r;
  r.start();
  r.t.types();
  r.t.graph(said{"it ", 8, 208});
  r.t.graph(said{"is ", 8, 208});
  CHECK(r.t.types() == "");
  r.t.model_speaks(1);
  CHECK(r.t.types() == "session.output_audio.delta session.output_transcript.delta");
  r.t.graph(said{"late ", 100, 200});
  CHECK(r.t.types() == "session.output_transcript.delta");
  r.t.graph(said{"three", 208, 408});
  CHECK(r.t.types() == "");
  r.send("session.close");
  CHECK(r.t.types() == "session.output_transcript.delta session.usage.updated session.closed");
}

TEST_CASE("with responses, a call of the client's function is a response of its own") {
  live_talk r;
  r.start({{"delegation",
            {{"type", "responses"},
             {"responses",
              {{"model", "m"},
               {"tools", json::array({json{{"type", "function"}, {"name", "clock"}}})}}}}}});
  CHECK(r.t.actions_of<offer_tools>().back().tools[0]["name"] == "clock");
  r.t.graph(delegated{"d_1", "time", 0, 0, 0});
  r.t.messages();
  r.t.graph(tool_call{"call_1", "clock", {{"timezone", "UTC"}}});
  const auto events = r.t.messages();
  REQUIRE(events.size() == 3);
  CHECK(events[0]["event"]["type"] == "response.created");
  CHECK(events[1]["event"]["item"]["arguments"] == R"({"timezone":"UTC"})");
  CHECK(events[2]["event"]["type"] == "response.completed");
  CHECK(events[1]["delegation_id"] == "d_1");
  r.send(
      "response.item.create",
      {{"item", {{"type", "function_call_output"}, {"call_id", "call_1"}, {"output", "15:15"}}}});
  r.send("response.create");
  CHECK(r.t.actions_of<tool_result>().back().text == "15:15");
}

TEST_CASE("a muted microphone is silence, a closed session says what it cost") {
  live_talk r;
  r.start();
  r.send("session.input_audio.mute", {{"event_id", "m"}});
  CHECK(r.t.last("session.input_audio.muted")["client_event_id"] == "m");
  r.t.actions();
  r.send("session.input_audio.append", {{"audio", sound_of_client(200, 0.5)}});
  const auto sounds = r.t.actions_of<hear_sound>();
  REQUIRE(!sounds.empty());
  for (const float s : sounds.back().samples) REQUIRE(s == 0);
  r.t.pass(65'000);
  CHECK(r.t.last("session.usage.updated")["usage"]["seconds"] == 60);
  r.send("no.such.event", {{"event_id", "bad"}});
  CHECK(r.t.last("error")["error"]["client_event_id"] == "bad");
  r.send("session.close", {{"event_id", "bye"}});
  const auto closed = r.t.last("session.closed");
  CHECK(closed["reason"] == "close_requested");
  CHECK(closed["client_event_id"] == "bye");
  CHECK(closed["usage"]["seconds"] == 65);
  CHECK(r.t.actions_of<hang_up>().back().code == 1000);
  r.send("session.close");
  r.t.model_speaks(1);
  CHECK(r.t.types() == "");
}

TEST_CASE("a session that cannot be is refused with its reason") {
  for (const auto& bad : std::initializer_list<json>{
           json::object(),
           {{"model", 7}},
           {{"model", "m"}, {"audio", {{"format", {{"type", "audio/pcm"}, {"rate", 48000}}}}}},
           {{"model", "m"}, {"audio", {{"format", {{"type", "audio/opus"}}}}}},
           {{"model", "m"}, {"instructions", 1}},
           {{"model", "m"}, {"delegation", {{"type", "decisions"}}}}}) {
    live_talk r;
    r.send("session.start", {{"session", bad}});
    CHECK_MESSAGE(r.t.types() == "error", bad.dump());
    r.start();
    CHECK(r.t.types() == "session.started");
  }
}

TEST_CASE("Live: that nobody answers is told at once, and at the end with the code") {
  live::machine m{live::settings{}};
  talk t(m, schema_of("live"));
  t.client(json{{"type", "session.start"}, {"session", {{"model", "m"}}}});
  t.types();
  t.graph(model_state{false, 60'000});
  CHECK(t.types() == "error");
  CHECK(t.last("error")["error"]["code"] == "model_unavailable");
  t.graph(model_state{true});
  CHECK(t.types() == "");
  t.break_off("nobody answers", 1011);
  CHECK(t.types() == "error session.usage.updated session.closed");
  CHECK(t.actions_of<hang_up>()[0].code == 1011);
  CHECK(t.actions_of<hang_up>()[0].reason == "nobody answers");
  // Before it began.
  live::machine never{live::settings{}};
  talk other(never, schema_of("live"));
  other.break_off("come again", 1013);
  CHECK(other.types() == "error");
  CHECK(other.actions_of<hang_up>()[0].code == 1013);
}
