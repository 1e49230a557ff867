#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "actors/host/hop_bench.hpp"
#include "actors/host/runtime.hpp"
#include "graph/core/assert.hpp"

namespace hocket::host {
namespace {

constexpr auto pace = std::chrono::microseconds(500);

void pin(int core) {
  thread_local int now = -1;
  if (core < 0 || core == now) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core % static_cast<int>(std::thread::hardware_concurrency()), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  now = core;
}

std::int64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// Contents to send, made before the clock runs and used in turn.
struct contents {
  std::vector<buffer> made;
  explicit contents(std::size_t size_bytes) {
    for (int i = 0; i < 4; ++i)
      made.push_back(
          buffer::take(std::vector<std::uint8_t>(size_bytes, static_cast<std::uint8_t>(i))));
  }
  tensor next(std::uint64_t n) const {
    const auto& b = made[n % made.size()];
    return {dtype::u8, {static_cast<std::int64_t>(b.size_bytes())}, b};
  }
};

struct bench_part final : component {
  std::function<result<source_state>(timestamp, emitter&)> make;
  std::function<void(const packet&, emitter&)> take;
  result<source_state> produce(timestamp until, emitter& out) override { return make(until, out); }
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    take(p, out);
    return {};
  }
};

struct empty_config final : config_base {
  void visit(config_visitor&) override {}
};

/// A straight graph of bench parts; the first is the source.
struct bench_graph {
  std::deque<component_type> types;
  plan graph;

  void add(const std::string& name, std::function<std::unique_ptr<component>()> make,
           bool blocking = false) {
    component_type t;
    t.info.type = "bench." + name;
    const bool first = types.empty();
    t.info.source = first;
    t.info.period_ms = 1;
    t.info.blocking = blocking;
    const media_type bytes{.kind = payload_kind::tensor, .element = dtype::u8, .shape = {}};
    if (!first) t.info.inputs.push_back({"in", bytes, "", true, {}});
    t.info.outputs.push_back({"out", bytes, ""});
    t.make_config = [] { return std::make_unique<empty_config>(); };
    t.make = [make](config_base&) { return make(); };
    plan_actor a;
    a.name = name;
    a.type = &types.emplace_back(std::move(t));
    graph.actors.push_back(std::move(a));
  }
  void link(std::size_t from, std::size_t to, int size = 64) {
    plan_link l;
    l.from = static_cast<actor_index>(from);
    l.to = static_cast<actor_index>(to);
    l.queue = {.size = size, .full = full_policy::block};
    graph.links.push_back(l);
  }
  run_summary run() {
    registry none;
    runtime_options o;
    auto r = runtime::start(graph, none, o);
    HOCKET_ASSERT(r.has_value());
    auto done = (*r)->wait();
    HOCKET_ASSERT(done.last.law_holds());
    return done;
  }
};

hop_times sorted(std::vector<std::int64_t> ns) {
  // The first hundredth warms caches and threads up.
  ns.erase(ns.begin(), ns.begin() + static_cast<std::ptrdiff_t>(ns.size() / 100));
  std::sort(ns.begin(), ns.end());
  return {std::move(ns)};
}

hop_times in_graph(bool own_thread, std::size_t size_bytes, bool pinned, int packets) {
  const contents what(size_bytes);
  std::vector<std::int64_t> ns;
  ns.reserve(static_cast<std::size_t>(packets));
  bench_graph g;
  g.add(
      "source",
      [&] {
        auto c = std::make_unique<bench_part>();
        c->make = [&, n = 0](timestamp until, emitter& out) mutable -> result<source_state> {
          if (pinned) pin(own_thread ? 0 : 1);
          if (own_thread) std::this_thread::sleep_for(pace);
          out.emit(0, until, what.next(static_cast<std::uint64_t>(n)));
          return ++n < packets ? source_state::more : source_state::end_of_stream;
        };
        return c;
      },
      own_thread);
  g.add("sink", [&] {
    auto c = std::make_unique<bench_part>();
    c->take = [&](const packet& p, emitter&) {
      const auto now = monotonic_ns();
      ns.push_back(now - p.header.way.hops[p.header.way.count - 1].emitted_ns);
      if (pinned) pin(1);
    };
    return c;
  });
  g.link(0, 1);
  g.run();
  return sorted(std::move(ns));
}

hop_times over_condvar(std::size_t size_bytes, bool pinned, int packets) {
  const contents what(size_bytes);
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<std::pair<std::shared_ptr<const payload>, std::int64_t>> queue;
  std::vector<std::int64_t> ns;
  std::thread receiver([&] {
    if (pinned) pin(1);
    for (int i = 0; i < packets; ++i) {
      std::unique_lock lock(mutex);
      ready.wait(lock, [&] { return !queue.empty(); });
      auto [body, sent] = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      ns.push_back(monotonic_ns() - sent);
    }
  });
  std::thread sender([&] {
    if (pinned) pin(0);
    for (int i = 0; i < packets; ++i) {
      std::this_thread::sleep_for(pace);
      auto body = std::make_shared<const payload>(what.next(static_cast<std::uint64_t>(i)));
      const auto now = monotonic_ns();
      {
        std::lock_guard lock(mutex);
        queue.emplace_back(std::move(body), now);
      }
      ready.notify_one();
    }
  });
  sender.join();
  receiver.join();
  return sorted(std::move(ns));
}

}  // namespace
}  // namespace hocket::host

using hop_message = std::shared_ptr<const hocket::payload>;
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hop_message)

namespace hocket::host {
namespace {

hop_times over_caf(std::size_t size_bytes, bool pinned, int packets) {
  const contents what(size_bytes);
  std::vector<std::int64_t> ns;
  std::atomic<int> got{0};
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system(config);
  auto receiver = system.spawn([&](caf::event_based_actor* self) {
    return caf::behavior{[&, self](const hop_message&, std::int64_t sent) {
      const auto now = monotonic_ns();
      ns.push_back(now - sent);
      if (pinned) pin(1);
      if (got.fetch_add(1) + 1 == packets) self->quit();
    }};
  });
  std::thread sender([&] {
    if (pinned) pin(0);
    for (int i = 0; i < packets; ++i) {
      std::this_thread::sleep_for(pace);
      auto body = std::make_shared<const payload>(what.next(static_cast<std::uint64_t>(i)));
      caf::anon_send(receiver, hop_message(std::move(body)), monotonic_ns());
    }
  });
  sender.join();
  while (got.load() < packets) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  receiver = nullptr;
  return sorted(std::move(ns));
}

}  // namespace

double hop_times::quantile_us(double q) const {
  if (ns.empty()) return 0;
  const auto i = static_cast<std::size_t>(q * static_cast<double>(ns.size() - 1));
  return static_cast<double>(ns[i]) / 1e3;
}

hop_times measure_hops(hop_kind kind, std::size_t size_bytes, bool pinned, int packets) {
  switch (kind) {
    case hop_kind::pool: return in_graph(false, size_bytes, pinned, packets);
    case hop_kind::wake: return in_graph(true, size_bytes, pinned, packets);
    case hop_kind::condvar: return over_condvar(size_bytes, pinned, packets);
    case hop_kind::caf: return over_caf(size_bytes, pinned, packets);
  }
  HOCKET_ASSERT(false);
}

chain_speed measure_chain(int actors, double seconds) {
  const contents what(64);
  std::atomic<std::uint64_t> arrived{0};
  std::int64_t began = 0, ended = 0;
  bench_graph g;
  g.add(
      "source",
      [&] {
        auto c = std::make_unique<bench_part>();
        // The content is made once: what is measured is the way of packets, not the making of
        // tensors.
        auto body = std::make_shared<const payload>(what.next(0));
        c->make = [&, body](timestamp until, emitter& out) -> result<source_state> {
          const auto now = monotonic_ns();
          if (began == 0) began = now;
          for (int i = 0; i < 256; ++i) {
            packet p;
            p.header.ts = until;
            p.body = body;
            out.emit(0, std::move(p));
          }
          return static_cast<double>(now - began) < seconds * 1e9 ? source_state::more
                                                                  : source_state::end_of_stream;
        };
        return c;
      },
      true);
  for (int i = 1; i < actors; ++i)
    g.add("relay" + std::to_string(i), [&, last = i == actors - 1] {
      auto c = std::make_unique<bench_part>();
      c->take = [&, last](const packet& p, emitter& out) {
        if (last) {
          arrived.fetch_add(1, std::memory_order_relaxed);
          return;
        }
        packet copy;
        copy.header.ts = p.header.ts;
        copy.body = p.body;
        out.emit(0, std::move(copy));
      };
      return c;
    });
  for (int i = 1; i < actors; ++i)
    g.link(static_cast<std::size_t>(i) - 1, static_cast<std::size_t>(i), 256);
  registry none;
  auto r = runtime::start(g.graph, none, {});
  HOCKET_ASSERT(r.has_value());
  while ((*r)->status().links[0].sent == 0) std::this_thread::yield();
  const auto from = arrived.load();
  const auto t0 = monotonic_ns();
  const auto cpu0 = cpu_ns();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds * 0.8));
  const auto n = arrived.load() - from;
  ended = monotonic_ns();
  const auto cpu = cpu_ns() - cpu0;
  const auto done = (*r)->wait();
  HOCKET_ASSERT(done.last.law_holds());
  return {static_cast<double>(n) * 1e9 / static_cast<double>(ended - t0),
          static_cast<double>(cpu) / static_cast<double>(n)};
}

fan_out measure_fan_out(int packets) {
  const contents what(std::size_t{4} << 20);
  const auto copies_before = buffer::copies_made();
  std::mutex mutex;
  std::set<const void*> seen;
  std::uint64_t got = 0;
  bench_graph g;
  g.add("source", [&] {
    auto c = std::make_unique<bench_part>();
    c->make = [&, n = 0](timestamp until, emitter& out) mutable -> result<source_state> {
      out.emit(0, until, what.next(static_cast<std::uint64_t>(n)));
      return ++n < packets ? source_state::more : source_state::end_of_stream;
    };
    return c;
  });
  for (std::size_t i = 1; i <= 8; ++i) {
    g.add("sink" + std::to_string(i), [&] {
      auto c = std::make_unique<bench_part>();
      c->take = [&](const packet& p, emitter&) {
        std::lock_guard lock(mutex);
        seen.insert(p.get_if<tensor>()->data.identity());
        ++got;
      };
      return c;
    });
    g.link(0, i);
  }
  g.run();
  bool same = true;
  for (const auto* memory : seen) {
    bool known = false;
    for (const auto& b : what.made) known = known || b.identity() == memory;
    same = same && known;
  }
  return {buffer::copies_made() - copies_before,
          same && got == 8ULL * static_cast<unsigned>(packets), got};
}

}  // namespace hocket::host
