#include <fmt/format.h>

#include "actors/host/run/run_plan.test.hpp"
#include "tests/support/tries.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

/// Writes each set as "s1 k2 [400,600) a:400,420 b:-" into the notebook; "-" = missing.
plan_maker::maker set_listener(std::shared_ptr<notebook> book) {
  return [book] {
    auto c = std::make_unique<lambda_component>();
    c->on_sets = [book](std::span<const bundle> sets, emitter& out) -> result<void> {
      for (const auto& b : sets) {
        std::string line = fmt::format("k{} [{},{})", b.micro_turn, b.from.ns() / 1'000'000,
                                       b.to.ns() / 1'000'000);
        for (std::size_t i = 0; i < b.inputs.size(); ++i) {
          line += fmt::format(" {}:", i);
          if (b.missing[i]) line += "-";
          for (const auto& p : b.inputs[i]) line += p.get_if<text>()->value + ",";
        }
        book->add(line);
        out.emit(0, b.to, word(fmt::format("t{}", b.micro_turn)));
      }
      return {};
    };
    return c;
  };
}

/// Emits words at given times (ms), each when its time has come; ends after the last.
plan_maker::maker script(std::vector<std::int64_t> at_ms, std::int64_t end_ms = -1) {
  return [at_ms, end_ms] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [at_ms, end_ms, i = std::size_t{0}](
                        timestamp until, emitter& out) mutable -> result<source_state> {
      while (i < at_ms.size() && timestamp::of_ms(at_ms[i]) < until) {
        out.emit(0, timestamp::of_ms(at_ms[i]), word(std::to_string(at_ms[i])));
        ++i;
      }
      const bool over = end_ms >= 0 ? until >= timestamp::of_ms(end_ms) : i == at_ms.size();
      return over ? source_state::end_of_stream : source_state::more;
    };
    return c;
  };
}

}  // namespace

TEST_CASE("latest: a slow actor is handed only the newest of each input") {
  plan_maker g;
  auto book = std::make_shared<notebook>();
  g.add("src", 0, 1, counter_source(50, 10));
  g.source("src");
  g.add("end", 1, 0, listener(book)).policy = input_policy::latest;
  g.link("src", 0, "end", 0, {.size = 64});
  const auto done = run_plan(g, true);
  CHECK(book->lines() == std::vector<std::string>{"9", "19", "29", "39", "49"});
  CHECK(dropped(done.last.links[0], drop_reason::replaced) == 45);
}

TEST_CASE("max_age_ms: what waited too long is dropped when it is taken out") {
  plan_maker g;
  auto book = std::make_shared<notebook>();
  g.add("src", 0, 1, script({0, 100, 210}, 600));
  g.source("src");
  g.add("end", 1, 1, set_listener(book)).policy = input_policy::micro_turn;
  g.link("src", 0, "end", 0, {.size = 64, .max_age_ms = 150});
  const auto done = run_plan(g, true);
  // 0 was queued at 20 and is 180 ms old at 200; 100 was queued at 120 and is 80 ms old.
  CHECK(book->lines()[0] == "k0 [0,200) 0:100,");
  CHECK(dropped(done.last.links[0], drop_reason::too_old) >= 1);
}

TEST_CASE("micro_turn: everything of a micro-turn in one bundle, never stretched") {
  plan_maker g;
  auto book = std::make_shared<notebook>();
  g.add("a", 0, 1, script({0, 60, 199, 200, 399, 610}));
  g.source("a", 30);
  g.add("b", 0, 1, script({450}, 640));
  g.source("b", 20);
  g.add("end", 3, 1, set_listener(book)).policy = input_policy::micro_turn;
  g.link("a", 0, "end", 0);
  g.link("b", 0, "end", 1);  // the third input stays unconnected: never missing
  run_plan(g, true);
  CHECK(book->lines() ==
        std::vector<std::string>{"k0 [0,200) 0:0,60,199, 1:- 2:", "k1 [200,400) 0:200,399, 1:- 2:",
                                 "k2 [400,600) 0:- 1:450, 2:", "k3 [600,800) 0:610, 1:- 2:"});
}

TEST_CASE(
    "micro_turn in real time: handed over when settled, at the deadline where one is silent") {
  std::string heard;
  const bool held = in_one_of_five([&] {
    plan_maker g;
    auto book = std::make_shared<notebook>();
    g.add("a", 0, 1, script({0, 100, 200, 300, 400}, 700));
    g.source("a", 20);
    g.add("mute", 0, 1, script({}, 500));
    g.source("mute", 20);
    g.add("end", 2, 1, set_listener(book)).policy = input_policy::micro_turn;
    g.link("a", 0, "end", 0);
    g.link("mute", 0, "end", 1);
    run_plan(g, false);
    heard.clear();
    for (const auto& line : book->lines()) heard += line + "|";
    return heard.starts_with(
        "k0 [0,200) 0:0,100, 1:-|k1 [200,400) 0:200,300, 1:-|k2 [400,600) 0:400, 1:-|");
  });
  CHECK_MESSAGE(held, heard);
}

TEST_CASE(
    "micro_turn: an echo over a back edge is in the next bundle, and one run equals another") {
  const auto once = [] {
    plan_maker g;
    auto book = std::make_shared<notebook>();
    g.add("a", 0, 1, script({10, 210, 410, 610}));
    g.source("a");
    g.add("model", 2, 1, set_listener(book)).policy = input_policy::micro_turn;
    g.add("mind", 1, 1, relay());
    g.link("a", 0, "model", 0);
    g.link("model", 0, "mind", 0);
    g.link("mind", 0, "model", 1, {}, true);
    run_plan(g, true);
    return book->lines();
  };
  const auto lines = once();
  // t0 has ts 200 and goes out at 200: the bundle of [200,400) has it.
  CHECK(lines == std::vector<std::string>{"k0 [0,200) 0:10, 1:-", "k1 [200,400) 0:210, 1:t0,",
                                          "k2 [400,600) 0:410, 1:t1,",
                                          "k3 [600,800) 0:610, 1:t2,"});
  CHECK(once() == lines);
}

TEST_CASE("micro_turn: late sound is dropped, late words join the next bundle") {
  for (const auto kind : {payload_kind::tensor, payload_kind::text}) {
    plan_maker g;
    std::vector<std::size_t> sizes;
    g.add(
        "src", 0, 1,
        [kind] {
          auto c = std::make_unique<lambda_component>();
          c->on_produce = [kind](timestamp until, emitter& out) -> result<source_state> {
            const auto one = [&](std::int64_t ms) {
              if (kind == payload_kind::text) {
                out.emit(0, timestamp::of_ms(ms), word("w"));
              } else {
                out.emit(0, timestamp::of_ms(ms),
                         tensor{dtype::u8, {1}, buffer::take(std::vector<std::uint8_t>(1))});
              }
            };
            if (until == timestamp::of_ms(100)) one(90);
            if (until == timestamp::of_ms(300)) one(100);  // late: [0,200) is gone
            if (until == timestamp::of_ms(320)) one(310);
            return until < timestamp::of_ms(400) ? source_state::more : source_state::end_of_stream;
          };
          return c;
        },
        kind);
    g.source("src");
    g.add(
         "end", 1, 0,
         [&sizes] {
           auto c = std::make_unique<lambda_component>();
           c->on_sets = [&sizes](std::span<const bundle> sets, emitter&) -> result<void> {
             for (const auto& b : sets) sizes.push_back(b.inputs[0].size());
             return {};
           };
           return c;
         },
         kind)
        .policy = input_policy::micro_turn;
    g.link("src", 0, "end", 0);
    const auto done = run_plan(g, true);
    if (kind == payload_kind::text) {
      CHECK(sizes == std::vector<std::size_t>{1, 2});
    } else {
      CHECK(sizes == std::vector<std::size_t>{1, 1});
      CHECK(dropped(done.last.links[0], drop_reason::late) == 1);
    }
  }
}

TEST_CASE("aligned: one set per timestamp, when every bound has passed it") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    plan_maker g;
    auto book = std::make_shared<notebook>();
    g.add("a", 0, 1, script({0, 20, 40, 60}));
    g.source("a", 5);
    g.add("b", 0, 1, script({0, 40, 80}));
    g.source("b", 35);
    g.add("end", 2, 1, set_listener(book)).policy = input_policy::aligned;
    g.link("a", 0, "end", 0, {.size = 1});
    g.link("b", 0, "end", 1, {.size = 1});
    run_plan(g, virtual_time);
    std::vector<std::string> ends;
    for (const auto& l : book->lines()) ends.push_back(l.substr(l.find(") ") + 2));
    CHECK(ends == std::vector<std::string>{"0:0, 1:0,", "0:20, 1:", "0:40, 1:40,",
                                           "0:60, 1:", "0:- 1:80,"});
  }
}

TEST_CASE("aligned: a diamond whose short arm fills up does not lock up") {
  for (const bool virtual_time : {true, false}) {
    plan_maker g;
    auto book = std::make_shared<notebook>();
    g.add("src", 0, 1, script({0, 10, 20, 30, 40, 50, 60, 70, 80, 90}));
    g.source("src", 5);
    g.add("every_third", 1, 1, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [n = 0](std::size_t, const packet& p, emitter& out) mutable -> result<void> {
        if (n++ % 3 == 2) out.emit(0, p.header.ts - duration(20'000'000), word("third"));
        return {};
      };
      return c;
    });
    g.add("end", 2, 1, set_listener(book)).policy = input_policy::aligned;
    const queue_spec one{.size = 1, .full = full_policy::block};
    g.link("src", 0, "every_third", 0, one);
    g.link("src", 0, "end", 0, one);
    g.link("every_third", 0, "end", 1, one);
    const auto done = run_plan(g, virtual_time);
    CHECK(done.why == end_reason::finished);
    CHECK(book->size() == 10);
    CHECK(done.last.links[1].delivered == 10);
    CHECK(done.last.links[2].delivered == 3);
  }
}

TEST_CASE("aligned: a promised bound settles a silent input") {
  plan_maker g;
  auto book = std::make_shared<notebook>();
  g.add("a", 0, 1, script({0, 20, 40}, 100));
  g.source("a", 20);
  g.add("b", 0, 1, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [](timestamp until, emitter& out) -> result<source_state> {
      control c;
      c.what = control::kind::bound;
      if (until == timestamp::of_ms(60)) out.emit(0, timestamp::of_ms(21), c);
      return until < timestamp::of_ms(200) ? source_state::more : source_state::end_of_stream;
    };
    return c;
  });
  g.source("b", 20);
  std::vector<std::int64_t> when;
  g.add("end", 2, 1, [&when] {
     auto c = std::make_unique<lambda_component>();
     auto* self = c.get();
     c->on_sets = [self, &when](std::span<const bundle> sets, emitter&) -> result<void> {
       for (std::size_t i = 0; i < sets.size(); ++i)
         when.push_back(self->where.time->now().ns() / 1'000'000);
       return {};
     };
     return c;
   }).policy = input_policy::aligned;
  g.link("a", 0, "end", 0);
  g.link("b", 0, "end", 1);
  run_plan(g, true);
  CHECK(when == std::vector<std::int64_t>{60, 60, 200});
}

TEST_CASE(
    "micro_turn in real time: a conversation waits for nobody whose time is over, nor for what "
    "is in no conversation") {
  bool before_end = false;
  const bool held = in_one_of_five([&] {
    plan_maker g;
    auto book = std::make_shared<notebook>();
    before_end = false;
    g.add("src", 0, 1, [&before_end, book] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [&before_end, book, self = c.get()](timestamp until,
                                                          emitter& out) -> result<source_state> {
        // The second conversation says nothing.
        if (self->where.session == session_id{1}) out.emit(0, until - duration(1), word("x"));
        if (until < timestamp::of_ms(600)) return source_state::more;
        before_end = before_end || book->count("1:0") > 0;
        return source_state::end_of_stream;
      };
      return c;
    });
    g.source("src");
    g.add("keys", 0, 1, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [](timestamp until, emitter& out) -> result<source_state> {
        out.for_session(session_id{1});
        out.emit(0, until, control{control::kind::bound, "", 0});
        return until < timestamp::of_ms(700) ? source_state::more : source_state::end_of_stream;
      };
      return c;
    });
    g.source("keys");
    g.info("keys").scope = instance_scope::shared;
    g.add("model", 2, 0, [book] {
       auto c = std::make_unique<lambda_component>();
       c->on_sets = [book](std::span<const bundle> sets, emitter&) -> result<void> {
         for (const auto& b : sets)
           book->add(fmt::format("{}:{}", static_cast<std::uint64_t>(b.session), b.micro_turn));
         return {};
       };
       return c;
     }).policy = input_policy::micro_turn;
    g.info("model").scope = instance_scope::shared;
    g.link("src", 0, "model", 0);
    g.link("keys", 0, "model", 1);
    runtime_options o;
    o.sessions = 2;
    o.grace_ms = 60'000;
    run_plan(g, false, o);
    return before_end;
  });
  CHECK(held);
}

TEST_CASE(
    "a shared actor gets the bundles of all sessions in one call, in the order of their ids") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    plan_maker g;
    auto book = std::make_shared<notebook>();
    auto heard = std::make_shared<notebook>();
    g.add("src", 0, 1, script({10, 210, 410}, 600));
    g.source("src");
    g.add("model", 1, 1, [book] {
       auto c = std::make_unique<lambda_component>();
       c->on_sets = [book](std::span<const bundle> sets, emitter& out) -> result<void> {
         std::string line;
         for (const auto& b : sets) {
           line += fmt::format("{}:{} ", static_cast<std::uint64_t>(b.session), b.micro_turn);
           out.for_session(b.session);
           out.emit(0, b.to, word(fmt::format("for {}", static_cast<std::uint64_t>(b.session))));
         }
         book->add(line);
         return {};
       };
       return c;
     }).policy = input_policy::micro_turn;
    g.info("model").scope = instance_scope::shared;
    g.add("end", 1, 0, [heard] {
      auto c = std::make_unique<lambda_component>();
      auto* self = c.get();
      c->on_packet = [self, heard](std::size_t, const packet& p, emitter&) -> result<void> {
        const auto mine = static_cast<std::uint64_t>(self->where.session);
        CHECK(p.header.session == self->where.session);
        CHECK(p.get_if<text>()->value == fmt::format("for {}", mine));
        heard->add(p.get_if<text>()->value);
        return {};
      };
      return c;
    });
    g.link("src", 0, "model", 0);
    g.link("model", 0, "end", 0);
    runtime_options o;
    o.sessions = 3;
    o.batch_ms = o.grace_ms;  // these words settle a micro-turn only when the next one has begun
    const auto done = run_plan(g, virtual_time, o);
    CHECK(done.last.sessions == 3);
    const auto lines = book->lines();
    REQUIRE(lines.size() >= 3);
    CHECK(lines[0] == "1:0 2:0 3:0 ");
    CHECK(lines[1] == "1:1 2:1 3:1 ");
    CHECK(heard->count("for 1") == 3);
    CHECK(heard->count("for 3") == 3);
  }
}
