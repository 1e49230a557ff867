#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "tools/hocket/conversation.hpp"
#include "tools/hocket/event_log.hpp"
#include "tools/hocket/picture.hpp"
#include "tools/hocket/recorder.hpp"
#include "tools/hocket/screen.hpp"
#include "tools/hocket/top_view.hpp"

using namespace hocket;
using namespace hocket::cli;

namespace {

fact turn_fact(std::int64_t k, float person, float model, double compute_ms = 10) {
  fact f;
  f.what = fact::kind::turn;
  f.session = 1;
  f.turn = k;
  f.t_ms = static_cast<double>(k) * 200;
  f.person.rms.fill(person);
  f.person.peak.fill(person);
  f.model.rms.fill(model);
  f.model.peak.fill(model);
  f.compute_ms = compute_ms;
  return f;
}

fact text_fact(double t_ms, const char* role, const char* words, std::uint64_t request = 0) {
  fact f;
  f.what = fact::kind::text;
  f.session = 1;
  f.t_ms = t_ms;
  f.role = role;
  f.text = words;
  f.request = request;
  return f;
}

/// The person speaks in [0, 1) s, the model answers in [1.4, 2) s.
conversation small_talk() {
  conversation c;
  for (int k = 0; k < 12; ++k) c.apply(turn_fact(k, k < 5 ? 0.2f : 0, k >= 7 && k < 10 ? 0.3f : 0));
  c.apply(text_fact(1400, "model", "seven"));
  fact d;
  d.what = fact::kind::delegation;
  d.session = 1;
  d.t_ms = 1200;
  d.request = 3;
  d.text = "seven times <eight> & more";
  d.detail = "start";
  c.apply(d);
  c.apply(text_fact(1900, "background", "56", 3));
  return c;
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// A source of sound and something that thinks, without any component behind them.
struct two_actors {
  component_type mic, brain;
  plan graph;
  two_actors() {
    mic.info.type = "fake.mic";
    mic.info.source = true;
    mic.info.outputs = {{"audio", {.kind = payload_kind::audio}, ""}};
    brain.info.type = "fake.brain";
    brain.info.outputs = {{"audio", {.kind = payload_kind::audio}, ""},
                          {"text", {.kind = payload_kind::text}, ""}};
    graph.name = "two";
    graph.actors.resize(2);
    graph.actors[0].name = "mic";
    graph.actors[0].type = &mic;
    graph.actors[1].name = "brain";
    graph.actors[1].type = &brain;
    graph.actors[1].policy = input_policy::micro_turn;
  }
};

packet audio_packet(std::int64_t at_ms, float level) {
  audio_chunk a;
  a.samples = buffer::take(std::vector<float>(1600, level));  // 100 ms
  auto p = make_packet(timestamp::of_ms(at_ms), std::move(a));
  p.header.session = session_id{1};
  return p;
}

struct list_sink final : fact_sink {
  std::vector<fact> all;
  void take(const fact& f) override { all.push_back(f); }
};

}  // namespace

TEST_CASE("facts survive their line of JSON; words can be left out") {
  auto f = turn_fact(4, 0.25f, 0);
  const auto back = fact_from_json(to_json_line(f, true));
  REQUIRE(back);
  CHECK(back->turn == 4);
  CHECK(back->person.rms[7] == doctest::Approx(0.25));
  CHECK(back->model.silent());
  CHECK(back->compute_ms == 10);
  const auto words = text_fact(100, "model", "secret");
  CHECK(fact_from_json(to_json_line(words, true))->text == "secret");
  CHECK(to_json_line(words, false).find("secret") == std::string::npos);
  CHECK_FALSE(fact_from_json(R"({"type":"turn","sess)"));
  CHECK_FALSE(fact_from_json("[]"));
}

TEST_CASE("a torn log is read up to the tear") {
  const auto path = (std::filesystem::temp_directory_path() / "hocket_torn.jsonl").string();
  {
    std::ofstream out(path);
    out << to_json_line(turn_fact(0, 0.1f, 0), true) << "\n"
        << R"({"type":"turn","sess)";
  }
  int skipped = 0;
  CHECK(read_facts(path, skipped).size() == 1);
  CHECK(skipped == 1);
  std::filesystem::remove(path);
}

TEST_CASE("an event log counts the lines that a full disk refuses") {
  auto log = event_log::open("/dev/full", true);
  REQUIRE(log);
  CHECK((*log)->problem() == "");
  for (int k = 0; k < 3; ++k) (*log)->take(turn_fact(k, .1f, .1f));
  CHECK((*log)->problem() == "/dev/full: 3 lines are missing: No space left on device");
  CHECK(event_log::open("/proc/nowhere/all", true).error().code == "run.cannot_write");
}

TEST_CASE("a conversation knows who spoke when, and how long the answer took") {
  const auto c = small_talk();
  REQUIRE(c.person_voice().size() == 1);
  CHECK(c.person_voice()[0].to_ms == doctest::Approx(1000));
  REQUIRE(c.model_voice().size() == 1);
  REQUIRE(c.responses().size() == 1);
  CHECK(c.responses()[0].answered_ms - c.responses()[0].ended_ms == doctest::Approx(400));
  REQUIRE(c.delegations.size() == 1);
  CHECK(c.delegations[0].answer == "56");
  CHECK(c.delegations[0].answered_ms == 1900);
  CHECK(c.length_ms() == 2400);
}

TEST_CASE("what was on its way before the person ended is no answer") {
  conversation c;
  for (int k = 0; k < 12; ++k) c.apply(turn_fact(k, k < 5 ? 0.2f : 0, k == 5 ? 0.3f : 0));
  CHECK(c.responses().empty());
}

TEST_CASE("packets become facts: levels on the grid, each word once, turns in order") {
  two_actors two;
  list_sink sink;
  recorder r(two.graph, {&sink});
  CHECK(cast_of(two.graph).voices == std::vector{voice_of::person, voice_of::model});
  CHECK(cast_of(two.graph).thinks == std::vector{false, true});
  auto word = make_packet(timestamp::of_ms(400), text{"seven", "model"});
  word.header.session = session_id{1};
  auto voice = audio_packet(400, 0.25f);
  voice.header.way.push({1, 0, 1'000'000, 13'000'000});
  for (int i = 0; i < 10; ++i) {
    r.packet_emitted(two.graph, 0, 0, audio_packet(i * 100, 0.5f));
    if (i != 4) continue;
    r.packet_emitted(two.graph, 1, 1, word);
    r.packet_emitted(two.graph, 0, 0, word);  // a relay
    r.packet_emitted(two.graph, 1, 0, voice);
  }
  r.finish("finished", "");

  std::vector<std::int64_t> turns;
  int words = 0;
  for (const auto& f : sink.all) {
    if (f.what == fact::kind::turn) turns.push_back(f.turn);
    words += f.what == fact::kind::text;
    if (f.what != fact::kind::turn || f.turn != 2) continue;
    CHECK(f.person.rms[19] == doctest::Approx(0.5));
    CHECK(f.model.rms[9] == doctest::Approx(0.25));
    CHECK(f.model.rms[10] == 0);  // 100 ms of sound in a micro-turn of 200 ms
    CHECK(f.compute_ms == doctest::Approx(12));
  }
  CHECK(turns == std::vector<std::int64_t>{0, 1, 2, 3, 4});
  CHECK(words == 1);
  CHECK(sink.all.front().what == fact::kind::start);
  CHECK(sink.all.back().what == fact::kind::end);
}

TEST_CASE("behind a playout the model's voice is what was played") {
  two_actors two;
  component_type speaker;
  speaker.info.type = "fake.speaker";
  speaker.info.inputs = {{"audio", {.kind = payload_kind::audio}, ""}};
  speaker.info.outputs = {{"heard", {.kind = payload_kind::audio}, ""}};
  two.graph.actors.resize(3);
  two.graph.actors[2].type = &speaker;
  two.graph.links.resize(1);
  two.graph.links[0].from = 1;
  two.graph.links[0].to = 2;
  const auto who = cast_of(two.graph);
  CHECK(who.voices == std::vector{voice_of::person, voice_of::nobody, voice_of::model});
  CHECK(who.thinks == std::vector{false, true, false});
}

TEST_CASE("a row takes what happened until its micro-turn ended") {
  row_builder rows;
  CHECK(rows.take(text_fact(250, "model", "one")).empty());
  CHECK(rows.take(text_fact(450, "model", "two")).empty());
  const auto made = rows.take(turn_fact(1, 0, 0));
  REQUIRE(made.size() == 1);
  CHECK(made[0].words(false) == "one");
  CHECK(made[0].words(true) == "");
  CHECK(rows.rest().size() == 1);
}

TEST_CASE("the picture is a well-formed SVG and a PNG of the same size") {
  const auto dir = std::filesystem::temp_directory_path() / "hocket_picture_test";
  std::filesystem::create_directories(dir);
  const auto svg = (dir / "c.svg").string(), png = (dir / "c.png").string();
  REQUIRE(draw_conversation(small_talk(), svg));
  REQUIRE(draw_conversation(small_talk(), png));
  const auto text = read(svg);
  CHECK(text.starts_with("<?xml"));
  CHECK(text.find("</svg>") != std::string::npos);
  CHECK(text.find("width=\"1500") != std::string::npos);
  const auto pixels = read(png);
  CHECK(pixels.substr(0, 8) == "\x89PNG\r\n\x1a\n");
  const auto wide =
      (static_cast<unsigned char>(pixels[18]) << 8) + static_cast<unsigned char>(pixels[19]);
  CHECK(wide == 2250);
  CHECK(draw_conversation(conversation(), svg));  // nothing happened: still a picture
  CHECK(draw_conversation(conversation(), (dir / "c.gif").string()).error().code ==
        "picture.bad_format");
  CHECK(draw_conversation(conversation(), "/proc/nowhere/c.png").error().code ==
        "picture.cannot_write");
  std::filesystem::remove_all(dir);
}

TEST_CASE("top shows actors, links and rates between two looks") {
  const std::string before = R"({"graph":"talk","now_s":1,"sessions":1,"law_holds":true,
    "actors":[{"name":"mic","component":"capture.gst","state":"running","packets_out":50}],
    "links":[{"from":"mic.audio","to":"ears.audio","sent":50}]})";
  const std::string now = R"({"graph":"talk","now_s":3,"sessions":1,"law_holds":true,
    "actors":[{"name":"mic","component":"capture.gst","state":"hung","packets_out":150,"last_error":"no device"}],
    "links":[{"from":"mic.audio","to":"ears.audio","sent":150,"dropped":{"too_old":2}}],
    "budgets":[{"path":"mic > ears","limit_ms":400,"p50_ms":210.04,"checked":9,"missed":1,"blamed":{"ears":1}}]})";
  const auto text = top_text({{"out", before, now}}, terminal{});
  for (const char* part : {"talk  3.0 s, sessions: 1", "holds", "50.0", "hung", "no device",
                           "too_old 2", "210.0", "ears 1"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is missing in\n", text);
  CHECK(text.find("host") == std::string::npos);
  CHECK(top_text({{"out", "", "nonsense"}}, terminal{}).starts_with("not a status"));
}

TEST_CASE("top shows several hosts in one table, and who does not answer") {
  const auto status = [](const char* host, const char* actor, double now_s, double busy_s) {
    return fmt::format(R"({{"graph":"talk","host":"{}","now_s":{},"sessions":1,"law_holds":true,
      "actors":[{{"name":"{}","component":"c","state":"idle","busy_s":{}}}],"links":[],
      "peers":[{{"name":"far","state":"lost","rtt_us":80,"reason":"silent","connects":2}}],
      "wires":[{{"link":"mic.audio","peer":"far","outgoing":true,"sent":9,"gaps":1,
                 "dropped":{{"disconnect":3}}}}]}})",
                       host, now_s, actor, busy_s);
  };
  const auto text =
      top_text({{"b.sock", status("gpu", "model", 2, 1), status("gpu", "model", 4, 2.5)},
                {"http://10.0.0.5:9464", "", "", {"observe.no_answer", "no route"}},
                {"a.sock", "", status("edge", "mic", 4, 0)}},
               terminal{});
  for (const char* part : {"edge: talk", "gpu: talk", "http://10.0.0.5:9464: no route", "75 %",
                           "host  actor", "mic.audio to far", "disconnect 3", "silent"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is missing in\n", text);
  CHECK(text.find("edge  mic") < text.find("gpu   model"));
}

TEST_CASE("top keeps a host that no longer answers, and tells one that only its peers know") {
  const std::string edge = R"({"graph":"talk","host":"edge","now_s":9,"sessions":1,"law_holds":true,
    "actors":[{"name":"mic","component":"c","state":"running"}],
    "peers":[{"name":"gpu","state":"lost","state_ms":3100,"reason":"silent"},
             {"name":"mind","state":"lost","state_ms":12500,"reason":"nobody listens"},
             {"name":"tv","state":"up","state_ms":9000}]})";
  const std::string gpu = R"({"graph":"talk","host":"gpu","now_s":6,"sessions":1,"law_holds":true,
    "actors":[{"name":"model","component":"c","state":"running","restarts":2}],
    "links":[{"from":"model.audio","to":"speaker.audio","sent":50}]})";
  const auto look = [&](const char* code) {
    return top_text({{"a", edge, edge}, {"b", gpu, "", {code, "b/hocket.sock: why"}, 3.2}},
                    terminal{});
  };
  auto text = look("status.dead");
  for (const char* part : {"gpu: talk  dead, last heard 3.2 s ago (b/hocket.sock: why)",
                           "gpu   model  c          dead", "mic    c          running",
                           "mind: lost for 12.5 s, says edge: nobody listens", "3.1"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is missing in\n", text);
  // Its links say nothing any more; who is up, or stands there as dead, needs no peer's word.
  for (const char* part : {"speaker.audio", "tv: ", "gpu: lost"})
    CHECK_MESSAGE(text.find(part) == std::string::npos, part, " stands in\n", text);
  CHECK(look("status.no_run").find("gpu: talk  ended, last heard") != std::string::npos);
  CHECK(look("status.no_answer").find("gpu: talk  silent, last heard") != std::string::npos);
}
