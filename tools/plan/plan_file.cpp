#include "tools/plan/plan_file.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::planning {
namespace {

struct whole final : config_base {
  std::int64_t version = 0;
  std::string name, graph, machines;
  std::vector<std::string> assumptions;
  void visit(config_visitor& v) override {
    v.field({.name = "plan", .doc = "version of this format", .min = 1, .max = 1, .required = true},
            version);
    v.field({.name = "name", .doc = "of the plan", .required = true}, name);
    v.field({.name = "graph", .doc = "graph file whose links between hosts are counted"}, graph);
    v.field({.name = "machines", .doc = "machine table", .required = true}, machines);
    v.field({.name = "assumptions", .doc = "what is assumed and not known"}, assumptions);
  }
};

std::string beside(const std::string& file, const std::string& path) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

void read_workload(const std::string& file, const std::string& name, const value& item,
                   const std::vector<machine>& machines, plan_file& into, diagnostics& findings) {
  workload w;
  w.name = name;
  diagnostics own;
  read_config(item, w, "model " + name, {}, own);
  if (!own.has_errors()) {
    w.shape = read_shape(beside(file, w.shape_path), own);
    const auto known = std::find_if(machines.begin(), machines.end(),
                                    [&](const machine& m) { return m.name == w.machine_name; });
    if (known != machines.end()) {
      w.on = *known;
      if (w.devices > w.on.devices)
        add_finding(own, file, "plan.machine",
                    fmt::format("model {}: {} devices share it, a machine {} has {}", name,
                                w.devices, w.machine_name, w.on.devices));
    } else {
      std::vector<std::string> names;
      for (const auto& m : machines) names.push_back(m.name);
      const auto near = nearest(w.machine_name, names);
      add_finding(own, file, "plan.machine",
                  fmt::format("model {}: no machine `{}`", name, w.machine_name),
                  near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                               : fmt::format("did you mean `{}`?", near));
    }
  }
  for (const auto& d : own.items()) findings.add(d);
  if (!own.has_errors()) into.models.push_back(std::move(w));
}

}  // namespace

void demand::visit(config_visitor& v) {
  v.field({.name = "sessions", .doc = "at once, at the busiest time", .min = 0, .max = 1e11},
          sessions);
  v.field({.name = "megawatts",
           .doc = "instead of sessions: as many as this power carries",
           .unit = "MW",
           .min = 0,
           .max = 1e6},
          megawatts);
  v.field({.name = "mean_share",
           .doc = "sessions over the day / at the busiest time",
           .min = 0.01,
           .max = 1},
          mean_share);
  v.field({.name = "session_minutes", .doc = "mean length", .unit = "min", .min = 0.1, .max = 1e5},
          session_minutes);
  v.field({.name = "longest_minutes",
           .doc = "that each session has memory for",
           .unit = "min",
           .min = 0.1,
           .max = 1e5},
          longest_minutes);
  v.field({.name = "regions", .doc = "that share the sessions", .min = 1, .max = 1000}, regions);
  v.field({.name = "lost_regions",
           .doc = "that the others must be able to carry",
           .min = 0,
           .max = 999},
          lost_regions);
  v.field({.name = "machines_per_rack", .doc = "that fail together", .min = 1, .max = 10000},
          machines_per_rack);
  v.field({.name = "spare_racks", .doc = "of a region", .min = 0, .max = 10000}, spare_racks);
  v.field(
      {.name = "deadline_share", .doc = "of a micro-turn, for computing", .min = 0.01, .max = 1},
      deadline_share);
  v.field(
      {.name = "power_overhead", .doc = "power of the site / of its machines", .min = 1, .max = 3},
      power_overhead);
}

void workload::visit(config_visitor& v) {
  v.field({.name = "shape", .doc = "shape file or model folder", .required = true}, shape_path);
  v.field({.name = "machine", .doc = "name in the machine table", .required = true}, machine_name);
  v.field({.name = "devices",
           .doc = "that share the model; 0 = the best number",
           .min = 0,
           .max = 1024},
          devices);
  v.field({.name = "requests_per_minute",
           .doc = "of a session; 0 = it computes every micro-turn",
           .min = 0,
           .max = 1e4},
          requests_per_minute);
  v.field({.name = "prompt_tokens", .doc = "of a request", .min = 1, .max = 1e7}, prompt_tokens);
  v.field({.name = "answer_tokens", .doc = "of a request", .min = 1, .max = 1e6}, answer_tokens);
  v.field(
      {.name = "tokens_per_s", .doc = "that each answer must come with", .min = 0.1, .max = 1e5},
      tokens_per_s);
}

plan_file read_plan(const std::string& path, diagnostics& findings) {
  plan_file out;
  out.path = path;
  const auto tree = read_tree(path, "configs/plan/ has some to start from", findings);
  if (!tree) return out;
  whole top;
  read_config(*tree, top, "plan", {"models", "demand"}, findings);
  out.name = top.name, out.assumptions = top.assumptions;
  if (!top.graph.empty()) out.graph = beside(path, top.graph);
  std::vector<machine> machines;
  if (!top.machines.empty()) machines = read_machines(beside(path, top.machines), findings);
  if (const auto* part = tree->find("demand")) {
    read_config(*part, out.need, "demand", {}, findings);
    if ((out.need.sessions > 0) == (out.need.megawatts > 0))
      add_finding(findings, path, "plan.demand", "demand: give either `sessions` or `megawatts`");
    if (out.need.lost_regions >= out.need.regions)
      add_finding(findings, path, "plan.demand",
                  fmt::format("demand: {} of {} regions may be lost: none is left",
                              out.need.lost_regions, out.need.regions));
    if (out.need.longest_minutes < out.need.session_minutes)
      add_finding(findings, path, "plan.demand",
                  "demand: longest_minutes is shorter than the mean, session_minutes");
  } else {
    add_finding(findings, path, "plan.demand", "no `demand:`",
                "demand: {sessions: 1000, session_minutes: 10}");
  }
  const auto* models = tree->find("models");
  const auto* entries = models != nullptr ? models->get_if<value::map>() : nullptr;
  if (entries == nullptr || entries->empty()) {
    add_finding(findings, path, "plan.file", "no `models:`",
                "models: {talk: {shape: ../models/duplex, machine: cpu_core}}");
    return out;
  }
  for (const auto& e : *entries) read_workload(path, e.key, e.item, machines, out, findings);
  return out;
}

}  // namespace hocket::planning
