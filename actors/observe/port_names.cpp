#include "actors/observe/port_names.hpp"

#include <fmt/format.h>

#include "actors/host/plan_view.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/spec/payloads.hpp"

namespace hocket::observe {

const payloads::payload_schema* schema_of(const plan_actor& a, std::size_t port) {
  const auto* ports = spec::payloads_of(a);
  return ports == nullptr ? nullptr : payloads::schema_of(ports->outputs, port);
}

result<found_output> find_output(const plan& graph, const std::string& name,
                                 const std::string& host) {
  std::vector<std::string> all;
  for (std::size_t a = 0; a < graph.actors.size(); ++a) {
    const auto& actor = graph.actors[a];
    if (actor.removed) continue;
    const auto& outputs = actor.type->info.outputs;
    for (std::size_t p = 0; p < outputs.size(); ++p) {
      all.push_back(host::output_name(graph, static_cast<actor_index>(a), p));
      if (all.back() != name) continue;
      if (actor.host.empty() || actor.host == host)
        return found_output{&outputs[p], schema_of(actor, p)};
      return fail("echo.other_host", fmt::format("{} runs on host {}: ask the run there (--out, "
                                                 "--socket)",
                                                 actor.name, actor.host));
    }
    for (const auto& input : actor.type->info.inputs)
      if (name == actor.name + "." + input.name)
        for (const auto& l : graph.links)
          if (l.to == a && !l.removed &&
              graph.actors[l.to].type->info.inputs[l.to_port].name == input.name)
            return fail("echo.no_output",
                        fmt::format("`{}` is an input; it is fed by {}", name,
                                    host::output_name(graph, l.from, l.from_port)));
  }
  const auto near = nearest(name, all);
  return fail("echo.no_output",
              near.empty()
                  ? fmt::format("no output is called `{}`", name)
                  : fmt::format("no output is called `{}`; did you mean `{}`?", name, near));
}

namespace {

/// The outputs that feed an input. Errors: echo.no_input, echo.other_host.
result<std::vector<std::string>> feeders_of(const plan& graph, const std::string& name,
                                            const std::string& host) {
  std::vector<std::string> out, all;
  for (const auto& l : graph.links) {
    if (l.removed) continue;
    const auto& to = graph.actors[l.to];
    const auto input = to.name + "." + to.type->info.inputs[l.to_port].name;
    all.push_back(input);
    if (input != name) continue;
    auto from = host::output_name(graph, l.from, l.from_port);
    if (const auto here = find_output(graph, from, host); !here) return fail(here);
    out.push_back(std::move(from));
  }
  if (!out.empty()) return out;
  const auto near = nearest(name, all);
  return fail("echo.no_input",
              fmt::format("no input that is fed is called `{}`{}", name,
                          near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
}

}  // namespace

result<measured> find_measured(const plan& graph, const std::string& name, bool as_input,
                               const std::string& host) {
  auto feeders = feeders_of(graph, name, host);
  const bool fed_elsewhere = !feeders && feeders.error().code == "echo.other_host";
  const auto output = find_output(graph, name, host);
  if (output && !as_input) return measured{{name}, false, feeders || fed_elsewhere};
  if (feeders) return measured{std::move(*feeders), true, output.has_value()};
  if (as_input || fed_elsewhere) return fail(feeders);
  return fail(output);
}

}  // namespace hocket::observe
