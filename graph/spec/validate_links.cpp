#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/payloads.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/validate.hpp"

namespace hocket::spec {
namespace {

template <class Ports>
std::vector<std::string> names_of(const Ports& ports) {
  std::vector<std::string> names;
  for (const auto& p : ports) names.push_back(p.name);
  return names;
}

template <class Ports>
std::optional<std::size_t> index_of(const Ports& ports, const std::string& name) {
  for (std::size_t i = 0; i < ports.size(); ++i)
    if (ports[i].name == name) return i;
  return {};
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& valid) {
  const auto near = nearest(word, valid);
  return near.empty() ? "" : fmt::format("did you mean `{}`?", near);
}

std::string known(std::string_view what, const std::vector<std::string>& valid) {
  if (valid.empty()) return fmt::format("{}: none", what);
  // Nobody reads a thousand names; a large graph that lacks one actor would list them each time.
  constexpr std::size_t most = 40;
  const auto end = valid.begin() + static_cast<std::ptrdiff_t>(std::min(most, valid.size()));
  auto out = fmt::format("{}: {}", what, fmt::join(valid.begin(), end, ", "));
  if (valid.size() > most) out += fmt::format(" and {} more", valid.size() - most);
  return out;
}

/// The link with a sub-graph's output replaced by the port that it stands for.
link_spec through_subgraphs(const validation& v, const link_spec& link) {
  for (const auto& s : v.graph.subgraphs) {
    if (s.name != link.actor) continue;
    const auto it = s.outputs.find(link.port);
    if (it == s.outputs.end()) return link;
    auto inner = link;
    inner.actor = it->second.actor;
    inner.port = it->second.port;
    return through_subgraphs(v, inner);
  }
  return link;
}

void unknown_source(validation& v, const actor_spec& spec, const input_spec& input,
                    const link_spec& link) {
  for (const auto& s : v.graph.subgraphs) {
    if (s.name != link.actor) continue;
    std::vector<std::string> outputs;
    for (const auto& [name, inner] : s.outputs) outputs.push_back(name);
    return add_error(v.findings, link.where, "link.unknown-output",
                     fmt::format("{}: input {}: the sub-graph {} has no output `{}`", spec.title(),
                                 input.port, s.name, link.port),
                     did_you_mean(link.port, outputs), {known("its outputs", outputs)});
  }
  for (const auto& b : v.graph.broken)
    if (link.actor == b || link.actor.starts_with(b + ".")) return;  // the include is told
  const auto names = v.actor_names();
  add_error(v.findings, link.where, "link.unknown-actor",
            fmt::format("{}: input {} comes from `{}.{}`, but no actor is called `{}`",
                        spec.title(), input.port, link.actor, link.port, link.actor),
            link.actor == subgraph_actor
                ? "`graph.…` names an input of an included file: include this file in another"
                : did_you_mean(link.actor, names),
            {known("actors", names)});
}

queue_spec queue_of(validation& v, const actor_spec& spec, const input_port& port,
                    const link_spec& link) {
  auto q = port.queue;
  const auto& o = link.queue;
  if (o.full) q.full = *o.full;
  if (o.size) q.size = *o.size;
  if (o.max_age_ms) q.max_age_ms = *o.max_age_ms;
  if (q.full == full_policy::latest) {
    if (o.size && *o.size != 1)
      add_error(v.findings, o.where, "link.queue",
                fmt::format("{}: input {}: a queue that keeps the latest has size 1, not {}",
                            spec.title(), port.name, *o.size),
                "leave `size` out, or use `full: drop_oldest`");
    q.size = 1;
  }
  return q;
}

struct link_source {
  std::size_t actor = 0;
  std::size_t port = 0;
};

/// The output that a link names; nothing where there is none, which is told.
std::optional<link_source> source_of(validation& v, const actor_spec& spec, const input_spec& input,
                                     const link_spec& link) {
  const auto from = v.actors.find(link.actor);
  if (from == v.actors.end()) {
    v.links_complete = false;
    unknown_source(v, spec, input, link);
    return {};
  }
  const auto* from_type = v.out.actors[from->second].type;
  if (from_type == nullptr) return {};
  const auto& outputs = from_type->info.outputs;
  const auto port = index_of(outputs, link.port);
  if (port) return link_source{from->second, *port};
  v.links_complete = false;
  const auto names = names_of(outputs);
  add_error(v.findings, link.where, "link.unknown-output",
            fmt::format("{}: input {}: {} has no output `{}`", spec.title(), input.port,
                        v.graph.actors[from->second].title(), link.port),
            did_you_mean(link.port, names), {known("its outputs", names)});
  return {};
}

/// What is wrong with the sources of an input that does not exist itself.
void check_sources(validation& v, const actor_spec& spec, const input_spec& input) {
  for (const auto& link : input.links) source_of(v, spec, input, through_subgraphs(v, link));
}

void resolve_link(validation& v, std::size_t to, const input_spec& input, std::size_t to_port,
                  const link_spec& written) {
  const auto& spec = v.graph.actors[to];
  const auto link = through_subgraphs(v, written);
  const auto from = source_of(v, spec, input, link);
  if (!from) return;
  const auto& from_spec = v.graph.actors[from->actor];
  const auto& output = v.out.actors[from->actor].type->info.outputs[from->port];
  const auto& port = v.out.actors[to].type->info.inputs[to_port];
  const auto why = why_incompatible(output.type, port.type);
  if (!why.empty())
    add_error(v.findings, link.where, "link.type-mismatch",
              fmt::format("{}.{} cannot feed {}.{}: {}", from_spec.name, link.port, spec.name,
                          port.name, why),
              "",
              {fmt::format("{} ({}) gives {}", from_spec.name + "." + link.port,
                           from_spec.component, output.type.to_string()),
               fmt::format("{} ({}) takes {}", spec.name + "." + port.name, spec.component,
                           port.type.to_string())});
  else if (const auto unlike =
               why_other_payload(v.out.actors[from->actor], from->port, v.out.actors[to], to_port);
           !unlike.empty())
    add_error(
        v.findings, link.where, "link.payload",
        fmt::format("{}.{} cannot feed {}.{}: {}", from_spec.name, link.port, spec.name, port.name,
                    unlike),
        fmt::format("say what {} gives: `payloads: {{{}: NAME}}`", from_spec.name, link.port));
  plan_link out;
  out.from = static_cast<actor_index>(from->actor);
  out.from_port = from->port;
  out.to = static_cast<actor_index>(to);
  out.to_port = to_port;
  out.queue = queue_of(v, spec, port, link);
  out.back_edge = link.back_edge;
  out.where = link.where;
  if (!v.fed.emplace(out.from, out.from_port, out.to, out.to_port).second)
    return add_error(v.findings, link.where, "link.duplicate",
                     fmt::format("{}: input {} is fed twice by {}.{}", spec.title(), port.name,
                                 from_spec.name, link.port));
  v.out.links.push_back(std::move(out));
}

void check_required(validation& v, std::size_t to) {
  const auto& spec = v.graph.actors[to];
  if (spec.inputs_broken) {
    v.links_complete = false;
    return;
  }
  for (const auto& port : v.out.actors[to].type->info.inputs) {
    if (!port.required) continue;
    const bool given = std::any_of(spec.inputs.begin(), spec.inputs.end(),
                                   [&](const input_spec& i) { return i.port == port.name; });
    if (given) continue;
    v.links_complete = false;
    std::vector<std::string> fitting;
    for (const auto& a : v.out.actors)
      if (a.type != nullptr && &a != &v.out.actors[to])
        for (const auto& o : a.type->info.outputs)
          if (why_incompatible(o.type, port.type).empty()) fitting.push_back(a.name + "." + o.name);
    add_error(v.findings, spec.where, "link.missing-input",
              fmt::format("{}: input `{}` is not connected", spec.title(), port.name),
              fmt::format("write `inputs: {{{}: {}}}`", port.name,
                          fitting.empty() ? "actor.port" : fitting[0]),
              {fmt::format("it takes {}: {}", port.type.to_string(), port.doc),
               known("outputs in this graph that fit", fitting)});
  }
}

}  // namespace

void resolve_links(validation& v) {
  std::size_t links = 0;
  for (const auto& a : v.graph.actors)
    for (const auto& i : a.inputs) links += i.links.size();
  if (links > max_links) {
    v.links_complete = false;
    return add_error(
        v.findings, v.graph.where, "graph.too-large",
        fmt::format("{} links are more than the {} a graph may have", links, max_links));
  }
  for (std::size_t to = 0; to < v.graph.actors.size(); ++to) {
    const auto& spec = v.graph.actors[to];
    const auto* type = v.out.actors[to].type;
    if (type == nullptr) {
      for (const auto& input : spec.inputs) check_sources(v, spec, input);
      continue;
    }
    const auto& inputs = type->info.inputs;
    for (const auto& input : spec.inputs) {
      const auto to_port = index_of(inputs, input.port);
      if (!to_port) {
        v.links_complete = false;
        const auto names = names_of(inputs);
        add_error(v.findings, input.where, "link.unknown-input",
                  fmt::format("{}: it has no input `{}`", spec.title(), input.port),
                  did_you_mean(input.port, names), {known("its inputs", names)});
        check_sources(v, spec, input);
        continue;
      }
      for (const auto& link : input.links) resolve_link(v, to, input, *to_port, link);
      if (input.links.empty()) v.links_complete = false;  // told by the reader
    }
    check_required(v, to);
  }
}

}  // namespace hocket::spec
