#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "actors/host/runtime.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/record/memory_sink.test.hpp"
#include "actors/replay/comparison.hpp"
#include "actors/replay/player.hpp"
#include "actors/replay/replay_plan.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;
using record::memory_source;
using record::recording;

namespace {

/// Answers each packet with what it has heard so far: what it says depends on everything before,
/// its timing and its epochs included.
plan_maker::maker counting_relay(std::string accent = "") {
  return [accent] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [c = c.get(), accent, heard = 0](std::size_t port, const packet& p,
                                                    emitter& out) mutable -> result<void> {
      const auto* t = p.get_if<text>();
      out.emit(0, p.header.ts,
               word(std::to_string(port) + ":" + t->value + accent + "@" +
                    std::to_string(c->where.time->now().ns()) + "#" + std::to_string(heard++) +
                    "e" + std::to_string(p.header.epoch)));
      return {};
    };
    return c;
  };
}

/// A source that interrupts the conversation now and then, and tells bounds.
plan_maker::maker rude_source(int total) {
  return [total] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [n = 0, total](timestamp until, emitter& out) mutable -> result<source_state> {
      if (n % 7 == 3) out.interrupt();
      if (n % 5 != 4) out.emit(0, until - duration(1'000'000), word("r" + std::to_string(n)));
      out.emit(0, until, control{control::kind::bound, "", 0});
      return ++n < total ? source_state::more : source_state::end_of_stream;
    };
    return c;
  };
}

/// Two sources of different periods, a chain of two, and a listener that ends it.
struct talk_graph {
  plan_maker m;
  explicit talk_graph(const std::string& accent = "", int packets = 60) {
    m.add("mic", 0, 1, counter_source(packets));
    m.source("mic");
    m.add("rude", 0, 1, rude_source(packets / 2));
    m.source("rude", 50);
    m.add("ears", 1, 1, counting_relay());
    m.add("model", 2, 1, counting_relay(accent));
    m.add("speaker", 1, 0, listener(std::make_shared<notebook>()));
    m.link("mic", 0, "ears", 0);
    m.link("ears", 0, "model", 0, {.size = 4, .full = full_policy::drop_oldest});
    m.link("rude", 0, "model", 1);
    m.link("model", 0, "speaker", 0);
  }
};

std::shared_ptr<const recording> recorded(const plan& p, const registry& types, int sessions = 1,
                                          std::vector<std::string> edges = {}) {
  const auto disk = std::make_shared<memory_disk>();
  auto recorder = record::graph_recorder::create(
                      p, types, {.path = "x", .edges = std::move(edges), .virtual_time = true},
                      std::make_unique<memory_sink>(disk))
                      .value();
  host::runtime_options how{.virtual_time = true, .sessions = sessions};
  how.observers = {recorder.get()};
  auto running = host::runtime::start(p, types, how);
  REQUIRE(running);
  CHECK((*running)->wait().last.law_holds());
  running->reset();
  CHECK(recorder->finish().complete);
  return recording::open(memory_source(disk->content())).value();
}

std::vector<compared_output> replayed(const plan& p, const registry& types,
                                      std::shared_ptr<const recording> from,
                                      const replay_request& request = {}) {
  const auto what = make_replay(p, from, request);
  REQUIRE(what);
  comparison compare(what->graph, from, what->live, what->same_epochs);
  host::runtime_options how{.virtual_time = true, .sessions = what->sessions};
  how.observers = {&compare};
  auto running = host::runtime::start(what->graph, types, how);
  REQUIRE(running);
  const auto done = (*running)->wait();
  CHECK(done.why == host::end_reason::finished);
  CHECK(done.last.law_holds());
  return compare.results();
}

void check_same(const std::vector<compared_output>& all, std::size_t outputs) {
  CHECK(all.size() == outputs);
  for (const auto& o : all) {
    INFO((o.name + ": " + o.first_difference));
    CHECK(o.fine());
    CHECK(o.recorded > 0);
    CHECK(o.replayed == o.recorded);
  }
}

}  // namespace

TEST_CASE("replay: live actors say the same again, bit for bit") {
  for (const int sessions : {1, 3}) {
    talk_graph g;
    const auto p = g.m.make();
    const auto from = recorded(p, g.m.types, sessions);
    check_same(replayed(p, g.m.types, from), 2);
  }
}

TEST_CASE("replay: a part of the graph, with what feeds it played") {
  talk_graph g;
  const auto p = g.m.make();
  const auto from = recorded(p, g.m.types);
  const auto only = make_replay(p, from, {.only = {"model"}});
  REQUIRE(only);
  CHECK(only->live == std::vector<std::string>{"model"});
  CHECK(only->played == std::vector<std::string>{"rude", "ears"});
  CHECK(only->left_out == std::vector<std::string>{"mic", "speaker"});
  check_same(replayed(p, g.m.types, from, {.only = {"model"}}), 1);
  check_same(replayed(p, g.m.types, from, {.play = {"ears"}}), 1);
}

TEST_CASE("replay: what a shared source says to all, to one and to nobody is heard once again") {
  plan_maker m;
  m.add("beacon", 0, 1, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [n = 0u](timestamp until, emitter& out) mutable -> result<source_state> {
      for (const bool to_all : {n % 2 == 0, n % 2 == 1}) {
        out.for_session(to_all ? session_id::none : session_id{n % 3u + 1});
        out.emit(0, until - duration(1'000'000),
                 word((to_all ? "all" : "one") + std::to_string(n)));
      }
      return ++n < 20 ? source_state::more : source_state::end_of_stream;
    };
    return c;
  });
  m.source("beacon");
  m.info("beacon").scope = instance_scope::shared;
  m.add("ears", 1, 1, counting_relay());
  m.add("speaker", 1, 0, listener(std::make_shared<notebook>()));
  m.link("beacon", 0, "ears", 0);
  m.link("ears", 0, "speaker", 0);
  const auto p = m.make();
  for (const int sessions : {1, 3}) {
    const auto from = recorded(p, m.types, sessions);
    check_same(replayed(p, m.types, from), 1);
  }
}

TEST_CASE("replay: --check finds what another component says, and where") {
  talk_graph g;
  const auto from = recorded(g.m.make(), g.m.types);
  talk_graph other("!");
  const auto p = other.m.make();
  const auto all = replayed(p, other.m.types, from);
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "ears.out0");
  CHECK(all[0].fine());
  CHECK(all[1].name == "model.out0");
  CHECK(!all[1].fine());
  CHECK(all[1].same == 0);
  CHECK(all[1].first_difference.find("session 1 packet 0") == 0);
  CHECK(all[1].first_difference.find("another text") != std::string::npos);
}

TEST_CASE("replay: an actor that falls silent differs") {
  talk_graph g;
  auto p = g.m.make();
  const auto from = recorded(p, g.m.types);
  auto mute = *p.actors[2].type;
  mute.make = [](config_base&) { return std::make_unique<lambda_component>(); };
  p.actors[2].type = &mute;
  const auto missing = replayed(p, g.m.types, from, {.only = {"ears"}});
  REQUIRE(missing.size() == 1);
  CHECK(!missing[0].fine());
  CHECK(missing[0].first_difference.find("was never emitted again") != std::string::npos);
}

TEST_CASE("replay: what is not in the recording is named, with the way out") {
  talk_graph g;
  const auto p = g.m.make();
  const auto from = recorded(p, g.m.types, 1, {"mic.out0", "ears.out0", "model.out0"});
  const auto refused = make_replay(p, from, {});
  REQUIRE(!refused);
  CHECK(refused.error().code == "replay.not_recorded");
  CHECK(refused.error().message.find("rude.out0 feeds model") != std::string::npos);
  const auto part = make_replay(p, from, {.only = {"ears"}});
  REQUIRE(part);
  CHECK(part->played == std::vector<std::string>{"mic"});
  // `rude` interrupted then and is not there now.
  CHECK(!part->same_epochs);
  CHECK(std::ranges::any_of(part->warnings, [](const auto& w) { return w.starts_with("rude "); }));
  CHECK(make_replay(p, from, {.only = {"modle"}}).error().code == "replay.no_such_actor");
  CHECK(make_replay(p, from, {.only = {"ears"}, .play = {"ears"}}).error().code ==
        "replay.nothing_runs");
}

TEST_CASE("replay: of a torn recording, everything that is there is the same") {
  talk_graph g("", 400);
  const auto p = g.m.make();
  const auto disk = std::make_shared<memory_disk>();
  record::graph_recorder_options o{.path = "x", .virtual_time = true, .compress = false};
  {
    auto recorder =
        record::graph_recorder::create(p, g.m.types, o, std::make_unique<memory_sink>(disk))
            .value();
    host::runtime_options how{.virtual_time = true};
    how.observers = {recorder.get()};
    auto running = host::runtime::start(p, g.m.types, how);
    REQUIRE(running);
    (*running)->wait();
    running->reset();
    recorder->finish();
  }
  auto bytes = disk->content();
  const auto whole = record::read_contents(*memory_source(bytes)).value();
  REQUIRE(!whole.chunks.empty());
  const auto& last = whole.chunks.back();
  bytes.resize(last.offset_bytes + last.size_bytes);
  const auto from = recording::open(record::memory_source(bytes)).value();
  CHECK(!from->how_it_ended().complete);
  for (const auto& c : replayed(p, g.m.types, from)) {
    INFO((c.name + ": " + c.first_difference));
    CHECK(c.first_difference.empty());
    CHECK(c.same == c.recorded);
    CHECK(c.same > 0);
  }
}

TEST_CASE("replay: difference names the first element, and shows no words") {
  const auto sound = [](std::vector<float> v) {
    return payload(audio_chunk{16000, 1, 0, buffer::take(std::move(v))});
  };
  CHECK(difference(sound({1, 2, 3}), sound({1, 2, 3})).empty());
  CHECK(difference(sound({1, 2, 3}), sound({1, 2.5f, 3})) ==
        "samples differ from number 1 on (2 became 2.5)");
  CHECK(difference(sound({1, 2}), sound({1, 2, 3})) == "2 samples became 3");
  const auto words = difference(payload(word("secret")), payload(word("secrets")));
  CHECK(words.find("secret") == std::string::npos);
  CHECK(words == "another text (6 characters became 7)");
  CHECK(difference(payload(word("x")), sound({1})) == "another kind of payload");
  const auto table = [](std::vector<float> v) {
    return payload(tensor{dtype::f32, {2, 2}, buffer::take(std::move(v))});
  };
  CHECK(difference(table({1, 2, 3, 4}), table({1, 9, 3, 9}), {1}).empty());
  CHECK(difference(table({1, 2, 3, 4}), table({1, 9, 5, 9}), {1}) ==
        "elements differ from number 2 on (3 became 5)");
}
