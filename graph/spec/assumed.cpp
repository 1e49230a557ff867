#include "graph/spec/assumed.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "graph/spec/expand.hpp"
#include "graph/spec/open_config.hpp"

namespace hocket::spec {
namespace {

/// The port at the other end of a link, where that is known; its kind says what flows here.
std::optional<media_type> output_type(const graph_spec& graph, const registry& types,
                                      const link_spec& link) {
  for (const auto& a : graph.actors) {
    const auto* type = a.name == link.actor ? types.find_component(a.component) : nullptr;
    if (type == nullptr) continue;
    for (const auto& out : type->info.outputs)
      if (out.name == link.port) return out.type;
  }
  return {};
}

std::optional<media_type> input_type(const registry& types, const actor_spec& to,
                                     const std::string& port) {
  if (const auto* type = types.find_component(to.component))
    for (const auto& in : type->info.inputs)
      if (in.name == port) return in.type;
  return {};
}

/// A scalar or list of a graph file as a field of that type; text where it is anything else.
open_config::content content_of(const value& v) {
  if (const auto* b = v.get_if<bool>()) return *b;
  if (const auto* i = v.get_if<std::int64_t>()) return *i;
  if (const auto* d = v.get_if<double>()) return *d;
  if (const auto* list = v.get_if<value::list>()) {
    const auto is_number = [](const value& item) {
      return item.get_if<double>() != nullptr || item.get_if<std::int64_t>() != nullptr;
    };
    if (!list->empty() && std::all_of(list->begin(), list->end(), is_number))
      return std::vector<double>();
    return std::vector<std::string>();
  }
  return std::string();
}

struct assumed_type {
  component_info info;
  std::vector<open_config::field> fields;

  std::set<std::pair<bool, std::string>> known;  ///< (is an input, port): their kind was seen

  template <class Ports>
  typename Ports::value_type& port(Ports& ports, bool is_input, const std::string& name,
                                   const std::optional<media_type>& type) {
    auto it = std::find_if(ports.begin(), ports.end(), [&](auto& p) { return p.name == name; });
    if (it == ports.end()) {
      typename Ports::value_type made;
      made.name = name;
      it = ports.insert(ports.end(), std::move(made));
    }
    // The kind alone: rates and shapes are what the component declares, and that nobody has seen.
    if (type && known.emplace(is_input, name).second) it->type.kind = type->kind;
    return *it;
  }

  template <class Ports>
  std::optional<media_type> seen(const Ports& ports, bool is_input, const std::string& name) const {
    if (known.count({is_input, name}) == 0) return {};
    for (const auto& p : ports)
      if (p.name == name) return p.type;
    return {};
  }

  void take(const actor_spec& actor) {
    const auto* keys = actor.body.get_if<value::map>();
    if (keys == nullptr) return;
    const auto& reserved = reserved_actor_keys();
    for (const auto& e : *keys) {
      const bool known =
          std::find(reserved.begin(), reserved.end(), e.key) != reserved.end() ||
          std::any_of(fields.begin(), fields.end(), [&](auto& f) { return f.info.name == e.key; });
      if (known) continue;
      field_info info;
      info.name = e.key;
      fields.push_back({info, content_of(e.item)});
    }
  }
};

/// Names in `tools:` and the like that no tool has.
void assume_tools(const graph_spec& graph, registry& into, std::vector<std::string>& names) {
  for (const auto& a : graph.actors) {
    const auto* type = into.find_component(a.component);
    if (type == nullptr || !type->make_config) continue;
    for (const auto& f : document(*type->make_config())) {
      const auto* given = f.info.is_tool_list ? a.body.find(f.info.name) : nullptr;
      const auto* list = given != nullptr ? given->get_if<value::list>() : nullptr;
      if (list == nullptr) continue;
      for (const auto& item : *list) {
        const auto* name = item.get_if<std::string>();
        if (name == nullptr || into.find_tool(*name) != nullptr) continue;
        tool_type stub;
        stub.info.name = *name;
        stub.make = [] { return std::unique_ptr<tool>(); };
        if (into.add(std::move(stub))) names.push_back(*name);
      }
    }
  }
}

/// Gives each end of a link that is not known the kind of the other end. True if one was new.
bool pass_kinds(const graph_spec& graph, const registry& types,
                const std::map<std::string, std::string>& type_of,
                std::map<std::string, assumed_type>& made) {
  bool more = false;
  for (const auto& a : graph.actors)
    for (const auto& in : a.inputs)
      for (const auto& link : in.links) {
        const auto to = made.find(a.component);
        const auto from_type = type_of.find(link.actor);
        auto* from = from_type == type_of.end() ? nullptr : &made.at(from_type->second);
        auto kind = output_type(graph, types, link);
        if (!kind) kind = input_type(types, a, in.port);
        if (!kind && from != nullptr) kind = from->seen(from->info.outputs, false, link.port);
        if (!kind && to != made.end())
          kind = to->second.seen(to->second.info.inputs, true, in.port);
        const auto count = [&] {
          return (from == nullptr ? 0 : from->known.size()) +
                 (to == made.end() ? 0 : to->second.known.size());
        };
        const auto known = count();
        if (to != made.end())
          to->second.port(to->second.info.inputs, true, in.port, kind).required = false;
        if (from != nullptr) from->port(from->info.outputs, false, link.port, kind);
        more = more || count() != known;
      }
  return more;
}

}  // namespace

std::vector<std::string> assume_types(const std::string& file, const std::string& text,
                                      const load_options& options, registry& into) {
  diagnostics ignored;
  const auto graph = expand(file, text, options, ignored);
  std::vector<std::string> names;
  if (!graph) return names;
  std::map<std::string, assumed_type> made;
  std::map<std::string, std::string> type_of;  // by actor
  for (const auto& a : graph->actors) {
    if (a.component.empty() || into.find_component(a.component) != nullptr) continue;
    auto& type = made[a.component];
    type.info.type = a.component;
    type.info.summary = "not loaded";
    if (a.policy) type.info.policies.push_back(*a.policy);
    if (a.replicas > 1) type.info.scope = instance_scope::shared;
    type.take(a);
    type_of[a.name] = a.component;
  }
  // What flows through a link between two of them shows at the next one: until nothing new is seen.
  while (pass_kinds(*graph, into, type_of, made)) {
  }
  for (auto& [name, type] : made) {
    // Whoever has no input must be a source, or nothing would ever run it.
    type.info.source = type.info.inputs.empty();
    component_type out;
    out.info = std::move(type.info);
    out.make_config = [fields = std::move(type.fields)] {
      return std::make_unique<open_config>(fields);
    };
    out.make = [](config_base&) { return std::unique_ptr<component>(); };
    if (into.add(std::move(out))) names.push_back(name);
  }
  assume_tools(*graph, into, names);
  return names;
}

}  // namespace hocket::spec
