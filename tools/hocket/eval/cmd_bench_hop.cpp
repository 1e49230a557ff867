// `hocket bench hop`: what one hop between two actors costs, beside what it could cost at least.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "actors/host/hop_bench.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

struct variant {
  std::string name;
  host::hop_kind kind;
  bool pinned;
  bool has_target;
};

void add_times(measures& out, const std::string& name, const host::hop_times& t, bool has_target) {
  const auto n = static_cast<std::int64_t>(t.ns.size());
  if (has_target) {
    out.add(name + ".p50_us", t.quantile_us(.5), "us", n, 5, goal::at_most);
    out.add(name + ".p99_us", t.quantile_us(.99), "us", n, 60, goal::at_most);
  } else {
    out.add(name + ".p50_us", t.quantile_us(.5), "us", n);
    out.add(name + ".p99_us", t.quantile_us(.99), "us", n);
  }
  out.add(name + ".p999_us", t.quantile_us(.999), "us", n);
}

/// Five runs; the middle one, with the slowest and the fastest.
void add_chain(measures& out, int actors, double seconds) {
  std::vector<host::chain_speed> runs;
  for (int i = 0; i < 5; ++i) runs.push_back(host::measure_chain(actors, seconds));
  std::sort(runs.begin(), runs.end(),
            [](const auto& a, const auto& b) { return a.packets_per_s < b.packets_per_s; });
  const auto n = static_cast<std::int64_t>(runs[2].packets_per_s * seconds);
  measure m;
  m.name = fmt::format("hop.chain{}.packets_per_s", actors);
  m.value = runs[2].packets_per_s;
  m.unit = "1/s";
  m.low = runs[0].packets_per_s;
  m.high = runs[4].packets_per_s;
  m.n = n;
  if (actors == 3) {
    m.target = 1e6;
    m.good = goal::at_least;
  }
  out.add(std::move(m));
  out.add(fmt::format("hop.chain{}.cpu_ns_per_packet", actors), runs[2].cpu_ns_per_packet, "ns", n);
}

}  // namespace

int run_bench_hop(const bench_options& o) {
  const std::vector<variant> variants{
      {"hop.inproc", host::hop_kind::pool, false, true},
      {"hop.inproc_pinned", host::hop_kind::pool, true, false},
      {"hop.inproc_wake", host::hop_kind::wake, false, false},
      {"hop.inproc_wake_pinned", host::hop_kind::wake, true, false},
      {"hop.floor_condvar", host::hop_kind::condvar, false, false},
      {"hop.floor_condvar_pinned", host::hop_kind::condvar, true, false},
      {"hop.floor_caf", host::hop_kind::caf, false, false},
      {"hop.floor_caf_pinned", host::hop_kind::caf, true, false},
  };
  std::vector<std::size_t> sizes{8, 64, 4096, 65536, 1 << 20, 4 << 20};
  if (o.quick) sizes = {8, 4 << 20};
  const double seconds = o.seconds > 0 ? o.seconds : o.quick ? 4 : 40;
  const auto cells = static_cast<double>(sizes.size() * variants.size());
  // Half a millisecond between packets, one in the graph's own pace.
  const int packets = std::max(100, static_cast<int>(seconds / cells / 0.0012));

  measures out;
  progress shown(o.json, sizes.size() * variants.size() + 3, "hop: packets between actors");
  for (const auto size : sizes) {
    double wake = 0, floor = 0, caf = 0;
    for (const auto& v : variants) {
      const auto t = host::measure_hops(v.kind, size, v.pinned, packets);
      shown.next(fmt::format("hop: {} of {} bytes", v.name, size));
      add_times(out, fmt::format("{}.{}", v.name, size), t, v.has_target);
      if (v.name == "hop.inproc_wake") wake = t.quantile_us(.5);
      if (v.name == "hop.floor_condvar") floor = t.quantile_us(.5);
      if (v.name == "hop.floor_caf") caf = t.quantile_us(.5);
    }
    if (floor > 0)
      out.add(fmt::format("hop.ratio_to_condvar.{}.p50", size), wake / floor, "ratio", packets);
    if (caf > 0)
      out.add(fmt::format("hop.ratio_to_caf.{}.p50", size), wake / caf, "ratio", packets);
  }
  shown.next("hop: chains");
  for (const int actors : {3, 4}) add_chain(out, actors, o.quick ? 0.3 : 0.8);
  const auto fan = host::measure_fan_out(o.quick ? 20 : 200);
  out.add("hop.fanout.copies", static_cast<double>(fan.copies), "",
          static_cast<std::int64_t>(fan.packets), 0, goal::at_most);
  out.add("hop.fanout.same_memory", fan.same_memory ? 1 : 0, "",
          static_cast<std::int64_t>(fan.packets), 1, goal::at_least);
  out.note(
      "inproc: paced, from one pooled actor to another; the receiver runs next on the same "
      "worker, so no thread is woken. inproc_wake: paced, from a thread of its own to an actor "
      "that sleeps; a thread is woken, as it is in both floors, and the ratios compare these.");
  out.note(
      "chain3: a source with its own thread, a relay, a sink; 64 B, queues of 256, block. "
      "Busy: nobody sleeps.");
  shown.finish();
  if (!o.out.empty()) out.save(o.out);
  return out.print(o.json);
}

}  // namespace hocket::cli
