#include "actors/host/plan_view.hpp"

#include "graph/spec/to_yaml.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::host {

std::string plan_view::expanded_yaml() const {
  return trust::graph_without_secrets(spec::to_yaml(graph_));
}

std::string plan_view::output_of(const packet_header& header) const {
  // The last hop is the actor that emitted it; `stream` is its port.
  return header.way.count == 0
             ? ""
             : output_name(graph_, header.way.hops[header.way.count - 1u].actor, header.stream);
}

std::string output_name(const plan& graph, actor_index actor, std::size_t port) {
  if (actor >= graph.actors.size()) return "";
  const auto& outputs = graph.actors[actor].type->info.outputs;
  return port < outputs.size() ? graph.actors[actor].name + "." + outputs[port].name : "";
}

}  // namespace hocket::host
