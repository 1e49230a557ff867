// Packets at the edges of an instance's life: whatever fails, hangs, restarts or ends, each packet that
// a component emits is in the books of each link of its port.
#include <atomic>
#include <random>

#include "actors/host/run/run_plan.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

/// Emits, fails at random before, between and after its packets, and counts what it emitted.
struct unsteady {
  std::shared_ptr<std::atomic<std::uint64_t>> emitted =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::shared_ptr<std::mt19937> dice;

  explicit unsteady(unsigned seed) : dice(std::make_shared<std::mt19937>(seed)) {}

  bool falls(int one_in) const { return (*dice)() % static_cast<unsigned>(one_in) == 0; }
  result<void> say(emitter& out, timestamp ts, int packets) const {
    for (int i = 0; i < packets; ++i) {
      if (falls(40)) return fail("test.fell", "between two packets");
      ++*emitted;
      out.emit(0, ts, word("x"));
    }
    if (falls(60)) throw std::runtime_error("after its packets");
    return {};
  }
};

}  // namespace

TEST_CASE("random restarts: every packet that a component emits is in the books") {
  for (unsigned seed = 1; seed <= 24; ++seed) {
    CAPTURE(seed);
    const unsteady first(seed), second(seed + 1000);
    plan_maker g;
    g.add("src", 0, 1, [first] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [first, n = 0](timestamp until,
                                     emitter& out) mutable -> result<source_state> {
        HOCKET_TRY(first.say(out, until - duration(1'000'000), 1 + n % 3));
        return until >= timestamp::of_ms(1000) ? source_state::end_of_stream : source_state::more;
      };
      c->on_close = [first](emitter& out) { return first.say(out, timestamp::of_ms(2000), 1); };
      return c;
    });
    g.source("src", 5);
    g.add("mid", 1, 1, [second] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [second](std::size_t, const packet& p, emitter& out) -> result<void> {
        return second.say(out, p.header.ts, 2);
      };
      c->on_close = [second](emitter& out) { return second.say(out, timestamp::of_ms(2000), 1); };
      return c;
    });
    auto heard = std::make_shared<notebook>();
    g.add("end", 1, 0, listener(heard));
    g.add("other", 1, 0, listener(std::make_shared<notebook>()));
    g.link("src", 0, "mid", 0, {.size = 4});
    g.link("mid", 0, "end", 0, {.size = 2, .full = full_policy::drop_oldest});
    g.link("mid", 0, "other", 0, {.size = 8});
    for (const auto* name : {"src", "mid"}) {
      g.actor(name).restart.max = 1000;
      g.actor(name).restart.backoff_ms = 5;
      g.actor(name).restart.backoff_max_ms = 20;
    }
    const auto done = run_plan(g, true);  // the law holds
    CHECK(done.last.links[0].sent == first.emitted->load());
    CHECK(done.last.links[1].sent == second.emitted->load());
    CHECK(done.last.links[2].sent == second.emitted->load());
    CHECK(done.last.actors[0].restarts + done.last.actors[1].restarts > 0);
    CHECK(heard->size() == done.last.links[1].delivered);
  }
}

TEST_CASE("what a written-off call emits afterwards is counted on its links") {
  auto go_on = std::make_shared<std::atomic<bool>>(false);
  auto back = std::make_shared<std::atomic<bool>>(false);
  auto hung = std::make_shared<std::atomic<bool>>(false);
  plan_maker g;
  g.add("src", 0, 1, [=] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [=](timestamp until, emitter& out) -> result<source_state> {
      if (!hung->exchange(true)) {
        while (!go_on->load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        out.emit(0, until - duration(1'000'000), word("late"));
        back->store(true);
        return source_state::more;
      }
      go_on->store(true);
      // Until the one that was written off has spoken.
      return back->load() ? source_state::end_of_stream : source_state::more;
    };
    return c;
  });
  g.source("src", 5);
  auto heard = std::make_shared<notebook>();
  g.add("end", 1, 0, listener(heard));
  g.link("src", 0, "end", 0);
  g.actor("src").watchdog_ms = 800;
  g.actor("src").restart.backoff_ms = 10;
  const auto done = run_plan(g, false);
  CHECK(heard->size() == 0);
  CHECK(done.last.links[0].sent == 1);
  CHECK(dropped(done.last.links[0], drop_reason::actor_restarting) == 1);
}
