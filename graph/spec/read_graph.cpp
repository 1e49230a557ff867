#include <algorithm>

#include <fmt/format.h>

#include "graph/spec/payloads.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/read_parts.hpp"
#include "graph/spec/spec.hpp"

namespace hocket::spec {
namespace {

constexpr std::int64_t schema_version = 1;

void check_version(const value& root, const std::string& file, diagnostics& findings) {
  const auto* item = root.find("hocket");
  if (item == nullptr) {
    add_error(findings, {file, 1, 1}, "graph.version", "`hocket` (the schema version) is missing",
              fmt::format("begin the file with `hocket: {}`", schema_version));
    return;
  }
  const auto* version = item->get_if<std::int64_t>();
  if (version == nullptr || *version != schema_version)
    add_error(findings, item->where(), "graph.version",
              fmt::format("schema version `{}` is not known here", item->literal()),
              fmt::format("this program reads `hocket: {}`", schema_version));
}

void read_hosts(const value& root, graph_spec& graph, diagnostics& findings) {
  const auto* hosts = root.find("hosts");
  if (hosts == nullptr) return;
  const auto* map = hosts->get_if<value::map>();
  if (map == nullptr)
    return add_error(findings, hosts->where(), "config.type",
                     fmt::format("graph: `hosts` must be a map, not {}", hosts->kind_name()));
  for (const auto& e : *map) {
    check_name("host", e.key, e.key_where, findings);
    host_spec h;
    h.host.name = e.key;
    h.where = e.key_where;
    if (const auto* key = e.item.find("key")) h.key_where = key->where();
    read_keys(e.item, "host " + e.key, {}, findings, [&](config_visitor& v) {
      v.field({.name = "listen", .doc = "address of its data and control lanes", .required = true},
              h.host.listen);
      v.field({.name = "key", .doc = "file with the public key of the host", .is_path = true},
              h.host.key);
      v.field({.name = "insecure", .doc = "allow plaintext beyond this machine"}, h.host.insecure);
      v.field({.name = "shared_memory", .doc = "use it with hosts of the same machine"},
              h.host.shared_memory);
      v.field({.name = "rewires",
               .doc = "may change the graph on the other hosts; where no host says so, each may"},
              h.host.rewires);
    });
    graph.hosts.push_back(std::move(h));
  }
}

void read_budgets(const value& root, graph_spec& graph, diagnostics& findings) {
  const auto* budgets = root.find("budgets");
  if (budgets == nullptr) return;
  const auto* list = budgets->get_if<value::list>();
  if (list == nullptr)
    return add_error(findings, budgets->where(), "config.type",
                     fmt::format("graph: `budgets` must be a list, not {}", budgets->kind_name()));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto& item = (*list)[i];
    budget_spec b;
    b.where = item.where();
    std::vector<std::string> path;
    std::string on_miss = "report";
    read_keys(item, fmt::format("budget {}", i + 1), {}, findings, [&](config_visitor& v) {
      v.field({.name = "path", .doc = "actors from capture to playout", .required = true}, path);
      v.field({.name = "limit_ms",
               .doc = "longest time from the first to the last actor",
               .unit = "ms",
               .min = 1,
               .max = 3.6e6,
               .required = true},
              b.limit_ms);
      v.field({.name = "on_miss", .doc = "what a miss does", .choices = {"report", "stop"}},
              on_miss);
    });
    b.on_miss = on_miss == "stop" ? plan_budget::action::stop : plan_budget::action::report;
    const auto* names = item.find("path");
    const auto* marks = names != nullptr ? names->get_if<value::list>() : nullptr;
    for (std::size_t k = 0; k < path.size(); ++k)
      b.path.emplace_back(path[k], marks != nullptr ? (*marks)[k].where() : item.where());
    graph.budgets.push_back(std::move(b));
  }
}

void read_declared_inputs(const value& root, graph_spec& graph, diagnostics& findings) {
  const auto* inputs = root.find("inputs");
  if (inputs == nullptr) return;
  const auto* map = inputs->get_if<value::map>();
  if (map == nullptr)
    return add_error(findings, inputs->where(), "config.type",
                     fmt::format("graph: `inputs` must be a map, not {}", inputs->kind_name()),
                     "write `inputs: {audio: {doc: what comes in}}`");
  for (const auto& e : *map) {
    port_declaration p;
    p.name = e.key;
    p.where = e.key_where;
    check_name("input", e.key, e.key_where, findings);
    std::string doc;
    if (!e.item.is_null())
      read_keys(e.item, "input " + e.key, {}, findings, [&](config_visitor& v) {
        v.field({.name = "doc", .doc = "what comes in"}, doc);
        v.field({.name = "required", .doc = "whether it must be connected"}, p.required);
      });
    graph.inputs.push_back(std::move(p));
  }
}

void read_declared_outputs(const value& root, graph_spec& graph, diagnostics& findings) {
  const auto* outputs = root.find("outputs");
  if (outputs == nullptr) return;
  const auto* map = outputs->get_if<value::map>();
  if (map == nullptr)
    return add_error(findings, outputs->where(), "config.type",
                     fmt::format("graph: `outputs` must be a map, not {}", outputs->kind_name()),
                     "write `outputs: {audio: mic.audio}`");
  for (const auto& e : *map) {
    check_name("output", e.key, e.key_where, findings);
    if (auto link = read_link(e.item, "graph: output " + e.key, findings))
      graph.outputs.emplace(e.key, std::move(*link));
  }
}

void read_actors(const value& root, bool expanded, graph_spec& graph, diagnostics& findings) {
  const auto* actors = root.find("actors");
  const auto* map = actors != nullptr ? actors->get_if<value::map>() : nullptr;
  if (actors != nullptr && map == nullptr && !actors->is_null())
    return add_error(findings, actors->where(), "config.type",
                     fmt::format("graph: `actors` must be a map, not {}", actors->kind_name()));
  if (map == nullptr || map->empty())
    return add_error(findings, actors != nullptr ? actors->where() : root.where(),
                     "graph.no-actors", "the graph has no actors",
                     "write `actors: {mic: {component: …}}`; `hocket list` shows the components");
  for (const auto& e : *map) graph.actors.push_back(read_actor(e, expanded, findings));
}

void refuse_top_keys(const value& root, diagnostics& findings) {
  for (const auto* key : {"hosts", "clock"})
    if (root.find(key) != nullptr)
      add_error(findings, root.find(key)->where(), "include.top-only",
                fmt::format("`{}` belongs to the including file", key));
}

}  // namespace

graph_spec read_graph(const value& root, const std::string& file, bool included, bool expanded,
                      diagnostics& findings) {
  graph_spec graph;
  graph.file = file;
  graph.where = root.where();
  if (root.get_if<value::map>() == nullptr) {
    add_error(findings, root.where(), "config.type",
              fmt::format("graph: must be a map, not {}", root.kind_name()),
              fmt::format("begin the file with `hocket: {}`", schema_version));
    return graph;
  }
  check_version(root, file, findings);
  std::string doc;
  std::vector<std::string> sections = {"hocket", "clock",  "hosts",   "actors", "budgets",
                                       "params", "inputs", "outputs", "schemas"};
  if (expanded) sections.emplace_back("places");
  read_keys(root, "graph", sections, findings, [&](config_visitor& v) {
    v.field({.name = "name", .doc = "name of the graph", .required = !included}, graph.name);
    v.field({.name = "doc", .doc = "what the graph is for"}, doc);
    v.field({.name = "plugins", .doc = "shared libraries to load", .is_path = true}, graph.plugins);
  });
  if (included) {
    refuse_top_keys(root, findings);
  } else {
    if (const auto* clock = root.find("clock"))
      read_keys(*clock, "clock", {}, findings, [&](config_visitor& v) {
        v.field({.name = "micro_turn_ms",
                 .doc = "length of a micro-turn",
                 .unit = "ms",
                 .min = 10,
                 .max = 10'000},
                graph.micro_turn_ms);
      });
    read_hosts(root, graph, findings);
  }
  const auto* places = expanded ? root.find("places") : nullptr;
  if (const auto* map = places != nullptr ? places->get_if<value::map>() : nullptr)
    for (const auto& e : *map)
      if (const auto* path = e.item.get_if<std::string>()) graph.places[e.key] = *path;
  read_schemas(root, expanded, graph, findings);
  read_declared_inputs(root, graph, findings);
  read_declared_outputs(root, graph, findings);
  read_actors(root, expanded, graph, findings);
  read_budgets(root, graph, findings);
  return graph;
}

}  // namespace hocket::spec
