// What confines the processes of a graph's actors on this machine.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/process.hpp"
#include "graph/trust/sandbox/kernel.hpp"
#include "tools/hocket/doctor.hpp"

namespace hocket::cli {
namespace {

std::string limits_of(const spec::process_spec& p) {
  auto out = fmt::format("{}, {} MB of memory",
                         p.network           ? "any network"
                         : p.reaches.empty() ? "no network"
                                             : "a network of named addresses",
                         p.memory_mb);
  if (p.cpu_s > 0) out += fmt::format(", {} s of processor time", p.cpu_s);
  return out + ", files that its config and `process` name";
}

}  // namespace

void examine_processes(const plan& graph, std::vector<finding>& out) {
  const auto& kernel = trust::what_kernel_would_give();
  for (const auto& a : graph.actors) {
    const auto* own = spec::process_of(a);
    if (own == nullptr) continue;
    const auto gaps =
        trust::gaps_of(kernel, own->network || !own->reaches.empty(), !own->reaches.empty());
    finding f{a.name + ": a process of its own", finding::grade::good, limits_of(*own), ""};
    for (const auto& gap : gaps) {
      f.how = kernel.filter ? finding::grade::warning : finding::grade::bad;
      f.detail += "; NOT held here: " + gap.what;
      f.remedy += (f.remedy.empty() ? "" : " ") + gap.remedy;
    }
    out.push_back(std::move(f));
  }
}

}  // namespace hocket::cli
