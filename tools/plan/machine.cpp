#include "tools/plan/machine.hpp"

#include <fmt/format.h>

#include "tools/plan/shape.hpp"

namespace hocket::planning {

void machine::visit(config_visitor& v) {
  const auto number = [&](const char* name, const char* doc, const char* unit, double& into,
                          bool required = false, double max = 1e6) {
    v.field({.name = name, .doc = doc, .unit = unit, .min = 0, .max = max, .required = required},
            into);
  };
  v.field({.name = "source", .doc = "where the figures stand", .required = true}, source);
  number("memory_gb", "of one device", "GB", memory_gb, true);
  number("memory_gb_per_s", "bandwidth of that memory", "GB/s", memory_gb_per_s, true);
  number("bf16_tflops", "dense", "TFLOP/s", bf16_tflops, true);
  number("fp8_tflops", "dense; 0 = none", "TFLOP/s", fp8_tflops);
  number("fp4_tflops", "dense; 0 = none", "TFLOP/s", fp4_tflops);
  number("watts", "of the device", "W", watts, true);
  number("host_watts", "of its share of the machine around it", "W", host_watts);
  v.field({.name = "devices", .doc = "of a machine that can share a model", .min = 1, .max = 1024},
          devices);
  number("link_gb_per_s", "between the devices of a machine, each way", "GB/s", link_gb_per_s);
  number("link_us", "of a collective among them", "us", link_us);
  number("pass_us", "to begin a pass over the network", "us", pass_us);
  number("layer_us", "per layer of a pass", "us", layer_us);
  number("memory_share", "of the bandwidth that a program gets", "", memory_share, false, 1);
  number("compute_share", "of the operations that a program gets", "", compute_share, false, 1);
  number("usable_share", "of the memory", "", usable_share, false, 1);
  number("eur_per_hour", "of one device with its share of the machine; an assumption", "EUR",
         eur_per_hour, true);
}

double machine::flops(const std::string& arithmetic) const {
  double tera = bf16_tflops;
  if (arithmetic != "bf16" && fp8_tflops > 0) tera = fp8_tflops;
  if (arithmetic == "fp4" && fp4_tflops > 0) tera = fp4_tflops;
  return tera * 1e12;
}

std::vector<machine> read_machines(const std::string& path, diagnostics& findings) {
  std::vector<machine> all;
  const auto tree = read_tree(path, "configs/plan/machines.yaml is one to start from", findings);
  const auto* named = tree ? tree->find("machines") : nullptr;
  const auto* entries = named != nullptr ? named->get_if<value::map>() : nullptr;
  if (entries == nullptr) {
    if (tree) add_finding(findings, path, "plan.machine", "no `machines:` with names in it");
    return all;
  }
  for (const auto& e : *entries) {
    machine m;
    m.name = e.key;
    if (e.item.get_if<value::map>() == nullptr) {
      add_finding(findings, path, "plan.machine", fmt::format("machine `{}` has no keys", e.key));
      continue;
    }
    diagnostics own;
    read_config(e.item, m, "machine " + e.key, {}, own);
    for (const auto& [key, figure] : {std::pair{"memory_gb", m.memory_gb},
                                      {"memory_gb_per_s", m.memory_gb_per_s},
                                      {"bf16_tflops", m.bf16_tflops},
                                      {"memory_share", m.memory_share},
                                      {"compute_share", m.compute_share},
                                      {"usable_share", m.usable_share}})
      if (!own.has_errors() && figure <= 0)
        add_finding(own, path, "plan.machine", fmt::format("machine {}: `{}` is 0", e.key, key),
                    "a published figure, with its `source:`");
    if (!own.has_errors() && m.devices > 1 && m.link_gb_per_s <= 0)
      add_finding(own, path, "plan.machine",
                  fmt::format("machine {}: {} devices without `link_gb_per_s`", e.key, m.devices));
    for (const auto& d : own.items()) findings.add(d);
    if (!own.has_errors()) all.push_back(std::move(m));
  }
  return all;
}

}  // namespace hocket::planning
