#include "actors/gateway/realtime/machine.hpp"

#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

struct realtime_talk {
  realtime::machine machine{realtime::settings{}};
  talk t{machine, schema_of("realtime")};

  void send(const char* type, json more = json::object()) {
    more["type"] = type;
    t.client(more);
  }
  void update(json session) { send("session.update", {{"session", std::move(session)}}); }
  void append(int ms, double loud, const sound_format& f = {}) {
    for (int at = 0; at < ms; at += 40) {
      send("input_audio_buffer.append", {{"audio", sound_of_client(40, loud, f)}});
      t.pass(40);
    }
  }
  /// A person says something; what comes of it is in the talk.
  void person_speaks() {
    append(600, 0.3);
    append(800, 0);
  }
};

constexpr const char* turn_by_voice =
    "input_audio_buffer.speech_started input_audio_buffer.speech_stopped "
    "input_audio_buffer.committed "
    "conversation.item.added conversation.item.done";
constexpr const char* answer_begins =
    "response.created response.output_item.added conversation.item.added "
    "response.content_part.added";
constexpr const char* answer_ends =
    "response.output_audio.done response.output_audio_transcript.done response.content_part.done "
    "response.output_item.done conversation.item.done response.done";

std::string joined(std::initializer_list<const char*> parts) {
  std::string out;
  for (const char* p : parts) out += (out.empty() ? "" : " ") + std::string(p);
  return out;
}

}  // namespace

TEST_CASE("a turn and its answer, in the order that clients expect") {
  realtime_talk r;
  CHECK(r.t.types() == "session.created");
  r.append(600, 0);
  CHECK(r.t.types() == "");
  r.person_speaks();
  CHECK(r.t.types() == turn_by_voice);
  const auto item = r.t.last("input_audio_buffer.committed")["item_id"];
  CHECK(r.t.last("input_audio_buffer.speech_started")["item_id"] == item);
  CHECK(r.t.last("conversation.item.added")["item"]["id"] == item);
  CHECK(r.t.last("input_audio_buffer.speech_started")["audio_start_ms"].get<int>() >= 280);
  r.t.graph(said{"Hello ", 0, 200});
  r.t.model_speaks(3);
  r.t.graph(said{"there.", 0, 200});
  r.t.model_speaks(1);
  r.t.model_speaks(4, false);
  CHECK(r.t.types() ==
        joined({answer_begins, "response.output_audio_transcript.delta",
                "response.output_audio.delta", "response.output_audio_transcript.delta",
                "response.output_audio.delta", answer_ends}));
  const auto done = r.t.last("response.done")["response"];
  CHECK(done["status"] == "completed");
  CHECK(done["output"][0]["content"][0]["transcript"] == "Hello there.");
  CHECK(done["usage"]["output_token_details"]["audio_tokens"].get<int>() >= 16);
  r.t.model_speaks(5, false);
  CHECK(r.t.types() == "");
}

TEST_CASE("speech ends what the model says, and nothing of it follows its end") {
  realtime_talk r;
  r.person_speaks();
  r.t.model_speaks(4);
  r.t.types();
  r.append(200, 0.3);
  CHECK(r.t.types() == joined({"input_audio_buffer.speech_started", answer_ends}));
  const auto done = r.t.last("response.done")["response"];
  CHECK(done["status"] == "cancelled");
  CHECK(done["status_details"]["reason"] == "turn_detected");
  CHECK(done["output"][0]["status"] == "incomplete");
  CHECK(r.t.actions_of<interrupt>().size() == 1);
  r.t.model_speaks(2);  // what was on its way when the epoch rose
  r.t.graph(said{"late", 0, 0});
  CHECK(r.t.types() == "");
  const auto item = done["output"][0]["id"];
  r.send("conversation.item.truncate",
         {{"item_id", item}, {"content_index", 0}, {"audio_end_ms", 500}});
  CHECK(r.t.last("conversation.item.truncated")["audio_end_ms"] == 500);
  CHECK(r.t.actions_of<was_heard>().back().heard_ms == 500);
  r.send("conversation.item.truncate",
         {{"item_id", item}, {"content_index", 0}, {"audio_end_ms", 99999}});
  CHECK(r.t.last("conversation.item.truncated")["audio_end_ms"] == 800);  // no more was sent
  r.append(400, 0.3);
  r.append(800, 0);
  r.t.model_speaks(1, false);
  r.t.model_speaks(2);
  CHECK(r.t.last("response.created")["response"]["status"] == "in_progress");
  r.send("response.cancel");
  CHECK(r.t.last("response.done")["response"]["status_details"]["reason"] == "client_cancelled");
  r.send("response.cancel", {{"event_id", "mine"}});
  const auto soft = r.t.last("error")["error"];
  CHECK(soft["code"] == "response_cancel_not_active");
  CHECK(soft["message"].get<std::string>().rfind("Cancellation failed", 0) == 0);
  CHECK(soft["event_id"] == "mine");
}

TEST_CASE("where the client decides about turns, the voice waits for it") {
  realtime_talk r;
  r.update({{"type", "realtime"}, {"audio", {{"input", {{"turn_detection", nullptr}}}}}});
  CHECK(r.t.last("session.updated")["session"]["audio"]["input"]["turn_detection"].is_null());
  r.append(800, 0.3);
  r.t.model_speaks(3);  // it answers already
  CHECK(r.t.types() == "");
  r.send("input_audio_buffer.commit");
  CHECK(r.t.types() ==
        "input_audio_buffer.committed conversation.item.added conversation.item.done");
  r.send("response.create", {{"response", {{"metadata", {{"client_event_id", "x"}}}}}});
  CHECK(r.t.types() == joined({answer_begins, "response.output_audio.delta"}));
  CHECK(r.t.last("response.created")["response"]["metadata"]["client_event_id"] == "x");
  r.send("response.create");
  CHECK(r.t.last("error")["error"]["code"] == "conversation_already_has_active_response");
  r.t.model_speaks(4, false);
  CHECK(r.t.last("response.done")["response"]["status"] == "completed");
  r.t.types();
  r.send("input_audio_buffer.commit");
  CHECK(r.t.last("error")["error"]["code"] == "input_audio_buffer_commit_empty");
  r.send("response.create");
  r.t.pass(31'000);  // the model has nothing to say
  CHECK(r.t.last("response.done")["response"]["output"].empty());
}

TEST_CASE("a client's function is called, whoever reads which event") {
  realtime_talk r;
  r.update(
      {{"tools",
        json::array({{{"type", "function"}, {"name", "clock"}, {"parameters", json::object()}}})}});
  CHECK(r.t.actions_of<offer_tools>().back().tools[0]["name"] == "clock");
  r.person_speaks();
  r.t.types();
  r.t.graph(tool_call{"call_1", "clock", {{"timezone", "UTC"}}});
  CHECK(r.t.types() ==
        "response.created response.output_item.added conversation.item.added "
        "response.function_call_arguments.delta response.function_call_arguments.done "
        "response.output_item.done conversation.item.done response.done");
  const auto call = r.t.last("response.done")["response"]["output"][0];
  CHECK(call["call_id"] == "call_1");
  CHECK(call["arguments"] == R"({"timezone":"UTC"})");
  CHECK(r.t.last("response.output_item.done")["item"] == call);
  CHECK(r.t.last("response.function_call_arguments.done")["name"] == "clock");
  r.send(
      "conversation.item.create",
      {{"item", {{"type", "function_call_output"}, {"call_id", "call_1"}, {"output", "15:15"}}}});
  CHECK(r.t.actions_of<tool_result>().empty());  // the answer belongs to the next response
  r.send("response.create");
  CHECK(r.t.actions_of<tool_result>().back().text == "15:15");
  r.t.model_speaks(2);
  // A second call while it speaks is part of the same answer.
  r.t.graph(tool_call{"call_2", "clock", json::object()});
  r.t.model_speaks(4, false);
  const auto output = r.t.last("response.done")["response"]["output"];
  REQUIRE(output.size() == 2);
  CHECK(output[0]["type"] == "message");
  CHECK(output[1]["call_id"] == "call_2");
}

TEST_CASE("text instead of sound") {
  realtime_talk r;
  r.update({{"output_modalities", {"text"}}});
  r.person_speaks();
  r.t.types();
  r.t.graph(said{"Four.", 0, 0});
  r.t.model_speaks(1);
  r.t.model_speaks(4, false);
  CHECK(r.t.types() == joined({answer_begins,
                               "response.output_text.delta response.output_text.done "
                               "response.content_part.done response.output_item.done "
                               "conversation.item.done response.done"}));
  CHECK(r.t.last("response.output_text.done")["text"] == "Four.");
}

TEST_CASE("an update is merged deep, but for formats and detectors of another type") {
  realtime_talk r;
  const auto session = [&] { return r.t.last("session.updated")["session"]; };
  r.update({{"audio", {{"output", {{"format", {{"type", "audio/pcmu"}}}}}}}});
  CHECK(session()["audio"]["output"]["format"] == json{{"type", "audio/pcmu"}});
  CHECK(session()["audio"]["output"]["voice"].is_string());
  CHECK(session()["audio"]["input"]["format"]["rate"] == 24000);
  r.update({{"audio", {{"input", {{"turn_detection", {{"threshold", 0.7}}}}}}}});
  CHECK(session()["audio"]["input"]["turn_detection"]["type"] == "server_vad");
  CHECK(session()["audio"]["input"]["turn_detection"]["threshold"] == 0.7);
  r.update({{"audio", {{"input", {{"turn_detection", {{"type", "semantic_vad"}}}}}}}});
  CHECK(!session()["audio"]["input"]["turn_detection"].contains("threshold"));
  r.update(
      {{"type", "realtime"}, {"instructions", "Be brief."}, {"model", "x"}, {"tracing", "auto"}});
  CHECK(session()["audio"]["input"]["turn_detection"]["type"] == "semantic_vad");
  CHECK(session()["model"] == "hocket");
  CHECK(r.t.actions_of<instruct>().back().text == "Be brief.");
  const auto before = session();
  for (const auto& bad : std::initializer_list<json>{
           {{"audio", {{"output", {{"format", {{"type", "audio/mp3"}}}}}}}},
           {{"audio", {{"input", {{"format", {{"type", "audio/pcm"}, {"rate", 8000}}}}}}}},
           {{"audio", {{"input", {{"turn_detection", {{"type", "x"}}}}}}}},
           {{"audio", 1}},
           {{"tools", {{{"type", "mcp"}}}}},
           {{"tools", {{{"name", "a"}}, {{"name", "a"}}}}},
           {{"output_modalities", {"smell"}}},
           {{"instructions", 7}},
           {{"type", "smell"}},
           {{"max_output_tokens", -1}}}) {
    r.send("session.update", {{"event_id", "e"}, {"session", bad}});
    CHECK_MESSAGE(r.t.last("error")["error"]["event_id"] == "e", bad.dump());
    CHECK(r.t.types().find("session.updated") == std::string::npos);
  }
  r.update(json::object());
  CHECK(session() == before);
}

TEST_CASE("sound comes in and goes out in each format, cut anywhere") {
  for (const char* type : {"audio/pcm", "audio/pcmu", "audio/pcma"}) {
    realtime_talk r;
    const sound_format f = type == std::string("audio/pcm") ? sound_format{}
                           : type == std::string("audio/pcmu")
                               ? sound_format{sound_format::coding::mulaw, 8000}
                               : sound_format{sound_format::coding::alaw, 8000};
    const json format = {{"type", type}};
    r.update({{"audio", {{"input", {{"format", format}}}, {"output", {{"format", format}}}}}});
    r.append(600, 0.3, f);
    r.append(800, 0, f);
    CHECK(r.t.types().find("input_audio_buffer.committed") != std::string::npos);
    r.t.model_speaks(5);
    std::size_t bytes = 0;
    for (const auto& m : r.t.messages())
      if (m["type"] == "response.output_audio.delta")
        bytes += decode_base64(m["delta"].get<std::string>())->size();
    const auto whole = static_cast<std::size_t>(f.rate_hz) * f.bytes_per_sample();
    CHECK(bytes > whole * 9 / 10);
    CHECK(bytes <= whole);
  }
  realtime_talk r;
  std::string bytes(4800, '\0');
  for (const std::size_t n : {1, 999, 1000, 2000, 799, 1})
    r.send("input_audio_buffer.append", {{"audio", encode_base64(bytes.substr(0, n))}});
  std::size_t samples = 0;
  for (const auto& h : r.t.actions_of<hear_sound>()) samples += h.samples.size();
  CHECK(samples > 1'000);
  CHECK(samples <= 1'600);
  CHECK(r.t.types() == "session.created");
  r.send("input_audio_buffer.append", {{"audio", "*"}});
  CHECK(r.t.last("error")["error"]["param"] == "audio");
}

TEST_CASE("what is heard is told of the turn that it belongs to") {
  realtime_talk r;
  r.update({{"audio", {{"input", {{"transcription", {{"model", "whisper-1"}}}}}}}});
  r.append(600, 0.3);
  r.t.graph(heard{"what ", 0, 0, false});
  r.append(800, 0);
  r.t.graph(heard{"time", 0, 0, true});
  const auto done = r.t.last("conversation.item.input_audio_transcription.completed");
  CHECK(done["transcript"] == "what time");
  CHECK(done["usage"]["seconds"].get<double>() > 1);
  CHECK(done["item_id"] == r.t.last("input_audio_buffer.committed")["item_id"]);
  r.send("conversation.item.retrieve", {{"item_id", done["item_id"]}});
  CHECK(r.t.last("conversation.item.retrieved")["item"]["content"][0]["transcript"] == "what time");
  r.person_speaks();
  r.t.pass(3'000);  // nobody said what it was
  CHECK(r.t.last("conversation.item.input_audio_transcription.completed")["transcript"] == "");
}

TEST_CASE("items are made, found, ordered and deleted") {
  realtime_talk r;
  const auto message = [](const char* id, const char* text) {
    return json{{"id", id},
                {"type", "message"},
                {"role", "user"},
                {"content", json::array({json{{"type", "input_text"}, {"text", text}}})}};
  };
  r.send("conversation.item.create", {{"item", message("a", "one")}});
  CHECK(r.t.last("conversation.item.added")["previous_item_id"].is_null());
  r.send("conversation.item.create", {{"item", message("c", "three")}});
  r.send("conversation.item.create", {{"item", message("b", "two")}, {"previous_item_id", "a"}});
  CHECK(r.t.last("conversation.item.done")["previous_item_id"] == "a");
  r.send("conversation.item.create",
         {{"item", message("z", "zero")}, {"previous_item_id", "root"}});
  CHECK(r.t.last("conversation.item.added")["previous_item_id"].is_null());
  CHECK(r.t.actions_of<hear_text>().size() == 3);  // each became history when the next one came
  const auto code = [&](const char* type, json more) {
    r.send(type, std::move(more));
    return r.t.last("error")["error"]["code"].get<std::string>();
  };
  CHECK(code("conversation.item.create", {{"item", message("a", "again")}}) ==
        "item_create_duplicate_item_id");
  CHECK(code("conversation.item.create",
             {{"item", message("q", "x")}, {"previous_item_id", "nobody"}}) ==
        "item_create_invalid_previous_item_id");
  CHECK(code("conversation.item.create", {{"item", {{"type", "message"}, {"role", "robot"}}}}) ==
        "invalid_value");
  CHECK(code("conversation.item.create", {}) == "invalid_value");
  CHECK(code("conversation.item.retrieve", {{"item_id", "x"}}) == "item_retrieve_invalid_item_id");
  CHECK(code("conversation.item.truncate", {{"item_id", "a"}}) == "item_truncate_invalid_item_id");
  r.send("conversation.item.delete", {{"item_id", "a"}});
  CHECK(r.t.last("conversation.item.deleted")["item_id"] == "a");
  CHECK(code("conversation.item.delete", {{"item_id", "a"}}) == "item_delete_invalid_item_id");
  for (int i = 0; i < 2000; ++i)
    r.send("conversation.item.create", {{"item", message(std::to_string(i).c_str(), "x")}});
  CHECK(code("conversation.item.retrieve", {{"item_id", "0"}}) == "item_retrieve_invalid_item_id");
}

TEST_CASE("what is no event is an error that names it, and the session goes on") {
  realtime_talk r;
  r.t.types();
  for (const char* text :
       {"", "{", "[]", "{}", R"({"type": 7})", R"({"type": "session.created"})"}) {
    r.t.client(std::string(text));
    CHECK(r.t.types() == "error");
  }
  r.send("no.such.event", {{"event_id", "bad"}});
  CHECK(r.t.last("error")["error"]["event_id"] == "bad");
  CHECK(r.t.last("error")["error"]["param"] == "type");
  r.person_speaks();
  CHECK(r.t.types() == turn_by_voice);
  r.t.model_speaks(1);
  r.t.end("the server stops");
  CHECK(r.t.last("response.done")["response"]["status"] == "cancelled");
  CHECK(r.t.actions_of<hang_up>().back().code == 1001);
}

TEST_CASE("an answer that is quicker than the detector waits for the end of the person's turn") {
  realtime_talk r;
  r.append(600, 0.3);
  r.append(200, 0);
  r.t.types();
  r.t.graph(said{"Hello. ", 0, 200});
  r.t.graph(voice{r.t.now_ms, talk::tone(200, inner_rate_hz, 0.3), true});
  CHECK(r.t.types() == "");
  r.append(400, 0);
  CHECK(r.t.types() ==
        joined({"input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
                "conversation.item.added", "conversation.item.done", answer_begins,
                "response.output_audio_transcript.delta", "response.output_audio.delta"}));
  // Over somebody who does not stop it speaks after a while.
  realtime_talk other;
  other.append(600, 0.3);
  other.t.types();
  for (int i = 0; i < 6; ++i) {
    other.t.graph(voice{other.t.now_ms, talk::tone(200, inner_rate_hz, 0.3), true});
    other.append(200, 0.3);
  }
  CHECK(other.t.types() == joined({answer_begins, "response.output_audio.delta"}));
}

TEST_CASE("an answer is under way while the background works on it") {
  realtime_talk r;
  r.person_speaks();
  r.t.model_speaks(2);
  r.t.graph(delegated{"1", "seven times eight", 0, 0, 0});
  r.t.model_speaks(8, false);
  CHECK(r.t.types().find("response.done") == std::string::npos);
  r.t.graph(found_out{"1", "fifty six"});
  r.t.model_speaks(2);
  r.t.model_speaks(8, false);
  CHECK(r.t.types().find("response.done") != std::string::npos);
  CHECK(r.t.last("response.done")["response"]["output"].size() == 1);
  // Nothing comes: it ends all the same.
  r.t.model_speaks(1);
  r.t.graph(delegated{"2", "seven times nine", 0, 0, 0});
  r.t.model_speaks(30, false);
  CHECK(r.t.types().find("response.done") != std::string::npos);
}

TEST_CASE("results of calls are told in the response that the client asks for") {
  const auto answer = [](const char* call) {
    return json{{"item", {{"type", "function_call_output"}, {"call_id", call}, {"output", "4"}}}};
  };
  realtime_talk r;
  r.t.model_speaks(2);
  r.t.graph(tool_call{"1", "clock", json::object()});
  r.t.graph(tool_call{"2", "clock", json::object()});
  r.send("conversation.item.create", answer("1"));
  r.send("conversation.item.create", answer("2"));
  // Asked for while the voice beside the calls still sounds: it comes after that, without an error.
  r.send("response.create", {{"response", {{"metadata", {{"mine", "x"}}}}}});
  CHECK(r.t.actions_of<tool_result>().empty());
  CHECK(r.t.types().find("error") == std::string::npos);
  r.t.model_speaks(1, false);
  CHECK(r.t.last("response.done")["response"]["output"].size() == 3);
  CHECK(r.t.last("response.created")["response"]["metadata"]["mine"] == "x");
  CHECK(r.t.actions_of<tool_result>().size() == 2);
  r.t.model_speaks(2);
  r.t.model_speaks(4, false);
  CHECK(r.t.last("response.done")["response"]["status"] == "completed");
  // A client that never asks: the background gets them a moment later.
  r.t.graph(tool_call{"3", "clock", json::object()});
  r.send("conversation.item.create", answer("3"));
  r.t.pass(2'000);
  CHECK(r.t.actions_of<tool_result>().size() == 3);
  // Somebody speaks over it: what was found out is not lost.
  r.t.model_speaks(2);
  r.t.graph(tool_call{"4", "clock", json::object()});
  r.send("conversation.item.create", answer("4"));
  r.send("response.create");
  r.append(200, 0.3);
  CHECK(r.t.last("response.done")["response"]["status"] == "cancelled");
  CHECK(r.t.actions_of<tool_result>().size() == 4);
}

TEST_CASE("a response that has to wait is one, and ends also where it never began") {
  realtime_talk r;
  r.t.model_speaks(2);
  r.t.graph(tool_call{"1", "clock", json::object()});
  r.send("conversation.item.create",
         {{"item", {{"type", "function_call_output"}, {"call_id", "1"}, {"output", "4"}}}});
  r.send("response.create", {{"response", {{"metadata", {{"mine", "x"}}}}}});
  r.send("response.create", {{"response", {{"metadata", {{"mine", "y"}}}}}});
  CHECK(r.t.last("error")["error"]["code"] == "conversation_already_has_active_response");
  r.t.types();
  r.send("response.cancel");
  CHECK(r.t.types().ends_with("response.done response.created response.done"));
  const auto done = r.t.last("response.done")["response"];
  CHECK(done["status"] == "cancelled");
  CHECK(done["metadata"]["mine"] == "x");
  CHECK(done["id"] == r.t.last("response.created")["response"]["id"]);
}

TEST_CASE("words of a voice that waits for response.create are kept as long as it is") {
  realtime_talk r;
  r.update({{"audio", {{"input", {{"turn_detection", nullptr}}}}}});
  r.send("response.create");
  r.t.graph(tool_call{"1", "clock", json::object()});  // alone it is the whole answer
  r.t.graph(said{"fifty six", 0, 0});
  r.t.model_speaks(2);
  r.send("response.create");
  r.send("response.cancel");
  CHECK(r.t.last("response.output_audio_transcript.done")["transcript"] == "fifty six");
}

TEST_CASE("functions are offered anew with the session; none where tool_choice says so") {
  realtime_talk r;
  const json tools = json::array({{{"type", "function"}, {"name", "clock"}}});
  r.update({{"tools", tools}, {"instructions", "be short"}});
  CHECK(r.t.actions_of<offer_tools>().back().tools.size() == 1);
  CHECK(r.t.actions_of<instruct>().back().text == "be short");
  CHECK(r.t.last("session.updated")["session"]["hocket"].contains("instructions"));
  r.update({{"hocket", "ours"}});  // not the client's to set
  CHECK(r.t.last("session.updated")["session"]["hocket"].is_object());
  r.update({{"tool_choice", "none"}});
  CHECK(r.t.actions_of<offer_tools>().back().tools.is_null());
  r.update({{"tools", json::array()}, {"tool_choice", "auto"}});
  CHECK(r.t.actions_of<offer_tools>().back().tools.is_array());
  // Instructions that are taken back are passed on as such, others once.
  const auto told = r.t.actions_of<instruct>().size();
  r.update({{"instructions", ""}});
  CHECK(r.t.actions_of<instruct>().size() == told + 1);
  CHECK(r.t.actions_of<instruct>().back().text == "");
}
