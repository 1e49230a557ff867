#include "actors/gateway/realtime/beta.hpp"
#include "actors/gateway/realtime/machine.hpp"
#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

realtime::settings of_call() {
  realtime::settings s;
  s.has_track = true;
  s.resume_key = "rtc_1";
  return s;
}

json create_response() { return {{"type", "response.create"}}; }

}  // namespace

TEST_CASE(
    "Realtime: nobody answers: each response fails with the reason, until somebody does again") {
  realtime::machine m{realtime::settings{}};
  talk t(m, schema_of("realtime"));
  t.model_speaks(2);
  t.types();
  t.graph(model_state{false, 60'000});
  const auto failed = t.last("response.done")["response"];
  CHECK(failed["status"] == "failed");
  CHECK(failed["status_details"]["error"]["code"] == "model_unavailable");
  CHECK(text_of(failed["status_details"]["error"], "message").find("60 s") != std::string::npos);
  CHECK(failed["output"][0]["status"] == "incomplete");
  CHECK(t.actions_of<interrupt>().empty());
  // Told once; what is asked for meanwhile fails at once, instead of after its time.
  t.graph(model_state{false, 60'000});
  CHECK(t.types() == "");
  t.client(create_response());
  CHECK(t.types() == "response.created response.done");
  CHECK(t.last("response.done")["response"]["status"] == "failed");
  CHECK(t.actions_of<prompt>().empty());
  t.graph(model_state{true});
  CHECK(t.types() == "");
  t.client(create_response());
  t.model_speaks(2);
  t.model_speaks(5, false);
  CHECK(t.last("response.done")["response"]["status"] == "completed");
}

TEST_CASE("Realtime: who says nothing is told, too: a response begins and fails") {
  realtime::machine m{realtime::settings{}};
  talk t(m, schema_of("realtime"));
  t.types();
  t.graph(model_state{false, 60'000});
  CHECK(t.types() == "response.created response.done");
  // A session that only writes down has no responses.
  realtime::settings s;
  s.initial.push_back({{"type", "transcription"}});
  realtime::machine scribe{s};
  talk other(scribe, schema_of("realtime"));
  other.types();
  other.graph(model_state{false, 60'000});
  CHECK(other.types() == "error");
  CHECK(other.last("error")["error"]["type"] == "server_error");
}

TEST_CASE("Realtime: the end for a lack, and that of a call that is left, are errors with a code") {
  for (const bool is_beta : {false, true}) {
    std::unique_ptr<protocol> m = std::make_unique<realtime::machine>(of_call());
    if (is_beta) m = std::make_unique<realtime::beta>(std::move(m));
    talk t(*m, schema_of(is_beta ? "realtime_beta" : "realtime"));
    t.types();
    t.let_go("another one goes on");
    CHECK(t.last("error")["error"]["code"] == "connection_ended");
    t.client(create_response());
    t.types();
    t.break_off("nobody answers", 1011);
    CHECK(t.types() == "response.done error");
    CHECK(t.last("error")["error"]["message"] == "nobody answers");
    CHECK(t.actions_of<hang_up>()[0].code == 1011);
    CHECK(t.actions_of<hang_up>()[0].reason == "nobody answers");
  }
}

TEST_CASE("Realtime: a new call is told the session and what was said, cut to what was heard") {
  realtime::machine m{of_call()};
  talk t(m, schema_of("realtime"));
  CHECK(m.resume_key() == "rtc_1");
  t.client(json{{"type", "session.update"},
                {"session", {{"type", "realtime"}, {"instructions", "Be brief."}}}});
  t.client(json{{"type", "conversation.item.create"},
                {"item",
                 {{"id", "mine"},
                  {"type", "message"},
                  {"role", "user"},
                  {"content", json::array({{{"type", "input_text"}, {"text", "hi"}}})}}}});
  t.graph(said{"one two three four", 0, 800});
  t.model_speaks(4);
  t.graph(sound_left{400});
  t.types();
  t.actions();
  t.resume("", {true, "rtc_2"});
  CHECK(m.resume_key() == "rtc_2");
  CHECK(t.actions_of<interrupt>().empty());  // the model speaks on
  CHECK(t.last("session.created")["session"]["instructions"] == "Be brief.");
  CHECK(t.last("conversation.item.done")["item"]["content"][0]["transcript"] == "one two");
  CHECK(t.last("conversation.item.done")["previous_item_id"] == "mine");
  // The voice goes on as a response of the new call, whose track begins at nothing.
  t.types();
  t.model_speaks(1);
  CHECK(t.last("output_audio_buffer.started").is_object());
  t.model_speaks(5, false);
  CHECK(t.last("response.done")["response"]["status"] == "completed");
  t.graph(sound_left{200});
  t.graph(sound_left{1'000});
  CHECK(t.last("output_audio_buffer.stopped").is_object());
}

TEST_CASE("Realtime: what waits for the response under way begins for nobody on a new call") {
  realtime::machine m{of_call()};
  talk t(m, schema_of("realtime"));
  t.model_speaks(1);
  t.client(json{{"type", "response.create"}, {"response", {{"conversation", "none"}}}});
  t.types();
  t.resume("", {true, "rtc_2"});
  CHECK(t.types() == "session.created conversation.item.added conversation.item.done");
  // While nobody answers, who comes back is told.
  t.graph(model_state{false, 9'000});
  t.types();
  t.resume("", {true, "rtc_3"});
  CHECK(t.last("response.done")["response"]["status"] == "failed");
}

TEST_CASE("Realtime: without a key, over a WebSocket, or after all was forgotten nobody goes on") {
  realtime::machine m{realtime::settings{}};
  CHECK(m.resume_key().empty());
  realtime::machine call{of_call()};
  output out;
  call.on_graph(all_forgotten{}, 100, out);
  CHECK(call.resume_key().empty());
}
