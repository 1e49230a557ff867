#include "graph/spec/validate.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/config.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/spec/process.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/replicas.hpp"

namespace hocket::spec {
namespace {

void resolve_policy(validation& v, const actor_spec& spec, plan_actor& actor) {
  const auto& info = actor.type->info;
  actor.policy = spec.policy.value_or(info.policy);
  if (!spec.policy || *spec.policy == info.policy ||
      std::find(info.policies.begin(), info.policies.end(), *spec.policy) != info.policies.end())
    return;
  std::vector<std::string_view> valid = {to_string(info.policy)};
  for (const auto p : info.policies) valid.push_back(to_string(p));
  add_error(v.findings, spec.policy_where, "actor.policy-unsupported",
            fmt::format("{}: it cannot take its inputs with policy `{}`", spec.title(),
                        to_string(*spec.policy)),
            "", {fmt::format("supported policies: {}", fmt::join(valid, ", "))});
}

/// What a source takes its content from: a file that it reads, or a pipeline.
class origin_finder final : public config_visitor {
 public:
  std::vector<std::string> files, pipelines, given;
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::string& v) override {
    if (!info.is_path && !info.is_pipeline) return;
    (info.is_path ? files : pipelines).push_back(info.name);
    if (!v.empty()) given.push_back(info.name);
  }
};

/// A source with a key for a file and one for a pipeline takes one of them.
void check_origin(validation& v, const actor_spec& spec, plan_actor& actor) {
  if (!actor.type->info.source) return;
  origin_finder found;
  actor.config->visit(found);
  if (found.files.size() != 1 || found.pipelines.size() != 1 || found.given.size() == 1) return;
  const auto &file = found.files[0], &pipeline = found.pipelines[0];
  if (found.given.empty())
    add_error(v.findings, spec.where, "config.missing-key",
              fmt::format("{}: it has neither `{}` nor `{}`", spec.title(), file, pipeline),
              fmt::format("say where its content comes from: `{}: …` or `{}: …`", file, pipeline));
  else
    add_error(v.findings, spec.where, "config.choice",
              fmt::format("{}: it has both `{}` and `{}`", spec.title(), file, pipeline),
              fmt::format("leave one out; on the command line an empty value does: --set "
                          "actors.{}.{}=",
                          spec.name, file));
}

void resolve_component(validation& v, const actor_spec& spec, plan_actor& actor) {
  actor.type = v.types.find_component(spec.component);
  if (actor.type == nullptr) {
    v.links_complete = false;
    if (spec.component.empty()) return;  // told by the reader
    const auto valid = v.types.component_names();
    const auto near = nearest(spec.component, valid);
    std::vector<std::string> notes = {
        fmt::format("known components: {}",
                    valid.empty() ? "none" : fmt::format("{}", fmt::join(valid, ", ")))};
    if (!v.graph.plugins.empty())
      notes.push_back(fmt::format("the graph's plugins, if they were not loaded: --plugin {}",
                                  fmt::join(v.graph.plugins, " --plugin ")));
    add_error(v.findings, spec.component_where, "actor.unknown-component",
              fmt::format("{}: no component is called `{}`", spec.name, spec.component),
              near.empty() ? "`hocket list` shows the components"
                           : fmt::format("did you mean `{}`?", near),
              std::move(notes));
    return;
  }
  actor.config = actor.type->make_config();
  const auto before = v.findings.items().size();
  read_config(spec.body, *actor.config, spec.title(), reserved_actor_keys(), v.findings);
  if (v.findings.items().size() == before) check_origin(v, spec, actor);
  resolve_parts(v, spec, *actor.config);
  // Python runs in no other way.
  if (spec.process || spec.component.starts_with("python."))
    actor.config = in_process(std::move(actor.config), spec.process.value_or(process_spec()));
  resolve_policy(v, spec, actor);
}

}  // namespace

std::vector<std::string> validation::actor_names() const {
  std::vector<std::string> names;
  for (const auto& a : graph.actors) names.push_back(a.name);
  for (const auto& s : graph.subgraphs) names.push_back(s.name);
  return names;
}

void resolve_actors(validation& v) {
  for (const auto& spec : v.graph.actors) {
    v.actors.emplace(spec.name, v.out.actors.size());
    plan_actor actor;
    actor.name = spec.name;
    actor.restart = spec.restart;
    actor.watchdog_ms = spec.watchdog_ms;
    actor.host = spec.on;
    actor.replicas = spec.replicas;
    actor.where = spec.where;
    resolve_component(v, spec, actor);
    v.out.actors.push_back(std::move(actor));
  }
}

plan validate(const graph_spec& graph, const registry& types, diagnostics& findings) {
  validation v{graph, types, findings, {}, {}, {}, graph.broken.empty()};
  v.out.name = graph.name;
  v.out.file = graph.file;
  v.out.grid.length = std::chrono::milliseconds(graph.micro_turn_ms);
  v.out.plugins = graph.plugins;
  if (graph.actors.size() > max_actors) {
    add_error(findings, graph.where, "graph.too-large",
              fmt::format("{} actors are more than the {} a graph may have", graph.actors.size(),
                          max_actors));
    return std::move(v.out);
  }
  resolve_actors(v);
  resolve_payloads(v);
  resolve_links(v);
  check_hosts(v);
  check_topology(v);
  check_budgets(v);
  check_alerts(v);
  check_replicas(v);
  check_outputs(v.out, findings);
  return std::move(v.out);
}

}  // namespace hocket::spec
