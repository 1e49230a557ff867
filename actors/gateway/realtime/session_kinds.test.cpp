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

}  // namespace

TEST_CASE("a transcription session hears, and nothing answers") {
  realtime_talk r;
  r.t.types();
  r.update({{"type", "transcription"}});
  const auto session = r.t.last("session.updated")["session"];
  CHECK(session["type"] == "transcription");
  CHECK(session["audio"]["input"]["transcription"].is_object());
  r.t.types();
  r.person_speaks();
  CHECK(r.t.types() == turn_by_voice);
  r.t.graph(heard{"seven ", 0, 100, true});
  CHECK(r.t.last("conversation.item.input_audio_transcription.completed")["transcript"] ==
        "seven ");
  r.t.types();
  r.t.graph(said{"Hello ", 0, 200});
  r.t.model_speaks(3);
  r.t.model_speaks(5, false);
  CHECK(r.t.types() == "");
  r.send("response.create");
  CHECK(r.t.last("error")["error"]["code"] == "invalid_value");
  r.update({{"type", "smell"}});
  CHECK(r.t.last("error")["error"]["param"] == "session.type");
}

TEST_CASE(
    "a response out of band beside another comes after it; another one of the conversation is "
    "refused") {
  realtime_talk r;
  r.send("response.create");
  const auto first = r.t.last("response.created")["response"]["id"];
  r.send("response.create",
         {{"response", {{"conversation", "none"}, {"metadata", {{"topic", "a"}}}}}});
  r.send("response.create",
         {{"response", {{"conversation", "none"}, {"metadata", {{"topic", "b"}}}}}});
  r.t.types();
  r.send("response.create");
  CHECK(r.t.last("error")["error"]["code"] == "conversation_already_has_active_response");
  r.t.model_speaks(2);
  r.t.model_speaks(4, false);
  CHECK(r.t.last("response.done")["response"]["id"] == first);
  CHECK(r.t.last("response.created")["response"]["metadata"]["topic"] == "a");
  CHECK(r.t.last("response.created")["response"]["conversation_id"].is_null());
  r.send("response.cancel");
  CHECK(r.t.last("response.created")["response"]["metadata"]["topic"] == "b");
  for (int i = 0; i < 8; ++i) r.send("response.create", {{"response", {{"conversation", "none"}}}});
  r.t.types();
  r.send("response.create", {{"response", {{"conversation", "none"}}}});
  CHECK(r.t.last("error")["error"]["code"] == "conversation_already_has_active_response");
}

TEST_CASE("tool_choice: none, one by name, one of them") {
  realtime_talk r;
  const json f = {{"type", "function"}, {"name", "f"}}, g = {{"type", "function"}, {"name", "g"}};
  r.update({{"tools", {f, g}}, {"instructions", "Be brief."}});
  CHECK(r.t.actions_of<offer_tools>().back().tools.size() == 2);
  r.update({{"tool_choice", f}});
  CHECK(r.t.actions_of<offer_tools>().back().tools == json::array({f}));
  CHECK(r.t.actions_of<instruct>().back().text.find("calling one of the functions") !=
        std::string::npos);
  r.update({{"tool_choice", "required"}});
  CHECK(r.t.actions_of<offer_tools>().back().tools.size() == 2);
  r.update({{"tool_choice", "none"}});
  CHECK(r.t.actions_of<offer_tools>().back().tools.is_null());
  CHECK(r.t.actions_of<instruct>().back().text == "Be brief.");
}

TEST_CASE(
    "what was said before is not answered; the person's last words are, when a response is asked "
    "for") {
  realtime_talk r;
  const auto item = [](const char* role, const char* words) {
    const char* type = role == std::string("assistant") ? "output_text" : "input_text";
    return json{{"type", "message"},
                {"role", role},
                {"content", json::array({json{{"type", type}, {"text", words}}})}};
  };
  const auto add = [&](const char* role, const char* words) {
    r.send("conversation.item.create", {{"item", item(role, words)}});
  };
  const auto typed = [&] {
    std::string out;
    for (const auto& t : r.t.actions_of<hear_text>()) out += t.role + ":" + t.text + " ";
    r.t.actions();
    return out;
  };
  add("user", "hello");
  add("assistant", "hi");
  add("system", "it rains");
  add("user", "two and two?");
  CHECK(typed() == "history:hello assistant:hi system:it rains ");
  r.send("response.create", {{"response",
                              {{"conversation", "none"},
                               {"input", json::array({item("user", "a"), item("user", "b")})}}}});
  CHECK(typed() == "history:a user:b ");  // in place of the conversation
  r.send("response.cancel");
  r.send("response.create");
  CHECK(typed() == "user:two and two? ");
  r.send("response.cancel");
  r.send("response.create");
  CHECK(typed() == "");  // asked once
  r.send("response.cancel");
  add("user", "never mind");
  r.person_speaks();
  CHECK(typed() == "history:never mind ");
}
