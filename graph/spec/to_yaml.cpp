#include "graph/spec/to_yaml.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/config.hpp"
#include "graph/spec/process.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/payloads.hpp"

namespace hocket::spec {
namespace {

/// A value of our own for a file whose references are replaced once more: `${` must stay `${`.
std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find("${", at)) != std::string::npos; at += 3)
    text.insert(at, "$");
  return text;
}

std::string text_of(const std::string& s) { return escaped(quoted(s)); }

/// Keys that stand for "not given" by a default that nobody could write: an empty choice, a number
/// outside its range.
class unwritable final : public config_visitor {
 public:
  std::vector<bool> rows;
  void field(const field_info&, bool&) override { rows.push_back(false); }
  void field(const field_info& i, std::int64_t& v) override { number(i, static_cast<double>(v)); }
  void field(const field_info& i, double& v) override { number(i, v); }
  void field(const field_info& i, std::string& v) override {
    rows.push_back(!i.choices.empty() &&
                   std::find(i.choices.begin(), i.choices.end(), v) == i.choices.end());
  }
  void field(const field_info&, std::vector<std::string>&) override { rows.push_back(false); }
  void field(const field_info&, std::vector<double>&) override { rows.push_back(false); }
  void field(const field_info&, part_choice&) override { rows.push_back(false); }
  void field(const field_info&, named_parts&) override { rows.push_back(false); }

 private:
  void number(const field_info& i, double v) {
    rows.push_back(!(v >= i.min.value_or(v) && v <= i.max.value_or(v)));
  }
};

std::string config_lines(config_base& config) {
  unwritable none;
  config.visit(none);
  const auto all = canonical_text(config);
  std::string out, group;  // `rotate.mib` and what follows it under `rotate` are one map
  const auto end_group = [&] {
    if (!group.empty()) out += "}\n";
    group.clear();
  };
  std::size_t at = 0;
  for (const auto skip : none.rows) {
    const auto end = all.find('\n', at);
    const auto line = escaped(all.substr(at, end - at));
    at = end + 1;
    if (skip) continue;
    const auto key = line.substr(0, line.find(':'));
    const auto dot = key.starts_with("pii.") ? key.npos : key.find('.');
    if (dot == key.npos || key.substr(0, dot) != group) end_group();
    if (dot == key.npos) {
      out += "    " + line + "\n";
    } else if (group.empty()) {
      group = key.substr(0, dot);
      out += "    " + group + ": {" + line.substr(dot + 1);
    } else {
      out += ", " + line.substr(dot + 1);
    }
  }
  end_group();
  return out;
}

std::string restart_text(const restart_policy& r) {
  const auto when = r.when == restart_policy::mode::never    ? "never"
                    : r.when == restart_policy::mode::always ? "always"
                                                             : "on_failure";
  return fmt::format(
      "{{policy: {}, max: {}, within_s: {}, backoff_ms: {}, backoff_max_ms: {}, then: {}}}", when,
      r.max, r.within_s, r.backoff_ms, r.backoff_max_ms, r.stop_graph ? "stop_graph" : "continue");
}

std::string link_text(const plan& graph, const plan_link& l) {
  const auto& from = graph.actors[l.from];
  // A queue that keeps the latest has size 1 by definition.
  const auto size =
      l.queue.full == full_policy::latest ? std::string() : fmt::format("size: {}, ", l.queue.size);
  return fmt::format("{{from: {}.{}, queue: {{{}full: {}, max_age_ms: {}}}{}}}", from.name,
                     from.type->info.outputs[l.from_port].name, size, to_string(l.queue.full),
                     l.queue.max_age_ms, l.back_edge ? ", back_edge: true" : "");
}

std::string input_lines(const plan& graph, actor_index actor) {
  std::vector<std::size_t> ports;  // in the order of the file
  for (const auto& l : graph.links)
    if (l.to == actor && !l.removed &&
        std::find(ports.begin(), ports.end(), l.to_port) == ports.end())
      ports.push_back(l.to_port);
  std::string out = ports.empty() ? "" : "    inputs:\n";
  for (const auto port : ports) {
    out += fmt::format("      {}:\n", graph.actors[actor].type->info.inputs[port].name);
    for (const auto& l : graph.links)
      if (l.to == actor && l.to_port == port && !l.removed)
        out += fmt::format("        - {}\n", link_text(graph, l));
  }
  return out;
}

}  // namespace

std::string to_yaml(const plan& graph, const std::map<std::string, std::string>& components) {
  std::string out =
      fmt::format("hocket: 1\nname: {}\nclock: {{micro_turn_ms: {}}}\n", text_of(graph.name),
                  graph.grid.length / std::chrono::milliseconds(1));
  if (!graph.plugins.empty()) out += "plugins:\n";
  for (const auto& p : graph.plugins) out += fmt::format("  - {}\n", text_of(p));
  if (!graph.hosts.empty()) out += "hosts:\n";
  for (const auto& h : graph.hosts)
    out += fmt::format("  {}: {{listen: {}, key: {}, insecure: {}, shared_memory: {}{}}}\n", h.name,
                       text_of(h.listen), text_of(h.key), h.insecure, h.shared_memory,
                       h.rewires ? ", rewires: true" : "");
  const auto schemas = schemas_of(graph);
  if (!schemas.empty()) out += "schemas:\n";
  for (const auto& s : schemas)
    out += fmt::format("  {}: {}\n", s->name(), escaped(schema_text(*s)));
  const auto places = places_of(graph);
  if (!places.empty()) out += "places:\n";
  for (const auto& [key, path] : places)
    if (std::ranges::none_of(components,
                             [&](const auto& c) { return key.starts_with(c.first + "."); }))
      out += fmt::format("  {}: {}\n", text_of(key), text_of(path));
  out += "actors:\n";
  for (std::size_t i = 0; i < graph.actors.size(); ++i) {
    const auto& a = graph.actors[i];
    if (a.removed) continue;
    const auto other = components.find(a.name);
    const bool same = other == components.end();
    out +=
        fmt::format("  {}:\n    component: {}\n", a.name, same ? a.type->info.type : other->second);
    if (!a.host.empty()) out += fmt::format("    on: {}\n", a.host);
    if (same) out += fmt::format("    policy: {}\n", to_string(a.policy));
    out += fmt::format("    watchdog_ms: {}\n    restart: {}\n", a.watchdog_ms,
                       restart_text(a.restart));
    if (const auto* own = process_of(a))
      out += fmt::format("    process: {}\n", escaped(process_text(own)));
    if (const auto ports = payloads_text(a); !ports.empty())
      out += fmt::format("    payloads: {}\n", ports);
    if (same && a.config) out += config_lines(said(*a.config));
    out += input_lines(graph, static_cast<actor_index>(i));
  }
  if (!graph.budgets.empty()) out += "budgets:\n";
  for (const auto& b : graph.budgets) {
    std::vector<std::string> path;
    for (const auto i : b.path) path.push_back(graph.actors[i].name);
    out += fmt::format("  - {{path: [{}], limit_ms: {}, on_miss: {}}}\n", fmt::join(path, ", "),
                       b.limit_ms, b.on_miss == plan_budget::action::stop ? "stop" : "report");
  }
  return out;
}

}  // namespace hocket::spec
