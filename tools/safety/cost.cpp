#include "tools/safety/cost.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>

#include "actors/host/runtime.hpp"

namespace hocket::safety {
namespace {

using steady = std::chrono::steady_clock;
/// The first micro-turns read pages and warm caches.
constexpr std::size_t warm_up = 5;

/// Passes on what the guard would pass on, and looks at nothing.
class passing final : public component {
 public:
  explicit passing(std::map<std::size_t, std::size_t> ports) : ports_(std::move(ports)) {}
  result<void> process(std::size_t port, const packet& p, emitter& out) override {
    if (const auto to = ports_.find(port); to != ports_.end()) out.emit(to->second, p);
    return {};
  }

 private:
  std::map<std::size_t, std::size_t> ports_;  ///< outputs by input
};

struct empty_config final : config_base {
  void visit(config_visitor&) override {}
};

component_type passing_instead_of(const component_type& guard) {
  std::map<std::size_t, std::size_t> ports;
  for (std::size_t in = 0; in < guard.info.inputs.size(); ++in)
    for (std::size_t out = 0; out < guard.info.outputs.size(); ++out)
      if (guard.info.inputs[in].name == guard.info.outputs[out].name) ports[in] = out;
  component_type t;
  t.info = guard.info;
  t.info.ticks = false;
  t.make_config = [] { return std::make_unique<empty_config>(); };
  t.make = [ports](config_base&) { return std::make_unique<passing>(ports); };
  return t;
}

class stopwatch final : public host::observer {
 public:
  explicit stopwatch(const arena& where) : where_(where) {}
  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override {
    if (actor != where_.guard || port != where_.voice_port || !p.body) return;
    const std::lock_guard hold(lock_);
    if (p.header.micro_turn == turn_) return;
    const auto now = steady::now();
    if (turn_ >= 0) ms_.push_back(std::chrono::duration<double, std::milli>(now - at_).count());
    turn_ = p.header.micro_turn, at_ = now;
  }
  std::vector<double> taken() const {
    return ms_.size() <= warm_up
               ? std::vector<double>()
               : std::vector<double>(ms_.begin() + static_cast<std::ptrdiff_t>(warm_up), ms_.end());
  }

 private:
  const arena& where_;
  std::mutex lock_;
  std::int64_t turn_ = -1;
  steady::time_point at_;
  std::vector<double> ms_;
};

result<std::vector<double>> run(const arena& where, const plan& graph,
                                const std::string& work_dir) {
  stopwatch watch(where);
  host::runtime_options options;
  options.virtual_time = true;
  options.output_dir = work_dir;
  options.observers = {&watch};
  auto started = host::runtime::start(graph, *where.types, options);
  if (!started) return fail(started);
  const auto end = (*started)->wait();
  started->reset();
  if (end.why == host::end_reason::failed) return fail("safety.run", end.detail);
  auto out = watch.taken();
  if (out.empty()) return fail("safety.run", "the guard passed no voice on: nothing to time");
  return out;
}

double p99_of(std::vector<double> all) {
  std::ranges::sort(all);
  return all[static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(all.size()))) - 1];
}

}  // namespace

result<std::vector<cost_round>> cost_of(const arena& where, int rounds,
                                        const std::string& work_dir) {
  const auto idle = passing_instead_of(*where.graph.actors[where.guard].type);
  auto without = where.graph;
  without.actors[where.guard].type = &idle;
  without.actors[where.guard].config = nullptr;
  std::vector<cost_round> out;
  for (int i = 0; i < rounds; ++i) {
    cost_round r;
    // Who goes first changes: a machine that warms up favours nobody.
    for (const bool guarded : {i % 2 == 0, i % 2 != 0}) {
      auto ms = run(where, guarded ? where.graph : without, work_dir);
      if (!ms) return fail(ms);
      (guarded ? r.with_ms : r.without_ms) = std::move(*ms);
    }
    out.push_back(std::move(r));
  }
  return out;
}

void add_cost(const std::vector<cost_round>& all, report::measures& out) {
  report::measure m;
  m.name = "safety.guard_p99_ratio";
  m.unit = "ratio";
  m.target = 1.1, m.good = report::goal::at_most;
  std::vector<double> with, without;
  for (const auto& r : all) {
    with.insert(with.end(), r.with_ms.begin(), r.with_ms.end());
    without.insert(without.end(), r.without_ms.begin(), r.without_ms.end());
    const double ratio = p99_of(r.with_ms) / p99_of(r.without_ms);
    m.low = std::min(m.low.value_or(ratio), ratio),
    m.high = std::max(m.high.value_or(ratio), ratio);
  }
  m.n = static_cast<std::int64_t>(with.size());
  if (with.empty()) {
    m.not_run = "`--cost` runs the graph with its own model";
    return out.add(std::move(m));
  }
  m.value = p99_of(with) / p99_of(without);
  out.add(std::move(m));
  out.add("safety.micro_turn_p99_ms", p99_of(with), "ms", static_cast<std::int64_t>(with.size()));
  out.add("safety.micro_turn_p99_without_ms", p99_of(without), "ms",
          static_cast<std::int64_t>(without.size()));
}

}  // namespace hocket::safety
