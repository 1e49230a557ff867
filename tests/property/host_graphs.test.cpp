// Random graphs, policies, timings and failures: the law holds, order is kept, nothing comes twice.
#include <fmt/format.h>

#include <map>
#include <random>

#include "actors/host/run/run_plan.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

/// Checks every stream that somebody hears: per link and session the numbers only rise.
struct order_check {
  std::mutex mutex;
  std::map<std::tuple<std::string, std::size_t, std::uint64_t>, std::int64_t> last;
  std::vector<std::string> violations;
  std::string journal;  ///< who heard what, in order: equal runs have equal journals

  void hear(const std::string& who, std::size_t port, const packet& p) {
    std::lock_guard lock(mutex);
    auto& seq = last.try_emplace({who, port, static_cast<std::uint64_t>(p.header.session)}, -1)
                    .first->second;
    const auto now = static_cast<std::int64_t>(p.header.seq);
    if (now <= seq) violations.push_back(fmt::format("{}:{} {} after {}", who, port, now, seq));
    seq = now;
    journal += fmt::format("{}{}:{},", who, port, now);
  }
};

/// Sees all that leaves: numbers without gaps per stream and session.
struct gapless final : observer {
  std::map<std::tuple<actor_index, std::size_t, std::uint64_t>, std::uint64_t> next;
  int gaps = 0;
  int stalls = 0;
  void event(timestamp, std::string_view, std::string_view what, std::string_view detail) override {
    if (what == "stalled") MESSAGE(std::string(detail));
    if (what == "stalled") ++stalls;
  }
  void packet_emitted(const plan&, actor_index a, std::size_t port, const packet& p) override {
    auto& n = next[{a, port, static_cast<std::uint64_t>(p.header.session)}];
    if (p.header.seq != n) ++gaps;
    n = p.header.seq + 1;
  }
};

struct recipe {
  std::mt19937 rng;
  bool real_time;
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(rng); }
  bool chance(double p) { return std::bernoulli_distribution(p)(rng); }
};

/// A component that relays to all outputs, sometimes fails, sometimes says something bad.
plan_maker::maker troubled(std::shared_ptr<order_check> check, std::string name, std::size_t outs,
                           unsigned seed, double trouble) {
  // Each life of each session's instance throws its own dice.
  auto lives = std::make_shared<std::atomic<unsigned>>(0);
  return [=] {
    auto rng = std::make_shared<std::mt19937>(seed + 7919 * lives->fetch_add(1));
    auto c = std::make_unique<lambda_component>();
    const auto say = [=](const packet& p, emitter& out) -> result<void> {
      const auto dice = std::uniform_real_distribution<double>(0, 1)(*rng);
      if (dice < trouble / 2) throw std::runtime_error("dice");
      if (dice < trouble) return fail("test.dice", "dice");
      for (std::size_t i = 0; i < outs; ++i) {
        if (dice > 0.95) out.emit(i, p.header.ts, control{});  // a bad packet
        if (dice < 0.9) out.emit(i, p.header.ts, word("."));
      }
      if (dice > 0.97) out.interrupt();
      return {};
    };
    c->on_packet = [=](std::size_t port, const packet& p, emitter& out) -> result<void> {
      check->hear(name, port, p);
      return say(p, out);
    };
    c->on_sets = [=](std::span<const bundle> sets, emitter& out) -> result<void> {
      for (const auto& b : sets) {
        for (std::size_t port = 0; port < b.inputs.size(); ++port)
          for (const auto& p : b.inputs[port]) check->hear(name, port, p);
        HOCKET_TRY(say(make_packet(b.to, word("set")), out));
      }
      return {};
    };
    return c;
  };
}

std::string run_random(unsigned seed, bool real_time) {
  recipe r{std::mt19937(seed), real_time};
  auto check = std::make_shared<order_check>();
  plan_maker g;
  const int sources = r.pick(1, 3);
  const int middle = r.pick(1, 5);
  const auto queue = [&] {
    queue_spec q;
    q.size = r.pick(1, 8);
    q.full = static_cast<full_policy>(r.pick(0, 3));
    q.max_age_ms = r.chance(0.2) ? r.pick(20, 200) : 0;
    return q;
  };
  for (int i = 0; i < sources; ++i) {
    const auto name = fmt::format("s{}", i);
    g.add(name, 0, 1, counter_source(r.pick(1, 60), r.pick(1, 12)));
    g.source(name, r.pick(1, 4) * 5);
  }
  for (int i = 0; i < middle; ++i) {
    const auto name = fmt::format("m{}", i);
    const int outs = i + 1 < middle ? r.pick(1, 2) : 0;
    auto& a = g.add(
        name, 3, outs,
        troubled(check, name, static_cast<std::size_t>(outs), r.rng(), r.chance(0.5) ? 0.02 : 0));
    a.policy = static_cast<input_policy>(r.pick(0, 3));
    a.restart.max = r.pick(0, 20);
    a.restart.backoff_ms = r.pick(0, 30);
    a.restart.stop_graph = r.chance(0.2);
    g.info(name).blocking = r.chance(0.2);
    // One or two inputs from upstream, sometimes an echo from downstream.
    for (std::size_t port = 0; port < 2; ++port) {
      if (port == 1 && r.chance(0.4)) continue;
      const int from = r.pick(0, sources + i - 1);
      if (from < sources)
        g.link(fmt::format("s{}", from), 0, name, port, queue());
      else
        g.link(fmt::format("m{}", from - sources), 0, name, port, queue());
    }
  }
  if (middle > 2 && r.chance(0.5)) g.link("m1", 0, "m0", 2, queue(), true);

  gapless seen;
  runtime_options o;
  o.observers = {&seen};
  o.sessions = r.pick(1, 3);
  o.drain_limit_s = 1;
  o.virtual_time = !real_time;
  const auto p = g.make();
  auto run = runtime::start(p, g.types, o);
  REQUIRE(run);
  if (real_time)
    for (int i = 0; i < 20; ++i) {
      CHECK((*run)->status().law_holds());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  const auto done = (*run)->wait();
  CHECK(done.last.law_holds());
  for (const auto& l : done.last.links) CHECK(l.in_flight == 0);
  CHECK(seen.gaps == 0);
  CHECK(seen.stalls == 0);
  CHECK(check->violations == std::vector<std::string>{});
  return check->journal;
}

}  // namespace

TEST_CASE("random graphs in virtual time: the law, order, numbers, and the same again") {
  for (unsigned seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const auto first = run_random(seed, false);
    if (seed % 3 == 0) CHECK(run_random(seed, false) == first);
  }
}

TEST_CASE("random graphs in real time: the law, order, numbers") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    run_random(seed, true);
  }
}
