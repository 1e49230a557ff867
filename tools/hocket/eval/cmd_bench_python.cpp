// `hocket bench python`: what a component in Python, in a process of its own, adds to a packet's way.
#include <algorithm>

#include <fmt/format.h>

#include "actors/process/python.hpp"
#include "actors/process/relay_bench.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/types.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;

int run_bench_python(const bench_options& o) {
  const auto file = process::python_package() + "/bench/relay.py";
  const int packets = o.quick ? 500 : 3000;
  measures out;
  progress shown(o.json, 6, "python: packets through another process");
  for (const std::size_t size : {4096u, 65536u, 4u << 20}) {
    double here = 0;
    for (const bool python : {false, true}) {
      const auto t = process::measure_relay(python ? file : "", size, packets);
      if (!t) return complain(t.error(), exit_failed);
      shown.next(fmt::format("python: {} of {} bytes", python ? "a child" : "this process", size));
      const auto n = static_cast<std::int64_t>(t->ns.size());
      if (!python) {
        here = t->quantile_us(.5);
        out.add(fmt::format("python.floor.{}.p50_us", size), here, "us", n);
        continue;
      }
      out.add(fmt::format("python.hop.{}.p50_us", size), t->quantile_us(.5) - here, "us", n, 60,
              goal::at_most);
      out.add(fmt::format("python.hop.{}.p99_us", size), t->quantile_us(.99) - here, "us", n);
    }
  }
  out.note(
      "source -> relay -> sink, one packet each 2 ms, idle in between; hop: the relay in Python "
      "less "
      "the same relay in this process (floor), from the emit to the sink's first line.");
  shown.finish();
  if (!o.out.empty()) out.save(o.out);
  return out.print(o.json);
}

}  // namespace hocket::cli
