#include <algorithm>
#include <cmath>

#include "actors/host/run/run_plan.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

/// What a call of these tests takes on a machine that stands still for a while is no hang.
constexpr int hang_ms = 800;

/// Lets hung calls go at the end of a test, so that no thread outlives it for long.
struct gate {
  std::atomic<bool> open{false};
  void wait() const {
    while (!open.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

/// What observers are told about life and death: "actor what".
struct life_log final : observer {
  notebook book;
  int restarting_takes_ms = 0;
  void event(timestamp, std::string_view actor, std::string_view what, std::string_view) override {
    book.add(std::string(actor) + " " + std::string(what));
    if (what == "restarting" && restarting_takes_ms > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(restarting_takes_ms));
  }
};

/// src -> mid -> end; `mid` is what the test is about.
struct trio {
  plan_maker g;
  std::shared_ptr<notebook> heard = std::make_shared<notebook>();
  std::shared_ptr<notebook> told = std::make_shared<notebook>();
  life_log log;

  trio(int total, plan_maker::maker mid, queue_spec q = {.size = 4}) {
    g.add("src", 0, 1, counter_source(total));
    g.source("src", 5);
    g.add("mid", 1, 1, std::move(mid));
    g.add("end", 1, 0, [heard = heard, told = told] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [heard](std::size_t, const packet& p, emitter&) -> result<void> {
        heard->add(p.get_if<text>()->value);
        return {};
      };
      c->on_control_packet = [told](std::size_t, const packet& p, emitter&) -> result<void> {
        told->add(std::string(to_string(p.get_if<control>()->what)));
        return {};
      };
      return c;
    });
    g.link("src", 0, "mid", 0, q);
    g.link("mid", 0, "end", 0, q);
    auto& mid_actor = g.actor("mid");
    mid_actor.restart.backoff_ms = 10;
    mid_actor.watchdog_ms = 60'000;
  }
  run_summary run(bool virtual_time) {
    runtime_options o;
    o.observers = {&log};
    return run_plan(g, virtual_time, o);
  }
};

/// Relays, and does `trouble` with each packet first.
plan_maker::maker relay_with(std::function<result<void>(const packet&, emitter&)> trouble) {
  return [trouble] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [trouble](std::size_t, const packet& p, emitter& out) -> result<void> {
      HOCKET_TRY(trouble(p, out));
      out.emit(0, p.header.ts, word(p.get_if<text>()->value));
      return {};
    };
    return c;
  };
}

}  // namespace

TEST_CASE("a component that throws is restarted; only what it had in hand is lost") {
  for (const bool virtual_time : {true, false}) {
    for (const bool throws : {true, false}) {
      CAPTURE(virtual_time);
      trio t(30, relay_with([throws](const packet& p, emitter&) -> result<void> {
               if (p.get_if<text>()->value != "7") return {};
               if (throws) throw std::runtime_error("seven");
               return fail("test.seven", "seven");
             }));
      const auto done = t.run(virtual_time);
      CHECK(done.why == end_reason::finished);
      auto expected = numbers(30);
      std::erase(expected, "7");
      CHECK(t.heard->lines() == expected);
      CHECK(dropped(done.last.links[0], drop_reason::actor_restarting) == 1);
      CHECK(done.last.actors[1].restarts == 1);
      CHECK(t.told->count("input_lost") == 1);
      CHECK(t.told->count("input_recovered") == 1);
      CHECK(t.log.book.count("mid recovered") == 1);
    }
  }
}

TEST_CASE("restarts used up: the graph stops with last words, or goes on without the actor") {
  for (const bool virtual_time : {true, false}) {
    for (const bool stop : {true, false}) {
      CAPTURE(virtual_time);
      CAPTURE(stop);
      trio t(200, relay_with([](const packet&, emitter&) -> result<void> {
               return fail("test.broken", "always broken");
             }));
      t.g.actor("mid").restart.max = 2;
      t.g.actor("mid").restart.stop_graph = stop;
      const auto done = t.run(virtual_time);
      CHECK(done.last.actors[1].restarts == 2);
      CHECK(done.last.actors[1].state == actor_state::lost);
      CHECK(dropped(done.last.links[0], drop_reason::actor_restarting) == 3);
      if (stop) {
        CHECK(done.why == end_reason::failed);
        CHECK(done.detail == "mid is lost: always broken [test.broken]");
      } else {
        CHECK(done.why == end_reason::finished);
        CHECK(done.last.links[0].sent == 200);
        CHECK(dropped(done.last.links[0], drop_reason::actor_lost) == 197);
      }
      CHECK(t.told->count("input_lost") == 3);
      CHECK(t.told->count("end_of_stream") == 1);
    }
  }
}

TEST_CASE("back-off doubles, and restarts outside the window are forgotten") {
  trio t(400, relay_with([](const packet& p, emitter&) -> result<void> {
           const auto n = std::stoi(p.get_if<text>()->value);
           if (n % 100 == 50) return fail("test.fifty", "fifty");
           return {};
         }));
  // One failure in 500 ms of stream time: a window of 300 ms never sees two of them.
  t.g.actor("mid").restart.max = 1;
  t.g.actor("mid").restart.within_s = 0.3;
  const auto done = t.run(true);
  CHECK(done.why == end_reason::finished);
  CHECK(done.last.actors[1].restarts == 4);
  CHECK(t.heard->size() == 396);

  struct times final : observer {
    std::vector<std::int64_t> restarting;
    std::vector<std::int64_t> failed;
    void event(timestamp now, std::string_view, std::string_view what, std::string_view) override {
      if (what == "failed") failed.push_back(now.ns() / 1'000'000);
    }
  } when;
  trio u(400, relay_with([](const packet&, emitter&) -> result<void> {
           return fail("test.broken", "broken");
         }));
  u.g.actor("mid").restart.max = 4;
  u.g.actor("mid").restart.backoff_ms = 20;
  u.g.actor("mid").restart.backoff_max_ms = 70;
  runtime_options o;
  o.observers = {&when};
  run_plan(u.g, true, o);
  REQUIRE(when.failed.size() == 5);
  CHECK(when.failed[1] - when.failed[0] == 20);
  CHECK(when.failed[2] - when.failed[1] == 40);
  CHECK(when.failed[3] - when.failed[2] == 70);
  CHECK(when.failed[4] - when.failed[3] == 70);
}

TEST_CASE("a hung call is written off and its late words are ignored") {
  for (const bool virtual_time : {true, false}) {
    for (const bool blocking : {false, true}) {
      CAPTURE(virtual_time);
      CAPTURE(blocking);
      auto held = std::make_shared<gate>();
      auto once = std::make_shared<std::atomic<bool>>(false);
      auto returned = std::make_shared<std::atomic<bool>>(false);
      trio t(30, relay_with([=](const packet& p, emitter& out) -> result<void> {
               if (p.get_if<text>()->value != "7" || once->exchange(true)) return {};
               held->wait();
               out.emit(0, p.header.ts, word("late"));
               returned->store(true);
               return {};
             }));
      t.g.info("mid").blocking = blocking;
      t.g.actor("mid").watchdog_ms = hang_ms;
      const auto done = t.run(virtual_time);
      CHECK(done.why == end_reason::finished);
      auto expected = numbers(30);
      std::erase(expected, "7");
      CHECK(t.heard->lines() == expected);
      CHECK(t.log.book.count("mid hung") == 1);
      CHECK(dropped(done.last.links[0], drop_reason::actor_restarting) == 1);
      held->open.store(true);
      CHECK(eventually([&] { return returned->load(); }));
    }
  }
}

TEST_CASE("virtual time: a watchdog that is held up itself still restarts what hung") {
  auto held = std::make_shared<gate>();
  auto once = std::make_shared<std::atomic<bool>>(false);
  trio t(10, relay_with([=](const packet& p, emitter&) -> result<void> {
           if (p.get_if<text>()->value == "7" && !once->exchange(true)) held->wait();
           return {};
         }));
  t.g.actor("mid").watchdog_ms = hang_ms;
  // Meanwhile the loop's new thread has found that there is nothing to do.
  t.log.restarting_takes_ms = 200;
  CHECK(t.run(true).why == end_reason::finished);
  CHECK(t.heard->size() == 9);
  CHECK(t.log.book.count("mid recovered") == 1);
  held->open.store(true);
}

TEST_CASE("several hung workers do not starve the pool") {
  auto held = std::make_shared<gate>();
  auto hangs = std::make_shared<std::atomic<int>>(0);
  trio t(60, relay_with([=](const packet& p, emitter&) -> result<void> {
           const auto n = std::stoi(p.get_if<text>()->value);
           if (n % 20 == 5) {
             hangs->fetch_add(1);
             held->wait();
           }
           return {};
         }));
  t.g.actor("mid").restart.max = 10;
  t.g.actor("mid").watchdog_ms = hang_ms;
  runtime_options o;
  o.threads = 1;
  const auto done = run_plan(t.g, false, o);
  CHECK(done.why == end_reason::finished);
  CHECK(t.heard->size() == 57);
  CHECK(hangs->load() == 3);
  held->open.store(true);
}

TEST_CASE("a hang before the first packet: in open(), and in the first produce()") {
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    auto held = std::make_shared<gate>();
    auto opens = std::make_shared<std::atomic<int>>(0);
    trio t(10, [=] {
      auto c = relay_with([](const packet&, emitter&) -> result<void> { return {}; })();
      static_cast<lambda_component&>(*c).on_open = [=](const context&) -> result<void> {
        if (opens->fetch_add(1) == 0) held->wait();
        return {};
      };
      return c;
    });
    t.g.actor("mid").watchdog_ms = hang_ms / 2;  // opening has six times as long
    auto first = std::make_shared<std::atomic<bool>>(true);
    t.g.add("silent", 0, 1, [=] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [=](timestamp, emitter&) -> result<source_state> {
        if (first->exchange(false)) held->wait();
        return source_state::end_of_stream;
      };
      return c;
    });
    t.g.source("silent");
    t.g.actor("silent").watchdog_ms = hang_ms;
    t.g.actor("silent").restart.backoff_ms = 1;
    const auto done = t.run(virtual_time);
    CHECK(done.why == end_reason::finished);
    CHECK(t.heard->lines() == numbers(10));
    CHECK(opens->load() == 2);
    CHECK(t.log.book.count("silent hung") == 1);
    held->open.store(true);
  }
}

TEST_CASE("garbage is dropped and counted, and good packets stay gapless") {
  plan_maker g;
  auto seqs = std::make_shared<notebook>();
  g.add(
      "src", 0, 1,
      [] {
        auto c = std::make_unique<lambda_component>();
        c->on_produce = [n = 0](timestamp until, emitter& out) mutable -> result<source_state> {
          const auto ts = until - duration(20'000'000);
          const auto sound = [](std::size_t samples, int rate) {
            audio_chunk a;
            a.rate_hz = rate;
            a.samples = buffer::take(std::vector<float>(samples));
            return a;
          };
          out.emit(0, packet{});
          out.emit(0, ts, word("no sound"));
          out.emit(0, ts, sound(320, 48000));
          out.emit(0, ts, sound(0, 16000));
          out.emit(0, timestamp::min(), sound(320, 16000));
          out.emit(0, ts, sound(320, 16000));
          out.emit(0, ts - duration(1), sound(320, 16000));
          audio_chunk odd = sound(320, 16000);
          odd.samples = odd.samples.slice(0, 7);
          out.emit(0, ts, odd);
          odd.samples = buffer::take(std::vector<float>(320, NAN));
          out.emit(0, ts, odd);
          // Far ahead, and so that all later sound would go back in time.
          out.emit(0, ts + std::chrono::hours(2), sound(320, 16000));
          return ++n < 10 ? source_state::more : source_state::end_of_stream;
        };
        return c;
      },
      payload_kind::audio);
  g.source("src");
  g.info("src").outputs[0].type.rate_hz = 16000;
  g.add(
      "end", 1, 0,
      [seqs] {
        auto c = std::make_unique<lambda_component>();
        c->on_packet = [seqs](std::size_t, const packet& p, emitter&) -> result<void> {
          seqs->add(std::to_string(p.header.seq));
          return {};
        };
        return c;
      },
      payload_kind::audio);
  g.link("src", 0, "end", 0);
  const auto done = run_plan(g, true);
  CHECK(seqs->lines() == numbers(10));
  CHECK(done.last.links[0].sent == 100);
  CHECK(dropped(done.last.links[0], drop_reason::bad_packet) == 90);
  CHECK(done.last.actors[0].counters ==
        std::vector<std::pair<std::string, std::int64_t>>{{"bad_packets", 90}});
}

TEST_CASE("a flood stays within the queues") {
  for (const auto full :
       {full_policy::drop_oldest, full_policy::drop_newest, full_policy::latest}) {
    trio t(0, relay());
    t.g.add("flood", 0, 1, counter_source(20000, 5000));
    t.g.source("flood");
    t.g.add("sink", 1, 0, [] { return std::make_unique<lambda_component>(); });
    t.g.link("flood", 0, "sink", 0, {.size = 16, .full = full});
    const auto done = t.run(true);
    const auto& l = done.last.links[2];
    CHECK(l.sent == 20000);
    CHECK(l.depth_max <= 16);
    CHECK(l.delivered <= 4 * 16);
  }
}

TEST_CASE("an emit to a port that is not there is a failure of the component") {
  trio t(3, relay_with([](const packet&, emitter& out) -> result<void> {
           out.emit(9, timestamp(), word("nowhere"));
           return {};
         }));
  t.g.actor("mid").restart.when = restart_policy::mode::never;
  const auto done = t.run(true);
  CHECK(done.why == end_reason::failed);
  CHECK(done.detail == "mid is lost: emit to output 9 of 1 [host.exception]");
}
