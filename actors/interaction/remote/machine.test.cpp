#include "actors/interaction/remote/machine.hpp"

#include <doctest/doctest.h>

#include "actors/interaction/remote/server.test.hpp"
#include "graph/text/clean.hpp"

using namespace hocket;
using namespace hocket::remote;
using namespace hocket::remote::testing;

TEST_CASE("the address of each protocol, from a base with or without its path") {
  settings named;
  named.model = "m";
  const auto url = [&](protocol_kind k, const char* base) {
    return make_machine(k, named)->where(base, "").url;
  };
  using kind = protocol_kind;
  for (const char* base : {"https://h/v1", "https://h", "wss://h/v1/", "wss://h/v1/realtime"})
    CHECK(url(kind::realtime, base) == "wss://h/v1/realtime?model=m");
  CHECK(url(kind::vllm_duplex, "ws://h:1/v1") ==
        "ws://h:1/v1/realtime?duplex=1&autostart=0&model=m");
  CHECK(url(kind::live, "http://h/v1") == "ws://h/v1/live/sessions");
  CHECK(url(kind::live, "http://h/v1/live/sessions") == "ws://h/v1/live/sessions");
  CHECK(url(kind::hocket, "ws://h:8765") == "ws://h:8765/v1/hocket");
  CHECK(url(kind::gemini, "https://h").find("wss://h/ws/google.ai") == 0);
  for (const auto k : {kind::realtime, kind::live, kind::gemini, kind::vllm_duplex, kind::hocket}) {
    const auto with = make_machine(k, {})->where("wss://h", "secret");
    CHECK(with.url.find("secret") == std::string::npos);  // addresses are logged
    CHECK(with.headers.at(0).second.find("secret") != std::string::npos);
    CHECK(make_machine(k, {})->where("wss://h", "").headers.empty());
  }
}

TEST_CASE("Realtime: a conversation with a call, an interruption and a cost") {
  server s(protocol_kind::realtime);
  CHECK(s.sent.empty());  // the server speaks first
  s.says({{"type", "session.created"}, {"session", {{"id", "sess"}}}});
  const auto session = s.last_sent("session.update")["session"];
  CHECK(session["tools"][0]["name"] == "background");
  CHECK(session["audio"]["input"]["turn_detection"]["interrupt_response"] == true);
  s.hears(100);
  CHECK(s.count_sent("input_audio_buffer.append") == 0);  // not before it listens
  s.says({{"type", "session.updated"}, {"session", json::object()}});
  CHECK(s.all<ready>().size() == 1);
  s.hears(100);
  CHECK(s.count_sent("input_audio_buffer.append") == 1);

  s.says({{"type", "response.created"}, {"response", {{"id", "r1"}}}});
  s.says({{"type", "response.output_item.added"},
          {"response_id", "r1"},
          {"item", {{"type", "message"}, {"id", "i1"}}}});
  s.says(realtime_sound("r1", "i1", 200));
  s.says({{"type", "response.output_audio_transcript.delta"}, {"delta", "let me check"}});
  s.says({{"type", "response.function_call_arguments.done"},
          {"call_id", "c1"},
          {"name", "background"},
          {"arguments", R"({"task":"seven times eight"})"}});
  const json item = {{"type", "function_call"},
                     {"call_id", "c1"},
                     {"name", "background"},
                     {"arguments", R"({"task":"seven times eight"})"}};
  s.says({{"type", "response.output_item.done"}, {"item", item}});
  s.says({{"type", "response.done"},
          {"response",
           {{"id", "r1"},
            {"status", "completed"},
            {"output", json::array({item})},
            {"usage", {{"input_tokens", 10}, {"output_tokens", 4}}}}}});
  REQUIRE(s.all<call>().size() == 1);  // said three times, meant once
  CHECK(s.all<call>()[0].task == "seven times eight");
  CHECK(s.all<cost>()[0].tokens_in == 10);
  CHECK(s.all<sound>()[0].item == "i1");
  CHECK(s.all<sound>()[0].samples.size() > 2'000);  // a filter holds the last of it back
  s.result("c1", "fifty six");
  s.result("c1", "again");
  CHECK(s.count_sent("conversation.item.create") == 1);
  CHECK(s.last_sent("conversation.item.create")["item"]["output"] == "fifty six");
  CHECK(s.count_sent("response.create") == 1);

  s.says({{"type", "response.created"}, {"response", {{"id", "r2"}}}});
  s.says({{"type", "input_audio_buffer.speech_started"}, {"item_id", "u"}});
  CHECK(s.all<barge_in>().size() == 1);
  s.cut("i1", 120);
  CHECK(s.count_sent("response.cancel") == 1);
  CHECK(s.last_sent("conversation.item.truncate")["audio_end_ms"] == 120);
  const auto before = s.all<sound>().size();
  s.says(realtime_sound("r2", "i2", 200));  // on its way when it was cut
  CHECK(s.all<sound>().size() == before);
  CHECK(s.counted("late_sound") == 1);
  s.says({{"type", "response.done"}, {"response", {{"id", "r2"}, {"status", "cancelled"}}}});
  s.says({{"type", "response.created"}, {"response", {{"id", "r3"}}}});
  s.says(realtime_sound("r3", "i3", 200));
  CHECK(s.all<sound>().size() == before + 1);
}

TEST_CASE("Realtime: a result that comes after the connection is told in the new one, once") {
  server s(protocol_kind::realtime);
  s.is_ready();
  s.says({{"type", "response.function_call_arguments.done"},
          {"call_id", "c1"},
          {"name", "background"},
          {"arguments", R"({"task":"x"})"}});
  s.reconnects();
  s.is_ready();
  s.result("c1", "found");
  s.result("c1", "found");
  CHECK(s.count_sent("conversation.item.create") == 1);
  const auto item = s.last_sent("conversation.item.create")["item"];
  CHECK(item["role"] == "system");
  CHECK(item["content"][0]["text"].get<std::string>().find("found") != std::string::npos);
}

TEST_CASE("Live: delegations are calls, and what came of them is said") {
  server s(protocol_kind::live);
  CHECK(s.last_sent("session.start")["session"]["delegation"]["type"] == "client");
  s.is_ready();
  s.says({{"type", "session.output_audio.delta"}, {"delta", pcm(200, 16'000)}});
  CHECK(s.all<sound>()[0].samples.size() == 3200);
  s.says({{"type", "session.input_transcript.delta"}, {"delta", "what is the time"}});
  s.says({{"type", "session.delegation.created"}, {"delegation", {{"id", "d1"}}}});
  CHECK(s.all<call>()[0].task == "what is the time");  // the hosted one says no task
  s.says({{"type", "session.delegation.created"},
          {"delegation", {{"id", "d2"}, {"task", "the weather"}}}});
  CHECK(s.all<call>()[1].task == "the weather");
  s.result("d1", "noon");
  CHECK(s.last_sent("session.commentary.append")["delegation_id"] == "d1");
  s.says({{"type", "session.usage.updated"}, {"usage", {{"seconds", 5}}}});
  s.says({{"type", "session.usage.updated"}, {"usage", {{"seconds", 7}}}});
  CHECK(s.all<cost>()[1].seconds == 2);
  s.says({{"type", "session.closed"}, {"reason", "expired"}});
  CHECK(s.all<goodbye>()[0].reason == "expired");
}

TEST_CASE("Gemini: calls, their end, interruption, a warning and another connection") {
  server s(protocol_kind::gemini);
  CHECK(s.last_sent("setup")["setup"]["tools"][0]["functionDeclarations"][0]["name"] ==
        "background");
  s.is_ready();
  s.says({{"sessionResumptionUpdate", {{"newHandle", "h1"}, {"resumable", true}}}});
  s.says({{"serverContent",
           {{"modelTurn",
             {{"parts", json::array({json{{"inlineData",
                                           {{"mimeType", "audio/pcm;rate=24000"},
                                            {"data", pcm(200, 24'000)}}}}})}}}}}});
  CHECK(s.all<sound>()[0].samples.size() > 2'000);
  s.says({{"server_content", {{"output_transcription", {{"text", "hi"}}}}}});  // snake case, too
  CHECK(s.all<said>()[0].text == "hi");
  s.says(
      {{"toolCall",
        {{"functionCalls",
          json::array({json{{"id", "a"}, {"name", "background"}, {"args", {{"task", "x"}}}},
                       json{{"id", "b"}, {"name", "background"}, {"args", {{"task", "y"}}}}})}}}});
  CHECK(s.all<call>().size() == 2);
  s.says({{"toolCallCancellation", {{"ids", json::array({"b", "z"})}}}});
  CHECK(s.all<call_over>()[0].id == "b");
  s.result("b", "nobody wants it");
  s.says({{"serverContent", {{"interrupted", true}}}});
  CHECK(s.all<barge_in>().size() == 1);
  s.says({{"goAway", {{"timeLeft", "9.5s"}}}});
  CHECK(s.all<expiring>()[0].in_ms == 9500);
  s.reconnects();
  CHECK(s.last_sent("setup")["setup"]["sessionResumption"]["handle"] == "h1");
  s.is_ready();
  CHECK(s.all<ready>().back().again);
  s.result("a", "one");
  CHECK(s.count_sent("toolResponse") == 1);
  CHECK(s.last_sent("toolResponse")["toolResponse"]["functionResponses"][0]["id"] == "a");
  // A handle that is refused is not shown again.
  s.reconnects();
  s.reconnects();
  CHECK(!s.last_sent("setup")["setup"]["sessionResumption"].contains("handle"));
}

TEST_CASE("Hocket: what comes again after a broken connection is taken once") {
  server s(protocol_kind::hocket);
  s.says({{"type", "hello"}, {"seq", 1}, {"resume", "key"}, {"resumed", false}});
  const json voice_event = {{"type", "voice"}, {"seq", 2},     {"start_ms", 0},
                            {"end_ms", 200},   {"open", true}, {"audio", pcm(200, 16'000)}};
  s.says(voice_event);
  s.says({{"type", "voice"}, {"seq", 3}, {"start_ms", 200}, {"end_ms", 400}, {"open", false}});
  const json tool = {{"type", "tool"},       {"seq", 4},     {"call", "1"},
                     {"name", "background"}, {"mine", true}, {"arguments", R"({"task":"x"})"}};
  s.says(tool);
  CHECK(s.all<sound>().size() == 2);
  s.reconnects();
  CHECK(s.last_sent("start")["resume"]["key"] == "key");
  CHECK(s.last_sent("start")["resume"]["after"] == 4);
  s.says({{"type", "hello"}, {"seq", 9}, {"resume", "key"}, {"resumed", true}});
  s.says(tool);
  CHECK(s.all<call>().size() == 1);
  CHECK(s.counted("repeated") == 1);
  s.result("1", "done");
  CHECK(s.last_sent("tool.result")["text"] == "done");
  s.reconnects();
  s.says({{"type", "error"}, {"code", "cannot_resume"}, {"message", "gone"}});
  CHECK(!s.last_sent("start").contains("resume"));
  s.says({{"type", "bye"}, {"seq", 1}, {"reason", "expired"}});
  CHECK(s.all<goodbye>().size() == 1);
}

TEST_CASE("vLLM's dialect: 16 kHz, tokens, acknowledgements") {
  server s(protocol_kind::vllm_duplex);
  CHECK(s.last_sent("session.update")["session"]["sample_rate_hz"] == 16'000);
  s.says({{"type", "session.created"},
          {"session_id", "s"},
          {"resume_token", "t"},
          {"server_event_seq", 7},
          {"session", json::object()}});
  s.says({{"type", "session.updated"}, {"session", json::object()}, {"server_event_seq", 8}});
  s.hears(100);
  CHECK(s.last_sent("input_audio_buffer.append")["audio_end_ms"] == 100);
  s.passes(1'100);
  CHECK(s.last_sent("session.event_ack")["server_event_seq"] == 8);
  for (const int ms : {200, 200, 400}) s.step([&](output& o) { s.m->played("i", ms, o); });
  CHECK(s.count_sent("playback.ack") == 2);
  CHECK(s.last_sent("playback.ack")["played_ms"] == 400);
  s.reconnects();
  CHECK(s.last_sent("session.resume")["resume_token"] == "t");
  s.says({{"type", "session.resumed"}, {"session_id", "s"}, {"server_event_seq", 9}});
  CHECK(s.all<ready>().back().again);
  s.says({{"type", "session.created"}, {"server_event_seq", 2}, {"session", json::object()}});
  s.passes(1'100);
  CHECK(s.last_sent("session.event_ack")["server_event_seq"] == 2);  // each session counts anew
  s.says({{"type", "session.resync_required"}});
  s.reconnects();
  CHECK(s.last_sent("session.update").is_object());
}

TEST_CASE(
    "ids of calls count again in each conversation; what one does not know is told in words") {
  for (const auto k : {protocol_kind::realtime, protocol_kind::live, protocol_kind::gemini,
                       protocol_kind::hocket, protocol_kind::vllm_duplex}) {
    CAPTURE(static_cast<int>(k));
    server s(k);
    std::int64_t seq = 1;
    const auto calls = [&](const std::string& id) {
      switch (k) {
        case protocol_kind::live:
          return s.says(json{{"type", "session.delegation.created"},
                             {"delegation", {{"id", id}, {"task", "x"}}}});
        case protocol_kind::gemini:
          return s.says(json{
              {"toolCall",
               {{"functionCalls",
                 json::array(
                     {json{{"id", id}, {"name", "background"}, {"args", {{"task", "x"}}}}})}}}});
        case protocol_kind::hocket:
          return s.says(json{{"type", "tool"},
                             {"seq", ++seq},
                             {"call", id},
                             {"mine", true},
                             {"name", "background"},
                             {"arguments", R"({"task":"x"})"}});
        default:
          return s.says(json{{"type", "response.function_call_arguments.done"},
                             {"call_id", id},
                             {"name", "background"},
                             {"arguments", R"({"task":"x"})"}});
      }
    };
    s.is_ready();
    calls("1");
    calls("2");
    s.result("1", "one");
    s.reconnects();  // nothing was said of resumption
    seq = 1;
    s.is_ready();
    calls("1");
    calls("2");
    const auto made = s.all<call>();
    REQUIRE(made.size() == 4);
    CHECK(made[1].id != made[3].id);
    const auto answered = [&](const call& c) {
      const auto before = s.sent.size();
      s.result(c.id.c_str(), "found");
      std::string out;
      for (auto i = before; i < s.sent.size(); ++i) out += s.sent[i].dump();
      return out;
    };
    CHECK(answered(made[1]).find("Result of what was asked: found") != std::string::npos);
    const auto own = answered(made[3]);
    CHECK(own.find("found") != std::string::npos);
    CHECK(own.find("Result of") == std::string::npos);
    CHECK(answered(made[3]) == "");
    s.m->not_told(made[3].id);
    CHECK(answered(made[3]) == own);
  }
}

TEST_CASE("words are cut between characters") {
  std::string words;
  for (int i = 0; i < 400; ++i) words += "\xe3\x81\x82";
  for (const auto& more : {"", "a", "ab"}) {
    server s(protocol_kind::live);
    s.is_ready();
    s.says({{"type", "session.input_transcript.delta"}, {"delta", words + more}});
    s.says({{"type", "session.delegation.created"}, {"delegation", {{"id", "d"}}}});
    s.says({{"type", "session.delegation.created"},
            {"delegation", {{"id", "e"}, {"task", more + words}}}});
    REQUIRE(s.all<call>().size() == 2);
    for (const auto& c : s.all<call>()) {
      CHECK(clean_text(c.task) == c.task);
      CHECK(c.task.size() <= 500);
    }
    s.result("d", (more + words + words).c_str());  // sent as JSON: throws on half a character
    CHECK(s.count_sent("session.commentary.append") == 1);
  }
}

TEST_CASE("Realtime: an answer that was refused beside another one is asked for again") {
  server s(protocol_kind::realtime);
  s.is_ready();
  s.says({{"type", "error"}, {"error", {{"code", "conversation_already_has_active_response"}}}});
  s.says({{"type", "response.done"}, {"response", {{"id", "r"}, {"status", "completed"}}}});
  CHECK(s.count_sent("response.create") == 1);
}

TEST_CASE("vLLM's dialect: a resumption that is refused is not tried again") {
  for (const bool is_told : {true, false}) {
    server s(protocol_kind::vllm_duplex);
    s.says({{"type", "session.created"}, {"session_id", "s"}, {"resume_token", "t"}});
    s.is_ready();
    s.reconnects();
    CHECK(s.count_sent("session.resume") == 1);
    if (is_told) {
      s.says({{"type", "error"}, {"error", {{"code", "unknown_session"}}}});
      CHECK(s.all<goodbye>().size() == 1);
    }
    s.reconnects();
    CHECK(s.count_sent("session.resume") == 1);
    CHECK(s.count_sent("session.update") == 2);
  }
  // Connections that do not come about say nothing of it.
  server s(protocol_kind::vllm_duplex);
  s.says({{"type", "session.created"}, {"session_id", "s"}, {"resume_token", "t"}});
  s.is_ready();
  s.reconnects();
  s.says({{"type", "session.resumed"}, {"session_id", "s"}});
  s.m->lost();
  s.m->lost();
  s.reconnects();
  CHECK(s.count_sent("session.resume") == 2);
}

TEST_CASE("words of the graph's own are nobody's, in each protocol") {
  for (const auto kind : {protocol_kind::realtime, protocol_kind::live, protocol_kind::gemini,
                          protocol_kind::vllm_duplex, protocol_kind::hocket}) {
    server s(kind);
    s.is_ready();
    s.sent.clear();
    s.step([&](output& o) { s.m->say("it is bedtime", o); });
    REQUIRE(!s.sent.empty());
    const auto told = s.sent.front().dump();
    CHECK(told.find("Not from the person.") != std::string::npos);
    CHECK(told.find("it is bedtime") != std::string::npos);
    if (kind == protocol_kind::realtime || kind == protocol_kind::vllm_duplex)
      CHECK(s.sent.front()["item"]["role"] == "system");
    if (kind == protocol_kind::live)
      CHECK(server::type_of(s.sent.front()) == "session.commentary.append");
  }
}
