#include <cstdio>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/text/clean.hpp"
#include "graph/trust/secret.hpp"
#include "graph/spec/dot.hpp"
#include "graph/spec/outputs.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/process.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

std::string format_of(const graph_command_options& o) {
  if (!o.format.empty()) return o.format;
  const auto ending = std::filesystem::path(o.out).extension().string();
  return ending == ".svg" || ending == ".png" ? ending.substr(1) : "dot";
}

/// The graph as a list of actors and links, for programs.
std::string to_json(const plan& graph) {
  using json = nlohmann::ordered_json;
  json actors = json::array(), links = json::array();
  for (const auto& a : graph.actors)
    actors.push_back({{"name", a.name}, {"component", a.type->info.type}, {"host", a.host}});
  for (const auto& l : graph.links) {
    const auto& from = graph.actors[l.from];
    const auto& to = graph.actors[l.to];
    links.push_back({{"from", from.name + "." + from.type->info.outputs[l.from_port].name},
                     {"to", to.name + "." + to.type->info.inputs[l.to_port].name},
                     {"type", from.type->info.outputs[l.from_port].type.to_string()},
                     {"queue",
                      {{"size", l.queue.size},
                       {"full", to_string(l.queue.full)},
                       {"max_age_ms", l.queue.max_age_ms}}},
                     {"back_edge", l.back_edge},
                     {"crosses", spec::crosses(graph, l)}});
  }
  return json{{"name", graph.name}, {"hash", graph.hash}, {"actors", actors}, {"links", links}}
             .dump(2) +
         "\n";
}

}  // namespace

int run_graph(const graph_command_options& o) {
  const auto types = known_types_and(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  const auto loaded = load_graph(o.graph, *types, o.how);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;

  if (!o.out.empty()) {
    auto reads = spec::inputs_of(*loaded.graph);
    reads.push_back({o.graph, "the graph file"});
    for (const auto& path : loaded.includes) reads.push_back({path, "a part of the graph"});
    if (refuse_overwriting(o.out, "hocket graph --out", reads) != exit_fine) return exit_bad_input;
  }
  auto text = clean_text(
      trust::without_secrets(o.json ? to_json(*loaded.graph) : spec::to_dot(*loaded.graph)));
  const auto format = format_of(o);
  if (!o.json && format != "dot") {
    auto drawn = run_process({"dot", "-T" + format}, text);
    if (!drawn)
      return complain(drawn.error(), exit_failed,
                      "install graphviz, or take the text with --format dot");
    if (drawn->exit_code != 0)
      return complain({"graph.cannot_draw", fmt::format("dot ended with {}", drawn->exit_code)},
                      exit_failed);
    text = std::move(drawn->out);
  }
  if (o.out.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return exit_fine;
  }
  if (const auto done = trust::write_file(o.out, text); !done)
    return complain({"graph.cannot_write", done.error().message}, exit_failed);
  say("wrote {}\n", o.out);
  return exit_fine;
}

}  // namespace hocket::cli
