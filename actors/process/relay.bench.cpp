#include <algorithm>
#include <cstring>
#include <mutex>

#include <fmt/format.h>

#include "actors/host/runtime.hpp"
#include "actors/process/processes.hpp"
#include "actors/process/python.hpp"
#include "actors/process/relay_bench.hpp"

namespace hocket::process {
namespace {

constexpr std::int64_t pace_ns = 2'000'000;

/// What the parts of one measurement share.
struct bench_state {
  std::size_t size_bytes = 0;
  int packets = 0;
  std::mutex mutex;
  std::vector<std::int64_t> ns;
};
bench_state* state = nullptr;  // of the one that runs

struct bench_config {
  void visit(config_visitor&) {}
};

media_type bytes() { return {.kind = payload_kind::tensor, .element = dtype::u8}; }

/// Says in each tensor when it went out.
class source final : public component {
 public:
  using config = bench_config;
  static component_info info() {
    component_info i;
    i.type = "bench.source";
    i.outputs = {{"out", bytes(), ""}};
    i.source = true;
    i.period_ms = 2;
    return i;
  }
  explicit source(config) {}
  result<source_state> produce(timestamp until, emitter& out) override {
    for (; n_ < state->packets && n_ * pace_ns < until.ns(); ++n_) {
      auto room = out.allocate(0, state->size_bytes);
      const auto now = monotonic_ns();
      std::memcpy(room.bytes().data(), &now, sizeof now);
      out.emit(
          0, timestamp(n_ * pace_ns),
          tensor{
              dtype::u8, {static_cast<std::int64_t>(state->size_bytes)}, std::move(room).seal()});
    }
    return n_ < state->packets ? source_state::more : source_state::end_of_stream;
  }

 private:
  std::int64_t n_ = 0;
};

class relay final : public component {
 public:
  using config = bench_config;
  static component_info info() {
    component_info i;
    i.type = "bench.relay";
    i.inputs = {{"in", bytes(), "", true, {}}};
    i.outputs = {{"out", bytes(), ""}};
    i.blocking = true;  // a thread of its own, as one in another process has
    return i;
  }
  explicit relay(config) {}
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    out.emit(0, p);
    return {};
  }
};

class sink final : public component {
 public:
  using config = bench_config;
  static component_info info() {
    component_info i;
    i.type = "bench.sink";
    i.inputs = {{"in", bytes(), "", true, {}}};
    return i;
  }
  explicit sink(config) {}
  result<void> process(std::size_t, const packet& p, emitter&) override {
    const auto now = monotonic_ns();
    std::int64_t went = 0;
    std::memcpy(&went, p.get_if<tensor>()->data.bytes().data(), sizeof went);
    std::lock_guard lock(state->mutex);
    state->ns.push_back(now - went);
    return {};
  }
};

}  // namespace

double relay_times::quantile_us(double q) const {
  if (ns.empty()) return 0;
  const auto at = static_cast<std::size_t>(q * static_cast<double>(ns.size() - 1));
  return static_cast<double>(ns[at]) / 1000;
}

result<relay_times> measure_relay(const std::string& python, std::size_t size_bytes, int packets) {
  registry types;
  HOCKET_TRY(types.add(type_of<source>()));
  HOCKET_TRY(types.add(type_of<relay>()));
  HOCKET_TRY(types.add(type_of<sink>()));
  std::string kind = "bench.relay";
  if (!python.empty()) {
    HOCKET_TRY(add_python(python, "", types));
    kind = "python.relay.Relay";
    use_processes({.plugins = {python}, .plugin_of = {{kind, python}}});
  }
  const auto text = fmt::format(
      "hocket: 1\nname: bench\nactors:\n"
      "  source: {{component: bench.source}}\n"
      "  relay: {{component: {}, inputs: {{in: source.out}}}}\n"
      "  sink: {{component: bench.sink, inputs: {{in: relay.out}}}}\n",
      kind);
  diagnostics findings;
  const auto graph = load_plan("bench.yaml", text, types, {}, findings);
  if (!graph) return fail("bench.failed", findings.to_string());
  bench_state shared;
  shared.size_bytes = size_bytes;
  shared.packets = packets;
  state = &shared;
  auto run = host::runtime::start(*graph, types, {});
  if (!run) return fail(run);
  const auto end = (*run)->wait();
  run->reset();
  if (end.why != host::end_reason::finished) return fail("bench.failed", end.detail);
  relay_times out{std::move(shared.ns)};
  // The first hundredth warms caches and threads up.
  out.ns.erase(out.ns.begin(), out.ns.begin() + static_cast<std::ptrdiff_t>(out.ns.size() / 100));
  std::sort(out.ns.begin(), out.ns.end());
  return out;
}

}  // namespace hocket::process
