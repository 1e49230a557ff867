#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "actors/host/runtime.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/record/memory_sink.test.hpp"
#include "actors/replay/retrace.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;
using record::memory_source;
using record::recording;

namespace {

std::string stamp(const lambda_component& c) {
  return std::to_string(c.where.time->now().ns()) + "/" + std::to_string(c.where.time->now().ns());
}

/// Says when it was called, with what, and how often before: all of it depends on the machine's
/// load in a run in real time.
plan_maker::maker witness(int busy_us = 0) {
  return [busy_us] {
    auto c = std::make_unique<lambda_component>();
    auto* me = c.get();
    auto heard = std::make_shared<int>(0);
    c->on_packet = [me, heard, busy_us](std::size_t port, const packet& p,
                                        emitter& out) -> result<void> {
      if (busy_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(busy_us));
      const auto* t = p.get_if<text>();
      if (++*heard % 11 == 5) out.interrupt();
      out.emit(0, me->where.time->now(),
               word(std::to_string(port) + (t ? t->value : "") + stamp(*me) + "#" +
                    std::to_string(*heard) + "e" + std::to_string(p.header.epoch)));
      return {};
    };
    c->on_control_packet = [me, heard](std::size_t port, const packet& p,
                                       emitter& out) -> result<void> {
      out.emit(0, me->where.time->now(),
               word("control" + std::to_string(port) +
                    std::string(to_string(p.get_if<control>()->what)) + std::to_string(++*heard)));
      return {};
    };
    c->on_tick = [me, heard](std::int64_t k, emitter& out) -> result<void> {
      out.emit(0, me->where.time->now(), word("tick" + std::to_string(k) + stamp(*me)));
      return {};
    };
    c->on_close = [me, heard](emitter& out) -> result<void> {
      out.emit(0, me->where.time->now(), word("bye" + std::to_string(*heard)));
      return {};
    };
    return c;
  };
}

/// Takes micro-turns of all its sessions at once and answers each.
plan_maker::maker batcher() {
  return [] {
    auto c = std::make_unique<lambda_component>();
    auto* me = c.get();
    c->on_sets = [me, n = 0](std::span<const bundle> sets, emitter& out) mutable -> result<void> {
      for (const auto& b : sets) {
        out.for_session(b.session);
        std::string said = std::to_string(b.micro_turn) + "of" + std::to_string(sets.size()) + "e" +
                           std::to_string(b.epoch);
        for (std::size_t port = 0; port < b.inputs.size(); ++port) {
          said += b.missing[port] ? "-" : "+";
          for (const auto& p : b.inputs[port]) said += p.get_if<text>()->value + ",";
        }
        out.emit(0, b.from, word(said + std::to_string(n++) + stamp(*me)));
      }
      return {};
    };
    return c;
  };
}

struct real_graph {
  plan_maker m;
  explicit real_graph(int packets = 40) {
    m.add("mic", 0, 1, counter_source(packets));
    m.source("mic", 10);
    m.add("side", 0, 1, counter_source(packets / 2));
    m.source("side", 15);
    m.add("ears", 1, 1, witness());
    m.add("model", 2, 1, batcher());
    m.add("speaker", 2, 1, witness(2000));
    m.add("end", 1, 0, listener(std::make_shared<notebook>()));
    m.info("ears").ticks = m.info("speaker").ticks = true;
    m.info("model").scope = instance_scope::shared;
    m.actor("model").policy = input_policy::micro_turn;
    m.link("mic", 0, "ears", 0);
    m.link("ears", 0, "model", 0);
    m.link("side", 0, "model", 1);
    m.link("model", 0, "speaker", 0, {.size = 2, .full = full_policy::drop_oldest});
    m.link("ears", 0, "speaker", 1, {.size = 2, .full = full_policy::latest});
    m.link("speaker", 0, "end", 0);
  }
  plan make() const { return m.make(); }
};

std::shared_ptr<const recording> recorded(const plan& p, const registry& types, int sessions,
                                          std::string* bytes = nullptr) {
  const auto disk = std::make_shared<memory_disk>();
  auto recorder = record::graph_recorder::create(p, types, {.path = "x", .sessions = sessions},
                                                 std::make_unique<memory_sink>(disk))
                      .value();
  host::runtime_options how{.sessions = sessions};
  how.observers = {recorder.get()};
  auto running = host::runtime::start(p, types, how);
  REQUIRE(running);
  CHECK((*running)->wait().last.law_holds());
  running->reset();
  CHECK(recorder->finish().complete);
  if (bytes != nullptr) *bytes = disk->content();
  return recording::open(memory_source(disk->content())).value();
}

retraced again(const plan& p, const registry& types, std::shared_ptr<const recording> from,
               const replay_request& request = {}) {
  REQUIRE(can_retrace(*from));
  const auto who = cast_retrace(p, *from, request);
  REQUIRE(who);
  auto done = retrace(p, from, *who, {.types = &types});
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  return *done;
}

void check_same(const std::vector<compared_output>& all, std::size_t outputs) {
  CHECK(all.size() == outputs);
  for (const auto& o : all) {
    INFO((o.name + ": " + o.first_difference));
    CHECK(o.fine());
    CHECK(o.recorded > 0);
    CHECK(o.replayed >= o.recorded);
  }
}

}  // namespace

TEST_CASE("retrace: a run in real time is the same again, bit for bit") {
  for (const int sessions : {1, 3}) {
    real_graph g;
    const auto p = g.make();
    check_same(again(p, g.m.types, recorded(p, g.m.types, sessions)).compared, 3);
  }
}

TEST_CASE("retrace: a part of the graph, with what feeds it played") {
  real_graph g;
  const auto p = g.make();
  const auto from = recorded(p, g.m.types, 1);
  const auto who = cast_retrace(p, *from, {.only = {"model"}});
  REQUIRE(who);
  CHECK(who->live == std::vector<std::string>{"model"});
  CHECK(who->played == std::vector<std::string>{"side", "ears"});
  CHECK(who->left_out == std::vector<std::string>{"mic", "speaker", "end"});
  check_same(again(p, g.m.types, from, {.only = {"model"}}).compared, 1);
  CHECK(cast_retrace(p, *from, {.only = {"modle"}}).error().code == "replay.no_such_actor");
  CHECK(cast_retrace(p, *from, {.only = {"mic"}}).error().code == "replay.nothing_runs");
}

TEST_CASE("retrace: another component is found out") {
  real_graph g;
  auto p = g.make();
  const auto from = recorded(p, g.m.types, 1);
  auto other = *p.actors[2].type;
  other.make = [](config_base&) { return relay()(); };
  p.actors[2].type = &other;
  const auto all = again(p, g.m.types, from).compared;
  REQUIRE(all.size() == 3);
  CHECK(!all[0].fine());
}

TEST_CASE("retrace: of a torn recording, everything whose cause is there is the same") {
  real_graph g(130);
  const auto p = g.make();
  std::string bytes;
  recorded(p, g.m.types, 1, &bytes);
  const auto whole = record::read_contents(*memory_source(bytes)).value();
  REQUIRE(!whole.chunks.empty());
  const auto& last = whole.chunks[whole.chunks.size() / 2];
  bytes.resize(last.offset_bytes + last.size_bytes);
  const auto from = recording::open(memory_source(bytes)).value();
  CHECK(!from->how_it_ended().complete);
  for (const auto& o : again(p, g.m.types, from).compared) {
    INFO((o.name + ": " + o.first_difference));
    CHECK(o.fine());
  }
}

TEST_CASE("retrace: who failed, or told what its own threads found, is played") {
  real_graph g;
  g.m.add("odd", 1, 1, [] {
    auto c = std::make_unique<lambda_component>();
    auto* me = c.get();
    c->on_packet = [me](std::size_t, const packet&, emitter&) -> result<void> {
      me->where.self->run([](emitter& out) { out.emit(0, timestamp(), word("later")); });
      return {};
    };
    return c;
  });
  g.m.add("after", 1, 1, witness());
  g.m.link("mic", 0, "odd", 0);
  g.m.link("odd", 0, "after", 0);
  const auto p = g.make();
  const auto from = recorded(p, g.m.types, 1);
  const auto who = cast_retrace(p, *from, {});
  REQUIRE(who);
  CHECK(std::count(who->played.begin(), who->played.end(), "odd") == 1);
  REQUIRE(who->notes.size() == 1);
  CHECK(who->notes.front().starts_with("odd is played: "));
  check_same(again(p, g.m.types, from).compared, 4);
}
