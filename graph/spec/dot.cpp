#include "graph/spec/dot.hpp"

#include <fmt/format.h>

#include "graph/contract/config.hpp"
#include "graph/contract/sink.hpp"

namespace hocket::spec {
namespace {

std::string queue_label(const queue_spec& q) {
  auto out = fmt::format("queue {} {}", q.size, to_string(q.full));
  if (q.max_age_ms > 0) out += fmt::format(" <= {} ms", q.max_age_ms);
  return out;
}

/// What a link that crosses promises across a failure; follows from its queue.
std::string_view delivery_of(const queue_spec& q) {
  switch (q.full) {
    case full_policy::block: return "lossless";
    case full_policy::latest: return "latest";
    case full_policy::drop_oldest:
    case full_policy::drop_newest: break;
  }
  return "bounded";
}

void add_link(const plan& g, const plan_link& l, std::string& out) {
  const auto& from = g.actors[l.from].type->info.outputs[l.from_port];
  const auto& to = g.actors[l.to].type->info.inputs[l.to_port];
  const auto ports = from.name == to.name ? from.name : from.name + " > " + to.name;
  auto label = fmt::format("{}\n{}\n{}", ports, from.type.to_string(), queue_label(l.queue));
  std::string looks;
  if (l.back_edge) looks += ", style=dashed, constraint=false";
  if (crosses(g, l)) {
    label += fmt::format("\nwire: {}", delivery_of(l.queue));
    looks += ", color=\"#b3541e\", fontcolor=\"#b3541e\", penwidth=2.2";
  }
  out += fmt::format("  a{} -> a{} [label={}{}];\n", l.from, l.to, quoted(label), looks);
}

void add_actors(const plan& g, const std::string& host, const std::string& indent,
                std::string& out) {
  for (std::size_t i = 0; i < g.actors.size(); ++i) {
    const auto& a = g.actors[i];
    if (a.host != host) continue;
    const auto& info = a.type->info;
    const auto* style = info.source     ? "rounded,filled\", fillcolor=\"#dcebfa"
                        : is_sink(info) ? "rounded,filled\", fillcolor=\"#e4f3dc"
                                        : "rounded,filled\", fillcolor=\"#f6f6f6";
    out += fmt::format("{}a{} [label={}, style=\"{}\"];\n", indent, i,
                       quoted(a.name + "\n" + info.type), style);
  }
}

}  // namespace

bool crosses(const plan& g, const plan_link& l) {
  return g.actors[l.from].host != g.actors[l.to].host;
}

std::string to_dot(const plan& g) {
  std::string out = fmt::format("digraph {} {{\n", quoted(g.name));
  out += "  rankdir=LR;\n";
  out += "  node [shape=box, fontname=\"sans-serif\", fontsize=11];\n";
  out += "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  for (std::size_t h = 0; h < g.hosts.size(); ++h) {
    const auto& host = g.hosts[h];
    out += fmt::format(
        "  subgraph cluster_{} {{\n    label={};\n    style=\"rounded,filled\";\n"
        "    color=\"#9aa7b5\"; fillcolor=\"#fafbfc\"; fontname=\"sans-serif\"; fontsize=11;\n",
        h, quoted(host.name + "\n" + host.listen));
    add_actors(g, host.name, "    ", out);
    out += "  }\n";
  }
  add_actors(g, "", "  ", out);
  for (const auto& l : g.links) add_link(g, l, out);
  return out + "}\n";
}

}  // namespace hocket::spec
