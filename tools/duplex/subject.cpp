#include "tools/duplex/subject.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::duplex {
namespace {

bool linked(const plan& graph, const port_of& p) {
  return std::ranges::any_of(
      graph.links, [&](const plan_link& l) { return l.from == p.actor && l.from_port == p.port; });
}

std::vector<port_of> outputs_of(const plan& graph, std::size_t actor, payload_kind kind) {
  std::vector<port_of> out;
  const auto& ports = graph.actors[actor].type->info.outputs;
  for (std::size_t i = 0; i < ports.size(); ++i)
    if (ports[i].type.kind == kind) out.push_back({static_cast<actor_index>(actor), i});
  return out;
}

// Actors by distance from `start`, itself first; along the links or against them.
std::vector<std::size_t> nearest(const plan& graph, std::size_t start, bool downstream) {
  std::vector<std::size_t> order{start};
  for (std::size_t i = 0; i < order.size(); ++i)
    for (const auto& l : graph.links) {
      const std::size_t from = downstream ? l.from : l.to, to = downstream ? l.to : l.from;
      if (!l.back_edge && from == order[i] && std::ranges::count(order, to) == 0)
        order.push_back(to);
    }
  return order;
}

result<port_of> port_named(const plan& graph, const std::string& name, payload_kind kind) {
  const auto dot = name.rfind('.');
  std::vector<std::string> known;
  for (std::size_t a = 0; a < graph.actors.size(); ++a)
    for (const auto& p : outputs_of(graph, a, kind)) {
      known.push_back(name_of(graph, p));
      if (dot != name.npos && known.back() == name) return p;
    }
  return fail("duplex.port", fmt::format("{} has no output `{}`; its {} outputs are {}", graph.file,
                                         name, to_string(kind), fmt::join(known, ", ")));
}

result<std::optional<port_of>> source_of(const plan& graph, payload_kind kind) {
  std::vector<port_of> found;
  std::vector<std::string> names;
  for (std::size_t a = 0; a < graph.actors.size(); ++a) {
    if (!graph.actors[a].type->info.source) continue;
    for (const auto& p : outputs_of(graph, a, kind))
      if (linked(graph, p)) {
        found.push_back(p);
        names.push_back(name_of(graph, p));
      }
  }
  if (found.size() > 1)
    return fail("duplex.port", fmt::format("{} has several {} sources: {}; choose one with --input",
                                           graph.file, to_string(kind), fmt::join(names, ", ")));
  return found.empty() ? std::nullopt : std::optional(found.front());
}

}  // namespace

std::string name_of(const plan& graph, const port_of& p) {
  const auto& a = graph.actors[p.actor];
  return a.name + "." + a.type->info.outputs[p.port].name;
}

result<subject> make_subject(const plan& graph, const registry& types, const subject_options& how) {
  subject out;
  out.graph = graph;
  out.types = &types;
  if (!how.input.empty()) {
    auto found = port_named(graph, how.input, payload_kind::audio);
    if (!found) return fail(found);
    out.person = *found;
  } else {
    auto found = source_of(graph, payload_kind::audio);
    if (!found) return fail(found);
    if (!*found)
      return fail("duplex.port", graph.file +
                                     " has no source of sound that is linked, such as "
                                     "capture.gst; name one with --input actor.port");
    out.person = **found;
  }
  if (!graph.actors[out.person.actor].type->info.source)
    return fail("duplex.port", "--input " + name_of(graph, out.person) + " is not a source");
  auto camera = source_of(graph, payload_kind::video);
  if (!camera) return fail(camera);
  out.camera = *camera;

  const auto later = nearest(graph, out.person.actor, true);
  if (!how.audio.empty()) {
    auto found = port_named(graph, how.audio, payload_kind::audio);
    if (!found) return fail(found);
    out.audio = *found;
  } else {
    bool any = false;
    for (const std::size_t a : later) {
      if (a == out.person.actor) continue;
      for (const auto& p : outputs_of(graph, a, payload_kind::audio)) out.audio = p, any = true;
    }
    if (!any)
      return fail("duplex.port", graph.file + " puts no sound out; name an output with --audio");
  }
  const auto& beside = graph.actors[out.audio.actor].type->info.outputs;
  out.tells_what_sounded = std::ranges::any_of(beside, [](const output_port& p) {
    return p.name == "played" && p.type.kind == payload_kind::control;
  });
  for (const auto& name : how.texts) {
    auto found = port_named(graph, name, payload_kind::text);
    if (!found) return fail(found);
    out.texts.push_back(*found);
  }
  if (how.texts.empty())
    for (const std::size_t a : nearest(graph, out.audio.actor, false)) {
      out.texts = outputs_of(graph, a, payload_kind::text);
      if (!out.texts.empty()) break;
    }
  for (std::size_t a = 0; a < graph.actors.size(); ++a)
    out.has_tools = out.has_tools || !outputs_of(graph, a, payload_kind::tool_call).empty();
  return out;
}

}  // namespace hocket::duplex
