#include "actors/replay/comparison.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "actors/replay/tape.test.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

buffer floats(std::vector<float> v) { return buffer::take(std::move(v)); }
buffer bytes(std::vector<std::uint8_t> v) { return buffer::take(std::move(v)); }

struct pair_of_payloads {
  payload a, b;
  std::string why;
};

void check(const std::vector<pair_of_payloads>& all) {
  for (const auto& row : all) {
    CAPTURE(row.why);
    CHECK(difference(row.a, row.b) == row.why);
    CHECK(difference(row.a, row.a).empty());
    CHECK(difference(row.b, row.b).empty());
    CHECK(difference(row.b, row.a).empty() == row.why.empty());
  }
}

/// Compares what a test says that "a" emits with what is on a tape.
struct listening {
  plan_maker m;
  std::shared_ptr<const record::recording> from;
  plan graph;
  std::unique_ptr<comparison> all;

  explicit listening(tape& t, const std::string& fate = "", bool epochs = true)
      : from(t.end(fate)) {
    m.add("a", 0, 2, relay());
    m.add("b", 0, 1, relay());
    graph = m.make();
    all = std::make_unique<comparison>(graph, from, std::vector<std::string>{"a"}, epochs);
  }
  void emit(std::uint64_t seq, timestamp ts, const std::string& what, int session = 1,
            epoch_number epoch = 0, const std::string& actor = "a", std::size_t port = 0) {
    auto p = make_packet(ts, word(what));
    p.header.seq = seq;
    p.header.session = session_id{static_cast<std::uint64_t>(session)};
    p.header.epoch = epoch;
    all->packet_emitted(graph, m.index_of(actor), port, p);
  }
  /// The graph goes on, with or without `a`.
  void rewire(bool with_a) {
    graph.actors[0].removed = !with_a;
    all->rewired({graph, graph, graph, 2, {}});
  }
  compared_output result() const {
    const auto out = all->results();
    REQUIRE(!out.empty());
    CHECK(out[0].name == "a.out0");
    return out[0];
  }
};

}  // namespace

TEST_CASE("comparison: sound and pictures differ from the first number on that does") {
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  check({
      {audio_chunk{16000, 1, 0, floats({1})}, audio_chunk{8000, 1, 0, floats({1})},
       "rate_hz 16000 became 8000"},
      {audio_chunk{16000, 1, 0, floats({1, 1})}, audio_chunk{16000, 2, 0, floats({1, 1})},
       "channels 1 became 2"},
      {audio_chunk{16000, 1, 5, floats({1})}, audio_chunk{16000, 1, 6, floats({1})},
       "first_sample 5 became 6"},
      // Bits, not values: zeros of two signs differ, a NaN is itself.
      {audio_chunk{16000, 1, 0, floats({1, 0.0f})}, audio_chunk{16000, 1, 0, floats({1, -0.0f})},
       "samples differ from number 1 on (0 became -0)"},
      {audio_chunk{16000, 1, 0, floats({nan})}, audio_chunk{16000, 1, 0, floats({nan})}, ""},
      {audio_chunk{16000, 1, 0, {}}, audio_chunk{16000, 1, 0, floats({1})}, "0 samples became 1"},
      {video_frame{2, 1, bytes({1, 2, 3, 4, 5, 6})}, video_frame{1, 2, bytes({1, 2, 3, 4, 5, 6})},
       "width 2 became 1"},
      {video_frame{1, 1, bytes({1, 2, 3})}, video_frame{1, 2, bytes({1, 2, 3})},
       "height 1 became 2"},
      {video_frame{1, 1, bytes({1, 2, 3})}, video_frame{1, 1, bytes({1, 2, 4})},
       "pixel bytes differ from number 2 on"},
  });
}

TEST_CASE("comparison: tensors differ by type, shape and element") {
  const auto longs = [](std::vector<std::int64_t> v) { return buffer::take(std::move(v)); };
  check({
      {tensor{dtype::u8, {4}, bytes({1, 2, 3, 4})}, tensor{dtype::f32, {1}, bytes({1, 2, 3, 4})},
       "type u8 became f32"},
      {tensor{dtype::u8, {4}, bytes({1, 2, 3, 4})}, tensor{dtype::u8, {2, 2}, bytes({1, 2, 3, 4})},
       "another shape"},
      {tensor{dtype::i64, {3}, longs({1, 2, 3})}, tensor{dtype::i64, {3}, longs({1, 2, 1 << 20})},
       "elements differ from number 2 on"},
      {tensor{dtype::f32, {0}, {}}, tensor{dtype::f32, {0}, {}}, ""},
  });
}

TEST_CASE("comparison: measured places may differ in every row, and only there") {
  const auto table = [](std::vector<float> v) {
    return payload(tensor{dtype::f32, {2, 3}, floats(std::move(v))});
  };
  const auto a = table({1, 2, 3, 4, 5, 6});
  CHECK(difference(a, table({9, 2, 8, 7, 5, 0}), {0, 2}).empty());
  CHECK(difference(a, table({9, 2, 8, 7, 0, 0}), {0, 2}) ==
        "elements differ from number 4 on (5 became 0)");
  // Places beyond the last axis name nothing.
  CHECK(difference(a, table({1, 2, 3, 4, 5, 7}), {3, 100}) ==
        "elements differ from number 5 on (6 became 7)");
  const payload flat(tensor{dtype::f32, {6}, floats({1, 2, 3, 4, 5, 6})});
  CHECK(difference(a, flat, {0}) == "another shape");
  const payload scalar(tensor{dtype::f32, {}, floats({1})});
  CHECK(!difference(scalar, payload(tensor{dtype::f32, {}, floats({2})}), {0}).empty());
  // Whole numbers are never measurements.
  const payload count(tensor{dtype::u8, {1}, bytes({1})});
  CHECK(difference(count, payload(tensor{dtype::u8, {1}, bytes({2})}), {0}) ==
        "elements differ from number 0 on");
}

TEST_CASE("comparison: words, tools, tasks and control differ field by field") {
  text said{"secret", "user", 7, true};
  auto said_role = said, said_request = said, said_final = said;
  said_role.role = "model";
  said_request.request = 8;
  said_final.final = false;
  const tool_call call{1, 2, "clock", "secret"};
  const tool_result answer{1, 2, "clock", outcome::ok, "secret"};
  const delegation task{1, delegation::action::start, "secret", "secret", 3, 4, 5};
  auto task_what = task, task_words = task, task_said = task, task_from = task, task_to = task,
       task_over = task;
  task_what.what = delegation::action::cancel;
  task_words.task = task_said.transcript = "secrets";
  task_from.from_micro_turn = task_to.to_micro_turn = 9;
  task_over.supersedes = 0;
  check({
      {said, said_role, "another role (4 characters became 5)"},
      {said, said_request, "request 7 became 8"},
      {said, said_final, "final true became false"},
      {call, tool_call{3, 2, "clock", "secret"}, "call 1 became 3"},
      {call, tool_call{1, 3, "clock", "secret"}, "request 2 became 3"},
      {call, tool_call{1, 2, "files", "secret"}, "tool clock became files"},
      {call, tool_call{1, 2, "clock", "{}"}, "another argument text (6 characters became 2)"},
      {answer, tool_result{1, 2, "clock", outcome::failed, "secret"}, "status ok became failed"},
      {answer, tool_result{1, 2, "clock", outcome::ok, "?"},
       "another content (6 characters became 1)"},
      {task, task_what, "action 0 became 1"},
      {task, task_words, "another task (6 characters became 7)"},
      {task, task_said, "another transcript (6 characters became 7)"},
      {task, task_from, "from_micro_turn 3 became 9"},
      {task, task_to, "to_micro_turn 4 became 9"},
      {task, task_over, "supersedes 5 became 0"},
      {control{control::kind::played, "", 1}, control{control::kind::stop, "", 1},
       "control played became stop"},
      {control{control::kind::played, "", 1}, control{control::kind::played, "", 2},
       "value 1 became 2"},
      {control{control::kind::played, "secret", 1}, control{control::kind::played, "", 1},
       "another detail (6 characters became 0)"},
      {call, answer, "another kind of payload"},
  });
  // What a recording cleans on its way into the file is no difference.
  text rough = said;
  rough.value = "sec\x1b[31mret\x07";
  CHECK(difference(said, rough).empty());
}

TEST_CASE("comparison: examples and adapters differ by name, then by content") {
  const tensor one{dtype::u8, {1}, bytes({1})}, two{dtype::u8, {1}, bytes({2})};
  const training_example a{{{"x", one}, {"y", one}}, "talk 1"};
  check({
      {a, training_example{{{"x", one}, {"y", one}}, "talk 2"}, "another provenance"},
      {a, training_example{{{"x", one}}, "talk 1"}, "tensors 2 became 1"},
      {a, training_example{{{"x", one}, {"z", one}}, "talk 1"}, "tensors of other names"},
      {a, training_example{{{"x", one}, {"y", two}}, "talk 1"},
       "y: elements differ from number 0 on"},
      {adapter{"n", "{}", bytes({1})}, adapter{"m", "{}", bytes({1})}, "name n became m"},
      {adapter{"n", "{}", bytes({1})}, adapter{"n", "{ }", bytes({1})},
       "another card (2 characters became 3)"},
      {adapter{"n", "{}", bytes({1})}, adapter{"n", "{}", bytes({2})},
       "weight bytes differ from number 0 on"},
  });
}

TEST_CASE("comparison: packets are told apart by session and number, not by when they come") {
  tape t;
  for (std::uint64_t n = 0; n < 3; ++n) {
    t.say("a.out0", at_ms(10 + static_cast<int>(n)), n, word("one"), 1);
    t.say("a.out0", at_ms(10 + static_cast<int>(n)), n, word("two"), 2);
  }
  t.say("b.out0", at_ms(10), 0, word("b"));
  listening l(t);
  for (std::uint64_t n = 0; n < 3; ++n) l.emit(n, at_ms(10 + static_cast<int>(n)), "two", 2);
  for (std::uint64_t n = 0; n < 3; ++n) l.emit(n, at_ms(10 + static_cast<int>(n)), "one", 1);
  l.emit(0, at_ms(10), "another", 1, 0, "b");     // played: not compared
  l.emit(0, at_ms(10), "another", 1, 0, "a", 1);  // not recorded
  CHECK(l.all->results().size() == 1);
  const auto r = l.result();
  CHECK(r.fine());
  CHECK(r.recorded == 6);
  CHECK(r.replayed == 6);
  CHECK(r.same == 6);
}

TEST_CASE("comparison: time, epoch, content, too few and too many are each a difference") {
  const auto first_difference = [](auto emits, bool epochs = true) {
    tape t;
    t.say("a.out0", at_ms(100), 0, word("x"), 1, 3);
    t.say("a.out0", at_ms(200), 1, word("y"), 1, 3);
    listening l(t, "", epochs);
    emits(l);
    const auto r = l.result();
    CHECK(r.fine() == r.first_difference.empty());
    return r.first_difference;
  };
  CHECK(first_difference([](listening& l) {
          l.emit(0, at_ms(101), "x", 1, 3);
          l.emit(1, at_ms(202), "y", 1, 3);
        }) == "session 1 packet 0 (0.101 s): at 100 ms became 101 ms");
  const auto other_epoch = [](listening& l) {
    l.emit(0, at_ms(100), "x", 1, 3);
    l.emit(1, at_ms(200), "y", 1, 4);
  };
  CHECK(first_difference(other_epoch) == "session 1 packet 1 (0.200 s): epoch 3 became 4");
  CHECK(first_difference(other_epoch, false).empty());
  CHECK(first_difference([](listening& l) {
          l.emit(0, at_ms(100), "x", 1, 3);
          l.emit(1, at_ms(200), "yy", 1, 3);
        }) == "session 1 packet 1 (0.200 s): another text (1 characters became 2)");
  CHECK(first_difference([](listening& l) { l.emit(0, at_ms(100), "x", 1, 3); }) ==
        "session 1 packet 1 (0.200 s): was never emitted again");
  CHECK(first_difference([](listening& l) {
          l.emit(0, at_ms(100), "x", 1, 3);
          l.emit(1, at_ms(200), "y", 1, 3);
          l.emit(2, at_ms(300), "z", 1, 3);
        }) == "session 1 packet 2 (0.300 s): is not in the recording, which ended before it");
  // A number that the replay passes over is missing, too.
  CHECK(first_difference([](listening& l) { l.emit(1, at_ms(200), "y", 1, 3); }) ==
        "session 1 packet 0 (0.100 s): was never emitted again");
  CHECK(first_difference([](listening& l) {
          l.emit(0, at_ms(100), "x", 1, 3);
          l.emit(1, at_ms(200), "y", 1, 3);
          l.emit(0, at_ms(300), "z", 2, 3);
        }) == "session 2 packet 0 (0.300 s): is not in the recording, which ended before it");
}

TEST_CASE("comparison: numbers that the recording lacks are passed over") {
  tape t;
  t.say("a.out0", at_ms(100), 0, word("x"));
  t.say("a.out0", at_ms(300), 2, word("z"));
  listening l(t);
  l.emit(0, at_ms(100), "x");
  l.emit(1, at_ms(200), "whatever");
  l.emit(2, at_ms(300), "z");
  const auto r = l.result();
  CHECK(r.fine());
  CHECK(r.same == 2);
  CHECK(r.replayed == 3);
}

TEST_CASE("comparison: after the end of a torn recording nothing is compared") {
  tape t;
  t.say("a.out0", at_ms(100), 0, word("x"));
  t.say("a.out0", at_ms(200), 1, word("y"));
  listening l(t, "killed");
  REQUIRE(!l.from->how_it_ended().complete);
  l.emit(0, at_ms(100), "x");
  CHECK(l.result().first_difference.find("packet 1 (0.200 s): was never") != std::string::npos);
  // Unless what would have caused it is not in the file.
  const auto excused = l.all->results([](const std::string& output, timestamp at) {
    CHECK(output == "a.out0");
    return at == at_ms(200);
  });
  CHECK(excused[0].fine());
  CHECK(excused[0].recorded == 1);
  l.emit(1, at_ms(200), "y");
  l.emit(2, at_ms(300), "z");
  CHECK(l.result().fine());
}

TEST_CASE("comparison: who comes back counts from zero, and is compared with its own past") {
  tape t;
  t.say("a.out0", at_ms(100), 0, word("first"));
  t.say("a.out0", at_ms(200), 1, word("first"));
  t.begins("a.out0").say("a.out0", at_ms(500), 0, word("second"));
  listening l(t);
  l.emit(0, at_ms(100), "first");
  l.emit(1, at_ms(200), "first");
  l.rewire(false);
  l.rewire(true);
  CHECK(!l.result().fine());
  l.emit(0, at_ms(500), "second");
  CHECK(l.result().fine());
  // Once more, and nothing of that is in the recording.
  l.rewire(false);
  l.rewire(true);
  l.emit(0, at_ms(600), "third");
  CHECK(l.result().first_difference.find("packet 0 (0.600 s): is not in the recording") !=
        std::string::npos);
}
