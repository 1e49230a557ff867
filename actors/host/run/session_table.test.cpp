#include <fmt/format.h>

#include "actors/host/run/run_plan.test.hpp"
#include "tests/support/tries.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

/// mic -> ears -> model -> speaker, as in a conversation; the speaker is slow, the model speaks
/// ten words per packet it hears, and interrupts itself when it hears "stop".
struct conversation {
  plan_maker g;
  std::shared_ptr<notebook> spoken = std::make_shared<notebook>();
  std::shared_ptr<notebook> heard = std::make_shared<notebook>();
  std::shared_ptr<notebook> told = std::make_shared<notebook>();
  std::shared_ptr<std::atomic<bool>> hold = std::make_shared<std::atomic<bool>>(true);

  conversation(std::vector<std::string> says, payload_kind out_kind = payload_kind::text) {
    g.add("mic", 0, 1, [says, hold = hold] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [says, hold, i = std::size_t{0}](
                          timestamp until, emitter& out) mutable -> result<source_state> {
        if (i < says.size()) out.emit(0, until - duration(1), word(says[i++]));
        // Nobody closes before the test has done what it wants to do.
        return i < says.size() || hold->load() ? source_state::more : source_state::end_of_stream;
      };
      return c;
    });
    g.source("mic");
    g.add("ears", 1, 1, relay());
    g.add("model", 1, 1, [heard = heard, told = told, out_kind] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [heard, out_kind](std::size_t, const packet& p, emitter& out) -> result<void> {
        const auto said = p.get_if<text>()->value;
        heard->add(said);
        if (said == "stop") out.interrupt();
        for (int i = 0; i < 10; ++i) {
          if (out_kind == payload_kind::delegation) {
            delegation d;
            d.task = said;
            out.emit(0, p.header.ts, d);
          } else {
            out.emit(0, p.header.ts, word(fmt::format("{} {}", said, i)));
          }
        }
        return {};
      };
      c->on_control_packet = [told](std::size_t, const packet& p, emitter&) -> result<void> {
        if (p.get_if<control>()->what == control::kind::interrupt) told->add("model");
        return {};
      };
      return c;
    });
    g.info("model").outputs[0].type.kind = out_kind;
    g.add("speaker", 1, 0, [spoken = spoken, told = told, hold = hold] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [=](std::size_t, const packet& p, emitter&) -> result<void> {
        if (const auto* t = p.get_if<text>())
          spoken->add(t->value);
        else
          spoken->add("task");
        // In real time: stuck in the first word until somebody interrupts.
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
        while (hold->load() && std::chrono::steady_clock::now() < end)
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return {};
      };
      c->on_control_packet = [=](std::size_t, const packet& p, emitter&) -> result<void> {
        const auto* k = p.get_if<control>();
        if (k->what == control::kind::interrupt) told->add("speaker");
        if (k->what == control::kind::interrupt)
          CHECK(p.header.epoch == static_cast<epoch_number>(k->value));
        return {};
      };
      return c;
    });
    g.info("speaker").blocking = true;
    g.actor("speaker").watchdog_ms = 600'000;
    g.link("mic", 0, "ears", 0);
    g.link("ears", 0, "model", 0);
    g.link("model", 0, "speaker", 0, {.size = 100});
  }
};

}  // namespace

TEST_CASE("an interruption drops what was said before, and nothing that was heard") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    conversation c({"one", "two", "stop", "three"});
    if (virtual_time) c.hold->store(false);
    const auto p = c.g.make();
    runtime_options o;
    o.virtual_time = virtual_time;
    auto r = runtime::start(p, c.g.types, o);
    REQUIRE(r);
    if (!virtual_time) {
      CHECK(eventually([&] { return c.heard->size() == 4; }));
      c.hold->store(false);
    }
    const auto done = (*r)->wait();
    CHECK(done.last.law_holds());
    CHECK(c.heard->lines() == std::vector<std::string>{"one", "two", "stop", "three"});
    CHECK(c.spoken->count("stop 0") == 1);
    CHECK(c.spoken->count("stop 9") == 1);
    CHECK(c.spoken->count("three 9") == 1);
    CHECK(c.told->lines() == std::vector<std::string>{"speaker"});
    const auto& out = done.last.links[2];
    if (!virtual_time) {
      // "one 0" sounded when the interruption came; the other 19 old words never did.
      CHECK(c.spoken->lines()[0] == "one 0");
      CHECK(c.spoken->lines()[1] == "stop 0");
      CHECK(dropped(out, drop_reason::old_epoch) == 19);
    }
    CHECK(out.sent == 40);
  }
}

TEST_CASE("an interruption reaches the speaker before any stream time passes") {
  plan_maker g;
  std::vector<std::int64_t> raised, reached, played;
  g.add("mic", 0, 1, counter_source(50));
  g.source("mic");
  g.add("model", 1, 1, [&raised] {
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    c->on_packet = [self, &raised](std::size_t, const packet& p, emitter& out) -> result<void> {
      if (p.get_if<text>()->value == "25") {
        raised.push_back(self->where.time->now().ns());
        out.interrupt();
      }
      for (int i = 0; i < 5; ++i) out.emit(0, p.header.ts, word(p.get_if<text>()->value));
      return {};
    };
    return c;
  });
  // Takes what was said once per micro-turn, so that old words wait in its queue.
  g.add("speaker", 1, 0, [&] {
     auto c = std::make_unique<lambda_component>();
     auto* self = c.get();
     c->on_sets = [&](std::span<const bundle> sets, emitter&) -> result<void> {
       for (const auto& b : sets)
         for (const auto& p : b.inputs[0]) played.push_back(std::stoi(p.get_if<text>()->value));
       return {};
     };
     c->on_control_packet = [self, &reached](std::size_t, const packet& p,
                                             emitter&) -> result<void> {
       if (p.get_if<control>()->what == control::kind::interrupt)
         reached.push_back(self->where.time->now().ns());
       return {};
     };
     return c;
   }).policy = input_policy::micro_turn;
  g.link("mic", 0, "model", 0);
  g.link("model", 0, "speaker", 0, {.size = 4});
  const auto done = run_plan(g, true);
  REQUIRE(raised.size() == 1);
  CHECK(reached == raised);
  // 20 to 24 were said in the micro-turn of the interruption, before it.
  CHECK(dropped(done.last.links[1], drop_reason::old_epoch) == 25);
  CHECK(std::count(played.begin(), played.end(), 24) == 0);
  CHECK(std::count(played.begin(), played.end(), 25) == 5);
}

TEST_CASE("an interruption does not drop transactions") {
  conversation c({"one", "two", "stop"}, payload_kind::delegation);
  c.g.info("speaker").inputs[0].type.kind = payload_kind::delegation;
  const auto p = c.g.make();
  auto r = runtime::start(p, c.g.types, {});
  REQUIRE(r);
  CHECK(eventually([&] { return c.heard->size() == 3; }));
  c.hold->store(false);
  (*r)->wait();
  CHECK(c.spoken->size() == 30);
}

TEST_CASE("an interruption from outside silences the answer and reaches every instance") {
  conversation c({"one", "two", "three"});
  c.g.actor("model").where.line = 1;
  const auto p = c.g.make();
  auto r = runtime::start(p, c.g.types, {});
  REQUIRE(r);
  CHECK(eventually([&] { return c.heard->size() == 3 && c.spoken->size() == 1; }));
  (*r)->interrupt(session_id{1});
  c.hold->store(false);
  const auto done = (*r)->wait();
  CHECK(c.heard->size() == 3);
  CHECK(c.spoken->size() == 1);
  CHECK(done.last.links[2].sent == 30);
  CHECK(dropped(done.last.links[2], drop_reason::old_epoch) == 29);
  auto told = c.told->lines();
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<std::string>{"model", "speaker"});
}

TEST_CASE("an interruption of one session leaves the others alone") {
  conversation c({"one"});
  const auto p = c.g.make();
  runtime_options o;
  o.sessions = 2;
  auto r = runtime::start(p, c.g.types, o);
  REQUIRE(r);
  CHECK(eventually([&] { return c.spoken->size() == 2 && c.heard->size() == 2; }));
  (*r)->interrupt(session_id{2});
  c.hold->store(false);
  const auto done = (*r)->wait();
  CHECK(c.spoken->size() == 1 + 10);
  CHECK(dropped(done.last.links[2], drop_reason::old_epoch) == 9);
}

TEST_CASE("sessions come and go while the graph runs; a shared actor serves them all") {
  plan_maker g;
  auto opened = std::make_shared<notebook>();
  auto closed = std::make_shared<notebook>();
  auto wrong = std::make_shared<std::atomic<int>>(0);
  g.add("mic", 0, 1, [] {
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    c->on_produce = [self](timestamp until, emitter& out) -> result<source_state> {
      out.emit(0, until - duration(1),
               word(std::to_string(static_cast<std::uint64_t>(self->where.session))));
      return source_state::more;
    };
    return c;
  });
  g.source("mic", 1);
  g.add("model", 1, 1, [] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [](std::size_t, const packet& p, emitter& out) -> result<void> {
      out.for_session(p.header.session);
      out.emit(0, p.header.ts, word(p.get_if<text>()->value));
      return {};
    };
    return c;
  });
  g.info("model").scope = instance_scope::shared;
  g.add("end", 1, 0, [=] {
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    c->on_open = [opened](const context& where) -> result<void> {
      opened->add(std::to_string(static_cast<std::uint64_t>(where.session)));
      return {};
    };
    c->on_packet = [self, wrong](std::size_t, const packet& p, emitter&) -> result<void> {
      if (p.get_if<text>()->value !=
          std::to_string(static_cast<std::uint64_t>(self->where.session)))
        wrong->fetch_add(1);
      return {};
    };
    c->on_close = [self, closed](emitter&) -> result<void> {
      closed->add(std::to_string(static_cast<std::uint64_t>(self->where.session)));
      return {};
    };
    return c;
  });
  g.link("mic", 0, "model", 0, {.size = 4});
  g.link("model", 0, "end", 0, {.size = 4});
  const auto p = g.make();
  runtime_options o;
  o.sessions = 0;
  auto r = runtime::start(p, g.types, o);
  REQUIRE(r);
  std::vector<session_id> ids;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 3; ++i) ids.push_back((*r)->open_session());
    const auto before = (*r)->status().links[1].delivered;
    CHECK(eventually([&] { return (*r)->status().links[1].delivered > before + 20; }));
    CHECK((*r)->status().law_holds());
    (*r)->close_session(ids[static_cast<std::size_t>(round) * 3]);
  }
  CHECK(eventually([&] { return (*r)->status().sessions == 10; }));
  CHECK(closed->size() == 5);
  (*r)->stop();
  const auto done = (*r)->wait();
  CHECK(done.last.law_holds());
  CHECK(opened->size() == 15);
  CHECK(closed->size() == 15);
  CHECK(wrong->load() == 0);
}

TEST_CASE("a thread of a component's own comes back through its mailbox, until the actor closed") {
  plan_maker g;
  auto book = std::make_shared<notebook>();
  auto kept = std::make_shared<std::shared_ptr<mailbox_handle>>();
  g.add("src", 0, 1, counter_source(1 << 30));
  g.source("src", 5);
  g.add("tool", 1, 1, [kept] {
    auto c = std::make_unique<lambda_component>();
    c->on_open = [kept](const context& where) -> result<void> {
      *kept = where.self;
      return {};
    };
    return c;
  });
  g.add("end", 1, 0, listener(book));
  g.link("src", 0, "tool", 0);
  g.link("tool", 0, "end", 0);
  const auto p = g.make();
  auto r = runtime::start(p, g.types, {});
  REQUIRE(r);
  for (int i = 0; i < 100; ++i)
    CHECK((*kept)->run([i](emitter& out) { out.emit(0, timestamp(), word(std::to_string(i))); }));
  CHECK(eventually([&] { return book->size() == 100; }));
  CHECK(book->lines() == numbers(100));
  (*r)->stop();
  (*r)->wait();
  CHECK(!(*kept)->run([](emitter&) {}));
}

TEST_CASE("ticks come at the end of each micro-turn") {
  plan_maker g;
  auto book = std::make_shared<notebook>();
  g.add("src", 0, 1, counter_source(31));
  g.source("src");
  g.add("end", 1, 0, [book] {
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    c->on_tick = [book, self](std::int64_t k, emitter&) -> result<void> {
      book->add(fmt::format("{} at {}", k, self->where.time->now().ns() / 1'000'000));
      return {};
    };
    return c;
  });
  g.info("end").ticks = true;
  g.link("src", 0, "end", 0);
  run_plan(g, true);
  CHECK(book->lines() == std::vector<std::string>{"0 at 200", "1 at 400", "2 at 600"});
}

TEST_CASE("budgets: the slow hop is blamed") {
  std::string blamed;
  const auto once = [&blamed] {
    plan_maker g;
    g.add("mic", 0, 1, counter_source(20));
    g.source("mic", 20);
    g.add("model", 1, 1, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [](std::size_t, const packet& p, emitter& out) -> result<void> {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        out.emit(0, p.header.ts, word("."));
        return {};
      };
      return c;
    });
    g.add("speaker", 1, 0, listener(std::make_shared<notebook>()));
    g.link("mic", 0, "model", 0);
    g.link("model", 0, "speaker", 0);
    plan_budget b;
    b.path = {0, 1, 2};
    b.limit_ms = 5;
    g.budgets.push_back(b);
    const auto done = run_plan(g, false);
    REQUIRE(done.last.budgets.size() == 1);
    const auto& s = done.last.budgets[0];
    CHECK(s.path == "mic > model > speaker");
    CHECK(s.checked == 2);
    CHECK(s.missed == 2);
    REQUIRE(!s.blamed.empty());
    blamed = s.blamed[0].first;
    return blamed.starts_with("model");
  };
  CHECK_MESSAGE(in_one_of_five(once), blamed);
}
