#include "actors/interaction/interaction.hpp"

#include <doctest/doctest.h>

#include "actors/interaction/fake_engine.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;
using namespace hocket::interaction;

namespace {

fake_engine* last_engine = nullptr;

// The component with the stand-in for its engine.
struct fake_model final : interaction_model {
  explicit fake_model(config c)
      : interaction_model(std::move(c),
                          [](const engine_options&) -> result<std::unique_ptr<micro_turn_engine>> {
                            auto made = std::make_unique<fake_engine>();
                            last_engine = made.get();
                            return made;
                          }) {}
};

component_type with_fake() { return type_of<fake_model>(); }

// Rows of dMel: loud or silent.
tensor rows(std::int64_t n, std::uint8_t bin) {
  return {dtype::u8,
          {n, 80},
          buffer::take(std::vector<std::uint8_t>(static_cast<std::size_t>(n) * 80, bin))};
}

value folder() { return settings({{"model", "none"}}); }

}  // namespace

TEST_CASE("interaction.model answers each micro-turn with 200 ms in the next one") {
  harness h(with_fake(), {.config = folder()});
  REQUIRE(h.open());
  for (int f = 0; f < 4; ++f)
    REQUIRE(h.push("audio", timestamp::of_ms(f * 50), rows(1, f == 2 ? 12 : 0)));
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  REQUIRE(h.outputs("audio").size() == 1);
  const auto& p = h.outputs("audio")[0];
  CHECK(p.header.ts == timestamp::of_ms(200));
  const auto* audio = p.get_if<audio_chunk>();
  CHECK(audio->first_sample == 3200);
  CHECK(audio->frames() == 3200);
  const auto heard = h.outputs("heard");
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].header.ts == timestamp::of_ms(100));
  CHECK(heard[0].get_if<text>()->role == "heard");
  const auto state = h.values<tensor>("state").at(0);
  const auto v = state.data.as<float>();
  CHECK(v[4] == 1);  // gate of frame 2
  CHECK(v[2] == 0);
  CHECK(v[7] == 1);  // one session
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("missing sound is silence, and counted") {
  harness h(with_fake(), {.config = folder(), .connected = std::vector<std::string>{"audio"}});
  REQUIRE(h.open());
  REQUIRE(h.push("audio", timestamp::of_ms(50), rows(2, 12)));
  REQUIRE(h.advance_to(timestamp::of_ms(600)));
  CHECK(h.outputs("audio").size() == 3);
  CHECK(h.counter("missing_frames") == 2);
  CHECK(h.counter("missing_audio") == 2);
  CHECK(h.values<text>("heard").size() == 2);
}

TEST_CASE("incoming words fill the text slots one per micro-turn") {
  harness h(with_fake(), {.config = settings({{"model", "none"}, {"max_queued_words", 3}})});
  REQUIRE(h.open());
  REQUIRE(h.push("text", timestamp::of_ms(10), text{"56", "background", 1}));
  REQUIRE(h.push("keyboard", timestamp::of_ms(20), text{"Hello, unheardof!", "user"}));
  REQUIRE(h.advance_to(timestamp::of_ms(1000)));
  std::vector<std::string> said;
  for (const auto& t : h.values<text>("text")) said.push_back(t.value);
  CHECK(said == std::vector<std::string>{"six", "hello", "<unk>"});
  CHECK(h.counter("dropped_words") == 1);
  CHECK(h.counter("unknown_words") == 1);
  CHECK(h.outputs("text")[0].header.ts == timestamp::of_ms(200));
  CHECK(h.outputs("text")[1].header.ts == timestamp::of_ms(400));
}

TEST_CASE("a word that the model does not know comes in letters and goes out in letters") {
  harness h(with_fake(), {.config = folder()});
  REQUIRE(h.open());
  REQUIRE(h.push("text", timestamp::of_ms(10), text{"it is Rex", "background", 1}));
  REQUIRE(h.advance_to(timestamp::of_ms(1400)));
  std::vector<std::string> said;
  for (const auto& t : h.values<text>("text")) said.push_back(t.value);
  CHECK(said == std::vector<std::string>{"it", "is", "r", "e", "x"});
}

TEST_CASE("the newest picture of a micro-turn is seen; what does not fit is counted") {
  harness h(with_fake(), {.config = folder()});
  REQUIRE(h.open());
  const auto picture = [](std::int64_t n, std::uint8_t value) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(n) * 2 * 40 * 40 * 3, value);
    return tensor{dtype::u8, {n, 2, 40, 40, 3}, buffer::take(std::move(bytes))};
  };
  REQUIRE(h.push("video", timestamp::of_ms(100), picture(1, 7)));
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  REQUIRE(h.push("video", timestamp::of_ms(500), picture(2, 9)));
  REQUIRE(h.advance_to(timestamp::of_ms(800)));
  std::vector<std::string> said;
  for (const auto& t : h.values<text>("text")) said.push_back(t.value);
  CHECK(said == std::vector<std::string>{"picture", "7"});
  CHECK(h.outputs("text")[0].header.ts == timestamp::of_ms(200));
  CHECK(h.counter("video_misfits") == 1);
}

TEST_CASE("a task that begins with `no` replaces the one before, answered or not") {
  const auto read = [](delegation_reader& r, const std::vector<std::string>& tokens) {
    for (const auto& t : tokens) CHECK(!r.take_token(t, 1));
    return r.take_delegation();
  };
  delegation_reader r({});
  const auto first = read(r, {"<delegate>", "no", "seven", "<end>"});
  REQUIRE(first);
  CHECK(first->task == "seven");
  CHECK(first->supersedes == 0);  // there is nothing to replace
  r.answered(first->request);
  const auto second = read(r, {"<delegate>", "no", "eight", "<end>"});
  CHECK(second->supersedes == first->request);
  const auto beside = read(r, {"<delegate>", "weather", "no", "<end>"});
  CHECK(beside->supersedes == 0);
  CHECK(beside->task == "weather no");
  CHECK(read(r, {"<delegate>", "no", "<end>"})->task == "no");

  delegation_reader plain({.correction = ""});
  CHECK(read(plain, {"<delegate>", "no", "seven", "<end>"})->task == "no seven");
}

TEST_CASE("a delegation is handed over and never spoken") {
  for (const bool supersede : {false, true}) {
    harness h(with_fake(),
              {.config = settings(
                   {{"model", "none"}, {"new_request", supersede ? "supersede" : "parallel"}})});
    REQUIRE(h.open());
    REQUIRE(h.push("audio", timestamp::of_ms(0), rows(4, 12)));
    REQUIRE(h.push("keyboard", timestamp::of_ms(0), text{"delegate delegate", "user"}));
    REQUIRE(h.advance_to(timestamp::of_ms(400)));
    REQUIRE(h.push("text", timestamp::of_ms(400), text{"56", "background", 2}));
    REQUIRE(h.push("keyboard", timestamp::of_ms(450), text{"delegate", "user"}));
    REQUIRE(h.advance_to(timestamp::of_ms(1200)));
    const auto asked = h.values<delegation>("delegations");
    REQUIRE(asked.size() == 3);
    CHECK(asked[0].task == "seven times eight");
    CHECK(asked[0].request == 1);
    CHECK(asked[0].transcript == "user: sound sound sound sound");
    CHECK(asked[1].transcript == "user: sound sound sound sound\nmodel: wait");
    CHECK(asked[1].supersedes == (supersede ? 1 : 0));
    CHECK(asked[2].supersedes == 0);  // the second was answered
    for (const auto& t : h.values<text>("text")) CHECK(t.value != "seven");
  }
}

TEST_CASE("what is pending is asked again where who answers was lost and is back, and ends once") {
  harness h(with_fake(), {.config = folder()});
  REQUIRE(h.open());
  REQUIRE(h.push("keyboard", timestamp::of_ms(0), text{"delegate delegate", "user"}));
  REQUIRE(h.advance_to(timestamp::of_ms(600)));
  REQUIRE(h.values<delegation>("delegations").size() == 2);
  REQUIRE(h.push("text", timestamp::of_ms(600), text{"56", "background", 2}));
  REQUIRE(h.advance_to(timestamp::of_ms(1200)));
  REQUIRE(h.control_packet("text", {control::kind::input_lost, "mind: failed", 0}));
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  CHECK(h.values<delegation>("delegations").size() == 2);
  REQUIRE(h.control_packet("text", {control::kind::input_recovered, "", 0}));
  auto asked = h.values<delegation>("delegations");
  REQUIRE(asked.size() == 3);  // the second was answered
  CHECK(asked[2].request == 1);
  CHECK(asked[2].task == asked[0].task);
  CHECK(asked[2].to_micro_turn == asked[0].to_micro_turn);
  CHECK(h.counter("asked_again") == 1);
  REQUIRE(h.push("text", timestamp::of_ms(2000), text{"63", "background", 1}));
  REQUIRE(h.advance_to(timestamp::of_ms(20'000)));
  REQUIRE(h.control_packet("text", {control::kind::input_lost, "mind: failed", 0}));
  REQUIRE(h.control_packet("text", {control::kind::input_recovered, "", 0}));
  CHECK(h.values<delegation>("delegations").size() == 3);
  CHECK(h.counter("given_up") == 0);
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("who answers and does not come back: each request ends, with words, once") {
  harness h(with_fake(), {.config = folder()});
  REQUIRE(h.open());
  REQUIRE(h.push("keyboard", timestamp::of_ms(0), text{"delegate", "user"}));
  REQUIRE(h.advance_to(timestamp::of_ms(600)));
  REQUIRE(h.control_packet("text", {control::kind::input_lost, "mind: failed", 0}));
  REQUIRE(h.advance_to(timestamp::of_ms(10'400)));
  CHECK(h.counter("given_up") == 0);
  REQUIRE(h.advance_to(timestamp::of_ms(12'000)));
  CHECK(h.counter("given_up") == 1);
  const auto said = [&] {
    std::string all;
    for (const auto& t : h.values<text>("text")) all += t.value + " ";
    return all;
  };
  REQUIRE(h.advance_to(timestamp::of_ms(14'000)));
  CHECK(said() == "wait sorry i can't help with that ");
  // Its answer, after all: the request has ended.
  REQUIRE(h.push("text", h.now(), text{"56", "background", 1}));
  REQUIRE(h.control_packet("text", {control::kind::input_recovered, "", 0}));
  REQUIRE(h.advance_to(timestamp::of_ms(16'000)));
  CHECK(said() == "wait sorry i can't help with that ");
  CHECK(h.values<delegation>("delegations").size() == 1);
  CHECK(h.counter("superseded_words") == 1);
}

TEST_CASE("words that replace others: what was not read yet of them is not read any more") {
  harness h(with_fake(), {.config = folder()});
  REQUIRE(h.open());
  REQUIRE(h.push("text", timestamp::of_ms(0), text{"one two three", "background", 1, false}));
  REQUIRE(h.push("text", timestamp::of_ms(10), text{"other", "background", 2}));
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  REQUIRE(h.push("text", timestamp::of_ms(210), text{"four", std::string(replacing_role), 1}));
  REQUIRE(h.advance_to(timestamp::of_ms(1400)));
  std::vector<std::string> said;
  for (const auto& t : h.values<text>("text")) said.push_back(t.value);
  CHECK(said == std::vector<std::string>{"one", "other", "four"});
  CHECK(h.counter("replaced_words") == 2);
}

TEST_CASE("sessions are stepped together and kept apart") {
  harness h(with_fake(),
            {.config = folder(), .sessions = {session_id{1}, session_id{2}, session_id{3}}});
  REQUIRE(h.open());
  h.use_session(session_id{2});
  REQUIRE(h.push("audio", timestamp::of_ms(0), rows(4, 12)));
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  CHECK(last_engine->batches == std::vector<std::size_t>{3, 3});
  for (const auto& p : h.outputs("heard")) CHECK(p.header.session == session_id{2});
  REQUIRE(h.control_packet("audio", {control::kind::end_of_stream, "", 0}));
  CHECK(last_engine->open.size() == 2);
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("what belongs to no conversation is not talked with") {
  harness h(with_fake(), {.config = folder(), .sessions = {session_id::none, session_id{1}}});
  REQUIRE(h.open());
  h.use_session(session_id{1});
  REQUIRE(h.push("audio", timestamp::of_ms(0), rows(4, 12)));
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  CHECK(last_engine->batches == std::vector<std::size_t>{1, 1});
  for (const auto& p : h.outputs("state")) CHECK(p.header.session == session_id{1});
  REQUIRE(h.close());
}

TEST_CASE("a failed step is the actor's failure") {
  harness h(with_fake(), {.config = folder()});
  REQUIRE(h.open());
  REQUIRE(h.push("keyboard", timestamp::of_ms(0), text{"fail", "user"}));
  const auto r = h.advance_to(timestamp::of_ms(200));
  REQUIRE(!r);
  CHECK(r.error().code == "fake.failed");
}

TEST_CASE("a skipped micro-turn is heard as silence") {
  interaction_model m({}, [](const engine_options&) -> result<std::unique_ptr<micro_turn_engine>> {
    return std::make_unique<fake_engine>();
  });
  struct counting final : emitter {
    using emitter::emit;
    void emit(std::size_t port, packet p) override {
      if (port == 0) times.push_back(p.header.ts.ms());
    }
    void interrupt() override {}
    void for_session(session_id) override {}
    std::vector<double> times;
  } out;
  context where;
  manual_clock time;
  where.time = &time;
  std::map<std::string, std::int64_t> counts;
  where.count = [&](std::string_view name, std::int64_t n) { counts[std::string(name)] += n; };
  REQUIRE(m.open(where));
  const auto set = [](std::int64_t k) {
    bundle b;
    b.session = session_id{1};
    b.micro_turn = k;
    b.from = micro_turn_grid{}.start_of(k);
    b.to = micro_turn_grid{}.end_of(k);
    b.inputs.resize(4);
    b.missing.resize(4);
    return b;
  };
  for (const auto k : {5, 6, 9, 9, 500}) {
    const auto b = set(k);
    REQUIRE(m.process_sets(std::span(&b, 1), out));
  }
  CHECK(out.times.front() == 1200);
  CHECK(out.times[2] == 1600);
  CHECK(out.times[4] == 2000);
  CHECK(out.times.back() == 100'200);
  CHECK(counts["skipped_micro_turns"] == 2 + 490);
  CHECK(out.times.size() == 5 + 51);
}

TEST_CASE("delegation_reader closes what stays open") {
  delegation_reader r({.task_words = 3, .task_micro_turns = 2});
  CHECK(!r.take_token("<delegate>", 0));
  for (const char* w : {"a", "b", "c"}) CHECK(!r.take_token(w, 0));
  REQUIRE(r.take_delegation());
  CHECK(r.take_token("said", 1));
  CHECK(!r.take_token("<delegate>", 1));
  CHECK(!r.take_token("x", 1));
  r.end_turn(2);
  CHECK(!r.take_delegation());
  r.end_turn(3);
  CHECK(r.take_delegation()->task == "x");
  CHECK(r.forced() == 2);
  CHECK(!r.take_token("<delegate>", 4));
  CHECK(!r.take_token("<end>", 4));
  CHECK(!r.take_delegation());
  CHECK(!r.take_token("<end>", 4));
  CHECK(!r.take_token("<pad>", 4));
}

TEST_CASE("delegation_reader puts spelt words together") {
  delegation_reader r({});
  for (const char* t : {"<delegate>", "name", "##r", "##e", "##x", "##", "##z", "##o", "dog"})
    CHECK(!r.take_token(t, 0));
  CHECK(!r.take_token("<end>", 1));
  CHECK(r.take_delegation()->task == "name rex zo dog");
  CHECK(r.take_token("##r", 2));
  CHECK(!r.take_token("##", 2));
  CHECK(spoken_form("##r") == "r");
}
