#include "actors/gateway/own/machine.hpp"
#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using own::machine;
using testing::schema_of;
using testing::talk;

namespace {

own::settings of_call() { return {.session_id = "s", .resume_key = "k1", .has_track = true}; }

/// What a connection gets that goes on, and what is to be said.
struct back {
  std::vector<json> messages;
  std::size_t said = 0;  ///< samples for its track

  back(machine& m, std::uint64_t after, next_line by, std::int64_t now_ms = 5'000) {
    output out;
    m.resume(json{{"type", "start"}, {"resume", {{"key", "k"}, {"after", after}}}}.dump(), by,
             now_ms, out);
    for (const auto& text : out.messages) {
      messages.push_back(json::parse(text));
      CHECK(schema_of("hocket").wrong_with(messages.back()) == "");
    }
    for (const auto& a : out.actions)
      if (const auto* p = std::get_if<play_sound>(&a)) said += p->samples.size();
  }
  std::string types() const {
    std::string out;
    for (const auto& m : messages) out += text_of(m, "type") + " ";
    return out;
  }
};

constexpr std::size_t turn = 3'200;  // samples

}  // namespace

TEST_CASE("own: a new call says again what the one before did not, and no more") {
  machine m(of_call());
  talk t(m, schema_of("hocket"));
  t.client(json{{"type", "start"}});
  t.model_speaks(2);
  t.graph(sound_left{400});
  const auto seen = t.last("voice")["seq"].get<std::uint64_t>();
  t.model_speaks(3);
  t.model_speaks(2, false);  // silence is not kept
  const back first(m, seen, {true, "k2"});
  CHECK(first.types() == "hello voice voice voice ");
  CHECK(first.said == 3 * turn);
  CHECK(first.messages[0]["resume"] == "k2");
  // All was seen by now; two of the three have left the track.
  t.graph(sound_left{400});
  const back second(m, seen + 3, {true, "k3"});
  CHECK(second.types() == "hello ");
  CHECK(second.said == turn);
  t.graph(sound_left{200});
  CHECK(back(m, seen + 3, {true, "k4"}).said == 0);
}

TEST_CASE("own: from a call to a WebSocket and back, the voice goes on in the other way") {
  machine m(of_call());
  talk t(m, schema_of("hocket"));
  t.client(json{{"type", "start"}});
  t.model_speaks(2);
  const back socket(m, 0, {false, "k2"});
  CHECK(socket.types() == "hello voice voice ");
  CHECK(socket.said == 0);
  CHECK(decode_base64(text_of(socket.messages[1], "audio"))->size() == 2 * turn);
  t.actions();
  t.model_speaks(1);
  CHECK(t.last("voice").contains("audio"));
  CHECK(t.actions_of<play_sound>().empty());
  const auto seq = t.last("voice")["seq"].get<std::uint64_t>();
  const back call(m, seq - 1, {true, "k3"});
  CHECK(call.said == turn);
  CHECK(!call.messages[1].contains("audio"));
  t.model_speaks(1);
  CHECK(t.actions_of<play_sound>().size() == 1);
}

TEST_CASE("own: what was interrupted is not said again to who comes back") {
  machine m(of_call());
  talk t(m, schema_of("hocket"));
  t.client(json{{"type", "start"}});
  t.model_speaks(3);
  t.client(json{{"type", "interrupt"}});
  CHECK(back(m, 0, {true, "k2"}).said == 0);
}

TEST_CASE("own: a key goes on once; the one before holds until its client has the new one") {
  machine m(of_call());
  talk t(m, schema_of("hocket"));
  CHECK(m.resume_key().empty());
  t.client(json{{"type", "start"}});
  CHECK(m.resume_key() == "k1");
  CHECK(m.earlier_key().empty());
  t.graph(said{"one ", 0, 200});
  const auto seen = t.last("said")["seq"].get<std::uint64_t>();
  (void)back(m, seen, {true, "k2"});
  CHECK(m.resume_key() == "k2");
  CHECK(m.earlier_key() == "k1");
  (void)back(m, seen, {true, "k3"});  // its hello was lost
  CHECK(m.earlier_key() == "k2");
  t.client(json{{"type", "seen"}, {"seq", seen}});
  CHECK(m.earlier_key().empty());
  CHECK(m.resume_key() == "k3");
  // What was seen is not kept; who says later that he has not is told what is lost.
  CHECK(back(m, 0, {true, "k4"}).messages[0]["lost_to"] == seen);
  CHECK(back(m, seen, {true, "k5"}).messages[0]["lost_to"].is_null());
  for (const json& wrong : {json{{"type", "seen"}}, json{{"type", "seen"}, {"seq", -1}},
                            json{{"type", "seen"}, {"seq", 1'000}}}) {
    t.client(wrong);
    CHECK(t.last("error")["code"] == "bad_value");
  }
  t.client(json{{"type", "forget"}});
  CHECK(m.resume_key().empty());
  CHECK(m.earlier_key().empty());
}

TEST_CASE("own: however many hellos are lost in a row, the key that its client has still holds") {
  machine m(of_call());
  talk t(m, schema_of("hocket"));
  t.client(json{{"type", "start"}});
  for (const char* next : {"k2", "k3", "k4"}) {
    output out;
    m.resume(R"({"type":"start","resume":{"key":"k1","after":0}})", {true, next}, 5'000, out);
    CHECK(m.resume_key() == next);
    CHECK(m.earlier_key() == "k1");
  }
  t.client(json{{"type", "seen"}, {"seq", 0}});
  CHECK(m.earlier_key().empty());
}

TEST_CASE("own: what is lacking is told, at once and at the end; a call that is left, too") {
  machine m(of_call());
  talk t(m, schema_of("hocket"));
  t.client(json{{"type", "start"}});
  t.graph(model_state{false, 60'000});
  CHECK(t.last("model")["there"] == false);
  t.let_go("another one goes on");
  CHECK(t.last("bye")["seq"] == 0);
  t.break_off("nobody answers", 1011);
  CHECK(t.types() == "error bye");
  CHECK(t.last("error")["code"] == "model_unavailable");
  CHECK(t.actions_of<hang_up>()[0].code == 1011);
  // Before it began.
  machine never(of_call());
  talk other(never, schema_of("hocket"));
  other.break_off("come again", 1013);
  CHECK(other.types() == "error");
  CHECK(other.actions_of<hang_up>()[0].code == 1013);
  CHECK(other.actions_of<hang_up>()[0].reason == "come again");
}
