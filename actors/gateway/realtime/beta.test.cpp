#include "actors/gateway/realtime/beta.hpp"

#include "actors/gateway/realtime/machine.hpp"
#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

struct beta_talk {
  realtime::beta machine{std::make_unique<realtime::machine>(realtime::settings{})};
  talk t{machine, schema_of("realtime_beta")};

  void send(const char* type, json more = json::object()) {
    more["type"] = type;
    t.client(more);
  }
  json updated(json session) {
    send("session.update", {{"session", std::move(session)}});
    return t.last("session.updated")["session"];
  }
};

}  // namespace

TEST_CASE("the beta's names: a session that is flat, and comes back flat") {
  beta_talk b;
  CHECK(b.t.types() == "session.created conversation.created");
  const auto created = b.t.last("session.created")["session"];
  CHECK(created["modalities"] == json::array({"audio", "text"}));
  CHECK(created["input_audio_format"] == "pcm16");
  CHECK(b.t.last("conversation.created")["conversation"]["id"] == "conv_sess_1");
  const auto s = b.updated({{"modalities", {"text", "audio"}},
                            {"voice", "alloy"},
                            {"input_audio_format", "g711_ulaw"},
                            {"output_audio_format", "g711_alaw"},
                            {"input_audio_transcription", {{"model", "whisper-1"}}},
                            {"turn_detection", nullptr},
                            {"temperature", 0.6},
                            {"max_response_output_tokens", 99}});
  CHECK(s["input_audio_format"] == "g711_ulaw");
  CHECK(s["output_audio_format"] == "g711_alaw");
  CHECK(s["voice"] == "alloy");
  CHECK(s["input_audio_transcription"]["model"] == "whisper-1");
  CHECK(s["turn_detection"].is_null());
  CHECK(s["max_response_output_tokens"] == 99);
  CHECK(b.updated({{"instructions", "x"}})["turn_detection"].is_null());
  CHECK(b.updated({{"modalities", {"text"}}})["modalities"] == json::array({"text"}));
}

TEST_CASE("the beta's names: an answer in sound, and one in text") {
  beta_talk b;
  (void)b.updated({{"turn_detection", nullptr}});
  (void)b.t.types();
  const json asks = {{"type", "message"},
                     {"role", "user"},
                     {"content", {{{"type", "input_text"}, {"text", "hello"}}}}};
  b.send("conversation.item.create", {{"item", asks}});
  CHECK(b.t.types() == "conversation.item.created");
  b.send("response.create",
         {{"response", {{"modalities", {"audio", "text"}}, {"temperature", 1}}}});
  b.t.graph(said{"hi there", 0, 400});
  b.t.model_speaks(2);
  b.t.model_speaks(6, false);
  CHECK(b.t.types() ==
        "response.created response.output_item.added conversation.item.created "
        "response.content_part.added response.audio_transcript.delta response.audio.delta "
        "response.audio.done response.audio_transcript.done response.content_part.done "
        "response.output_item.done response.done");
  const auto done = b.t.last("response.done")["response"];
  CHECK(done["modalities"] == json::array({"audio", "text"}));
  CHECK(done["output"][0]["content"][0]["type"] == "audio");
  CHECK(done["output_audio_format"] == "pcm16");
  b.send("response.create", {{"response", {{"modalities", {"text"}}}}});
  b.t.graph(said{"again", 0, 400});
  b.t.model_speaks(2);
  b.t.model_speaks(6, false);
  const auto types = b.t.types();
  CHECK(types.find("response.text.delta response.text.done") != types.npos);
  CHECK(b.t.last("response.done")["response"]["output"][0]["content"][0]["type"] == "text");
}

TEST_CASE("the beta's names: what is wrong is told as ever, and today's shape is taken, too") {
  beta_talk b;
  b.t.client(std::string("no json"));
  b.t.client(json{{"type", "session.update"}, {"session", 7}});
  b.t.client(json{{"type", "session.update"}, {"session", {{"audio", {1, 2}}}}});
  b.t.client(json{{"type", "session.update"}, {"session", {{"modalities", "smell"}}}});
  CHECK(b.t.types().find("session.updated") == std::string::npos);
  const auto s = b.updated({{"audio", {{"input", {{"format", {{"type", "audio/pcmu"}}}}}}}});
  CHECK(s["input_audio_format"] == "g711_ulaw");
}
