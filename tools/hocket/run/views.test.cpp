#include <doctest/doctest.h>

#include "graph/trust/redaction.hpp"
#include "tests/support/fact_maker.hpp"
#include "tools/hocket/run/recorder.hpp"
#include "tools/hocket/run/screen.hpp"

using namespace hocket;
using namespace hocket::cli;
using namespace hocket::report;
using namespace hocket::test;

namespace {

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

TEST_CASE(
    "where words are kept out, prose loses them; roles, states and counts of characters stay") {
  two_actors two;
  two.brain.info.outputs.push_back({"tasks", {.kind = payload_kind::delegation}, ""});
  list_sink sink;
  recorder r(two.graph, {&sink});
  trust::keep_words_out();
  trust::note_words("please cancel the model of 17 user lost start Melville");
  auto said = make_packet(timestamp::of_ms(0), text{"cancel Melville 17", "user"});
  delegation task;
  task.what = delegation::action::cancel;
  task.task = "Melville";
  auto asked = make_packet(timestamp::of_ms(0), task);
  said.header.session = asked.header.session = session_id{1};
  r.packet_emitted(two.graph, 1, 1, said);
  r.packet_emitted(two.graph, 1, 2, asked);
  r.event(timestamp::of_ms(1), "brain", "lost", "cannot say `Melville`");
  r.finish("cancel", "no Melville");
  trust::keep_words_out(false);
  std::vector<std::string> told;
  for (const auto& f : sink.all)
    if (f.what != fact::kind::turn && f.what != fact::kind::start)
      told.push_back(f.actor + "|" + f.role + "|" + f.detail + "|" + f.text);
  CHECK(told == std::vector<std::string>{"brain|user||[18 characters]",
                                         "brain||cancel|[8 characters]",
                                         "brain|lost||cannot say `·`", "|cancel||no ·"});
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

TEST_CASE("words that a voice tells when they sound are told once, and events are nobody's words") {
  two_actors two;
  component_type rules, detector;
  rules.info.type = "fake.rules";
  rules.info.inputs = {{"text", {.kind = payload_kind::text}, ""}};
  rules.info.outputs = {{"say", {.kind = payload_kind::text}, ""}};
  detector.info.type = "fake.detector";
  detector.info.outputs = {{"events", {.kind = payload_kind::text}, ""}};
  two.graph.actors.resize(4);
  two.graph.actors[2].type = &rules;
  two.graph.actors[3].type = &detector;
  two.graph.links.resize(1);  // rules -> the one with a voice and words
  two.graph.links[0].from = 2;
  two.graph.links[0].to = 1;
  CHECK(cast_of(two.graph).scripts == std::set<std::pair<std::size_t, std::size_t>>{{2, 0}});

  list_sink sink;
  recorder r(two.graph, {&sink});
  const auto says = [&](actor_index actor, std::size_t port, const char* role, const char* words,
                        std::int64_t at_ms) {
    auto p = make_packet(timestamp::of_ms(at_ms), text{words, role, 0, true});
    p.header.session = session_id{1};
    r.packet_emitted(two.graph, actor, port, p);
  };
  says(2, 0, "model", "it is five", 100);
  says(1, 1, "model", "it is five", 300);  // as it sounds
  says(3, 0, "vad", "speech_begin", 400);
  r.finish("finished", "");
  std::vector<std::string> said;
  for (const auto& f : sink.all)
    if (f.what == fact::kind::text && speaker_of(f.role) == speaker::model) said.push_back(f.text);
  CHECK(said == std::vector<std::string>{"it is five"});
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
