// Every event that ends something ends just that.
#include "actors/gateway/realtime/machine.hpp"
#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

struct cut_talk {
  explicit cut_talk(bool has_track = false)
      : machine([&] {
          realtime::settings s;
          s.has_track = has_track;
          return s;
        }()),
        t(machine, schema_of("realtime")) {
    t.types();
  }
  realtime::machine machine;
  talk t;

  void send(const char* type, json more = json::object()) {
    more["type"] = type;
    t.client(more);
  }
  void update(json session) { send("session.update", {{"session", std::move(session)}}); }
  json create(json response = json::object()) {
    send("response.create", {{"response", std::move(response)}});
    return t.last("response.created")["response"]["id"];
  }
  json create_apart(const char* topic, const char* modality = "audio") {
    return create({{"conversation", "none"},
                   {"instructions", topic},
                   {"output_modalities", json::array({modality})},
                   {"metadata", {{"topic", topic}}}});
  }
  void person(int ms, double loud) {
    for (int at = 0; at < ms; at += 40) {
      send("input_audio_buffer.append", {{"audio", sound_of_client(40, loud)}});
      t.pass(40);
    }
  }
  json created() { return t.last("response.created")["response"]; }
  json done() { return t.last("response.done")["response"]; }
};

/// Where in the actions the last of a kind is; -1: nowhere.
template <class T>
int place_of(const std::vector<action>& all) {
  for (int i = static_cast<int>(all.size()) - 1; i >= 0; --i)
    if (std::holds_alternative<T>(all[static_cast<std::size_t>(i)])) return i;
  return -1;
}

}  // namespace

TEST_CASE("a response out of band that begins behind a cancel is neither interrupted nor muted") {
  for (const char* how : {"response.cancel", "output_audio_buffer.clear", "speech"}) {
    CAPTURE(how);
    cut_talk r;
    const auto first = r.create();
    r.create_apart("a");
    r.t.model_speaks(2);
    r.t.types();
    r.t.actions();
    if (how == std::string("speech"))
      r.person(200, 0.3);
    else
      r.send(how);
    CHECK(r.done()["id"] == first);
    CHECK(r.done()["status"] == "cancelled");
    CHECK(r.created()["metadata"]["topic"] == "a");
    const auto actions = r.t.actions();
    CHECK(place_of<interrupt>(actions) >= 0);
    CHECK(place_of<interrupt>(actions) < place_of<prompt>(actions));
    // Its voice is heard from the first word, and its end is its own.
    r.t.types();
    r.t.graph(said{"topic a", 0, 200});
    r.t.model_speaks(1);
    CHECK(!r.t.last("response.output_audio.delta").is_null());
    CHECK(r.t.last("response.output_audio.delta")["response_id"] == r.created()["id"]);
    r.t.model_speaks(4, false);
    CHECK(r.done()["id"] == r.created()["id"]);
    CHECK(r.done()["status"] == "completed");
    CHECK(r.done()["output"][0]["content"][0]["transcript"] == "topic a");
    CHECK(r.t.last("error").is_null());
  }
}

TEST_CASE("a cancel that names another response than the one under way ends nothing") {
  cut_talk r;
  const auto first = r.create();
  r.create_apart("a");
  r.t.model_speaks(1);
  r.send("response.cancel", {{"response_id", first}});
  const auto second = r.created()["id"];
  CHECK(second != first);
  r.t.types();
  r.t.actions();
  r.send("response.cancel", {{"response_id", first}});  // LiveKit sends it up to four times
  CHECK(r.t.types() == "error");
  CHECK(r.t.last("error")["error"]["code"] == "response_cancel_not_active");
  CHECK(r.t.actions_of<interrupt>().empty());
  r.t.model_speaks(1);
  CHECK(r.t.types() ==
        "response.output_item.added response.content_part.added response.output_audio.delta");
  r.send("response.cancel", {{"response_id", second}});
  CHECK(r.done()["id"] == second);
}

TEST_CASE("speech does not end what nobody hears: a response out of band in text") {
  cut_talk r;
  const auto apart = r.create_apart("classify", "text");
  r.t.graph(said{"a ques", 0, 200});
  r.t.types();
  r.t.actions();
  r.person(200, 0.3);
  CHECK(r.t.types() == "input_audio_buffer.speech_started");
  CHECK(r.t.actions_of<interrupt>().empty());
  r.t.graph(said{"tion", 0, 200});
  r.t.pass(1'200);
  CHECK(r.done()["id"] == apart);
  CHECK(r.done()["status"] == "completed");
  CHECK(r.done()["output"][0]["content"][0]["text"] == "a question");
  // In the conversation, and in sound, speech does.
  for (const json& response :
       {json{{"output_modalities", {"text"}}}, json{{"conversation", "none"}}}) {
    cut_talk other;
    other.create(response);
    other.person(200, 0.3);
    CHECK(other.done()["status_details"]["reason"] == "turn_detected");
  }
}

TEST_CASE("a call: clearing what sounds does not end another response") {
  cut_talk r(true);
  r.create();
  r.t.model_speaks(3);
  r.t.model_speaks(4, false);  // whole, and most of it is not heard yet
  const auto spoken = r.done()["id"];
  r.t.graph(sound_left{200});
  const auto apart = r.create_apart("a");
  r.t.types();
  r.t.actions();
  r.send("output_audio_buffer.clear");
  CHECK(r.t.types() == "output_audio_buffer.cleared conversation.item.truncated");
  CHECK(r.t.last("output_audio_buffer.cleared")["response_id"] == spoken);
  CHECK(r.t.actions_of<hush_sound>().size() == 1);
  CHECK(r.t.actions_of<interrupt>().empty());
  r.t.model_speaks(1);
  CHECK(r.t.last("output_audio_buffer.started")["response_id"] == apart);
  r.send("output_audio_buffer.clear");
  CHECK(r.t.last("output_audio_buffer.cleared")["response_id"] == apart);
  CHECK(r.done()["id"] == apart);
  // With nothing under way: what comes next is new, and is heard.
  cut_talk c(true);
  c.t.model_speaks(2);
  c.t.model_speaks(4, false);
  c.send("output_audio_buffer.clear");
  c.t.actions();
  c.t.model_speaks(1);
  CHECK(c.t.actions_of<play_sound>().size() == 1);
}

TEST_CASE("what is truncated is what its client names, not what is said since") {
  cut_talk r;
  r.create();
  r.create_apart("a");
  r.t.model_speaks(3);
  r.send("response.cancel");
  const auto item = r.done()["output"][0]["id"];
  r.t.model_speaks(1);  // of the next
  r.t.actions();
  r.send("conversation.item.truncate",
         {{"item_id", item}, {"content_index", 0}, {"audio_end_ms", 300}});
  CHECK(r.t.last("conversation.item.truncated")["audio_end_ms"] == 300);
  CHECK(r.t.actions_of<was_heard>().empty());
}

TEST_CASE("a session that becomes a transcription ends what answers, and offers no function") {
  const json f = {{"type", "function"}, {"name", "f"}};
  cut_talk r;
  r.update({{"tools", {f}}});
  const auto first = r.create();
  r.create_apart("a");
  r.create_apart("b");
  r.t.graph(said{"one two", 0, 200});
  r.t.model_speaks(2);
  r.t.types();
  r.t.actions();
  r.update({{"type", "transcription"}});
  const auto messages = r.t.messages();
  std::vector<json> over;
  for (const auto& m : messages)
    if (m["type"] == "response.done") over.push_back(m["response"]);
  REQUIRE(over.size() == 3);
  CHECK(over[0]["id"] == first);
  CHECK(over[0]["output"][0]["status"] == "incomplete");
  CHECK(over[1]["metadata"]["topic"] == "a");
  CHECK(over[2]["metadata"]["topic"] == "b");
  for (const auto& o : over) CHECK(o["status"] == "cancelled");
  CHECK(messages.back()["type"] == "session.updated");
  CHECK(r.t.actions_of<interrupt>().size() == 1);
  CHECK(r.t.actions_of<offer_tools>().back().tools.is_null());
  // Nothing of it is left: not its voice, not its time limits.
  r.t.model_speaks(3);
  r.t.pass(31'000);
  CHECK(r.t.types() == "");
  r.update({{"audio", {{"input", {{"turn_detection", {{"idle_timeout_ms", 5000}}}}}}}});
  r.t.types();
  r.person(200, 0);
  r.t.pass(20'000);
  CHECK(r.t.types() == "");
  // And back: it answers again.
  r.update({{"type", "realtime"}});
  CHECK(r.t.actions_of<offer_tools>().back().tools == json::array({f}));
  r.t.types();
  r.create_apart("c");
  r.t.model_speaks(1);
  CHECK(r.t.types() ==
        "response.output_item.added response.content_part.added response.output_audio.delta");
}

TEST_CASE("a session that becomes a transcription: what waits or sounds is over, too") {
  // A voice that waits for response.create.
  cut_talk held;
  held.update({{"audio", {{"input", {{"turn_detection", nullptr}}}}}});
  held.t.graph(said{"old", 0, 0});
  held.t.model_speaks(2);
  held.update({{"type", "transcription"}});
  held.update({{"type", "realtime"}});
  held.t.types();
  held.send("response.create");
  CHECK(held.t.types() == "response.created");
  // Results that wait for the response of their calls.
  cut_talk called;
  called.t.model_speaks(1);
  called.t.graph(tool_call{"1", "clock", json::object()});
  called.send("conversation.item.create",
              {{"item", {{"type", "function_call_output"}, {"call_id", "1"}, {"output", "4"}}}});
  called.create({{"metadata", {{"mine", "x"}}}});
  called.update({{"type", "transcription"}});
  CHECK(called.done()["metadata"]["mine"] == "x");
  CHECK(called.done()["id"] == called.created()["id"]);
  CHECK(called.t.actions_of<tool_result>().back().text == "4");
  // Sound on its way, of a response that is whole.
  cut_talk track(true);
  track.t.model_speaks(3);
  track.t.model_speaks(4, false);
  track.t.types();
  track.update({{"type", "transcription"}});
  CHECK(track.t.types() ==
        "output_audio_buffer.cleared conversation.item.truncated session.updated");
  CHECK(track.t.actions_of<hush_sound>().size() == 1);
  // An update that is refused ends nothing.
  cut_talk kept;
  const auto first = kept.create();
  kept.t.model_speaks(1);
  kept.update({{"type", "transcription"}, {"instructions", 7}});
  CHECK(!kept.t.last("error").is_null());
  CHECK(kept.done().is_null());
  kept.send("response.cancel", {{"response_id", first}});
  CHECK(kept.done()["id"] == first);
}

TEST_CASE("a server that stops ends all that was asked for") {
  cut_talk r;
  r.create();
  r.create_apart("a");
  r.create_apart("b");
  r.t.types();
  r.t.end("the server stops");
  int over = 0;
  for (const auto& m : r.t.messages()) over += m["type"] == "response.done" ? 1 : 0;
  CHECK(over == 3);
  CHECK(r.t.actions_of<hang_up>().back().code == 1001);
}

TEST_CASE("spoken over in its pause, the answer that comes then is heard") {
  for (const bool is_pause : {true, false}) {
    CAPTURE(is_pause);
    cut_talk r;
    r.t.graph(said{"let me check", 0, 400});
    r.t.model_speaks(2);
    r.t.graph(delegated{"1", "time", 400, 0, 400});
    if (is_pause) r.t.model_speaks(2, false);
    r.person(400, 0.3);
    CHECK(r.done()["status"] == "cancelled");
    r.t.types();
    r.t.graph(said{"it is three", 0, 400});
    r.t.model_speaks(3);
    r.t.model_speaks(1, false);
    r.person(1'200, 0.3);  // however long they speak
    CHECK(r.t.types() == "");
    r.person(900, 0);
    const auto types = r.t.types();
    CHECK((types.find("response.created") != types.npos) == is_pause);
  }
}
