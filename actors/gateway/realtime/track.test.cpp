#include "actors/gateway/realtime/machine.hpp"

#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

/// A call: sound beside the messages, both ways.
struct track_talk {
  realtime::machine machine{[] {
    realtime::settings s;
    s.has_track = true;
    return s;
  }()};
  talk t{machine, schema_of("realtime")};
  std::int64_t left_ms = 0;

  void send(const char* type, json more = json::object()) {
    more["type"] = type;
    t.client(more);
  }
  void person(int ms, double loud) {
    for (int at = 0; at < ms; at += 20) {
      t.client_sound(talk::tone(20, inner_rate_hz, loud));
      t.pass(20);
    }
  }
  void left(std::int64_t ms) { t.graph(sound_left{left_ms += ms}); }
};

constexpr const char* answer_begins =
    "response.created response.output_item.added conversation.item.added "
    "response.content_part.added response.output_audio_transcript.delta "
    "output_audio_buffer.started";

}  // namespace

TEST_CASE("a call: the voice goes to the track, and its events say when it was heard") {
  track_talk r;
  CHECK(r.t.types() == "session.created");
  r.person(600, 0.3);
  r.person(900, 0);
  CHECK(r.t.types() ==
        "input_audio_buffer.speech_started input_audio_buffer.speech_stopped "
        "input_audio_buffer.committed conversation.item.added conversation.item.done");
  r.t.actions();
  r.t.graph(said{"Hello ", 0, 200});
  r.t.model_speaks(3);
  CHECK(r.t.types() == answer_begins);
  CHECK(r.t.actions_of<play_sound>().size() == 3);
  r.left(400);
  r.t.model_speaks(4, false);
  CHECK(r.t.types() ==
        "response.output_audio.done response.output_audio_transcript.done "
        "response.content_part.done response.output_item.done conversation.item.done "
        "response.done");
  CHECK(r.t.last("response.output_audio.delta").is_null());
  r.left(700);               // of 1200: what is silent belongs to it
  CHECK(r.t.types() == "");  // the rest is still on its way
  r.left(100);
  CHECK(r.t.types() == "output_audio_buffer.stopped");
  const auto id = r.t.last("response.done")["response"]["id"];
  CHECK(r.t.last("output_audio_buffer.started")["response_id"] == id);
  CHECK(r.t.last("output_audio_buffer.stopped")["response_id"] == id);
}

TEST_CASE("a call: speech silences the track at once, and cuts the words to what was heard") {
  track_talk r;
  r.t.graph(said{"one two three four five six seven eight", 0, 200});
  r.t.model_speaks(4);
  r.left(400);  // of 800
  r.t.types();
  r.t.actions();
  r.person(200, 0.3);
  CHECK(r.t.types() ==
        "input_audio_buffer.speech_started response.output_audio.done "
        "response.output_audio_transcript.done response.content_part.done "
        "response.output_item.done conversation.item.done response.done "
        "output_audio_buffer.cleared conversation.item.truncated");
  CHECK(r.t.actions_of<hush_sound>().size() == 1);
  CHECK(r.t.actions_of<interrupt>().size() == 1);
  CHECK(r.t.last("conversation.item.truncated")["audio_end_ms"] == 400);
  const auto item = r.t.last("conversation.item.truncated")["item_id"];
  r.send("conversation.item.retrieve", {{"item_id", item}});
  CHECK(r.t.last("conversation.item.retrieved")["item"]["content"][0]["transcript"] ==
        "one two three four");
  // The client's own truncation, at the same place, changes nothing more.
  r.send("conversation.item.truncate",
         {{"item_id", item}, {"content_index", 0}, {"audio_end_ms", 9000}});
  r.send("conversation.item.retrieve", {{"item_id", item}});
  CHECK(r.t.last("conversation.item.retrieved")["item"]["content"][0]["transcript"] ==
        "one two three four");
  CHECK(r.t.last("error").is_null());
}

TEST_CASE("a call: the rest of a whole answer is cut, too, and a client may clear by itself") {
  track_talk r;
  r.t.model_speaks(2);
  r.t.model_speaks(4, false);
  CHECK(!r.t.last("response.done").is_null());
  r.left(200);
  r.person(200, 0.3);
  CHECK(!r.t.last("output_audio_buffer.cleared").is_null());
  CHECK(r.t.last("conversation.item.truncated")["audio_end_ms"] == 200);
  track_talk c;
  c.send("output_audio_buffer.clear");
  CHECK(c.t.types() == "session.created");  // nothing sounds
  c.t.model_speaks(2);
  c.t.types();
  c.t.actions();
  c.send("response.cancel");
  c.send("output_audio_buffer.clear");
  CHECK(!c.t.last("output_audio_buffer.cleared").is_null());
  CHECK(c.t.actions_of<hush_sound>().size() == 1);
  CHECK(c.t.last("error").is_null());
  c.left(5000);
  CHECK(c.t.last("output_audio_buffer.stopped").is_null());
}

TEST_CASE("a call: an answer in text alone sounds not; one behind another ends the first") {
  track_talk r;
  r.send("response.create", {{"response", {{"output_modalities", {"text"}}}}});
  r.t.graph(said{"quiet", 0, 200});
  r.t.model_speaks(2);
  CHECK(r.t.actions_of<play_sound>().empty());
  track_talk c;
  c.t.model_speaks(1);
  c.t.model_speaks(4, false);
  c.t.types();
  c.t.model_speaks(1);
  CHECK(c.t.types() ==
        "response.created response.output_item.added conversation.item.added "
        "response.content_part.added output_audio_buffer.stopped output_audio_buffer.started");
}
