#include "graph/spec/payloads.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <typeinfo>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/paths.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/read_parts.hpp"
#include "graph/spec/validate.hpp"

namespace hocket::spec {
namespace {

std::string hex_of(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::optional<std::string> bytes_of(const std::string& hex) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string out;
  if (hex.size() % 2 != 0) return {};
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return {};
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

/// The first key that bounds the length of `bytes`; nullptr: there is none.
const value::entry* bound_of(const value& item) {
  const auto* map = item.get_if<value::map>();
  if (map == nullptr) return nullptr;
  const auto at = std::find_if(map->begin(), map->end(), [](const value::entry& e) {
    return e.key == "min_bytes" || e.key == "max_bytes";
  });
  return at == map->end() ? nullptr : &*at;
}

void read_schema(const value& item, bool expanded, schema_spec& s, diagnostics& findings) {
  const auto owner = "schema " + s.name;
  read_keys(item, owner, {}, findings, [&](config_visitor& v) {
    v.field({.name = "json", .doc = "file with a JSON Schema"}, s.json);
    v.field({.name = "protobuf", .doc = "file with a set of descriptors"}, s.protobuf);
    v.field({.name = "message", .doc = "full name of the protobuf type"}, s.message);
    v.field({.name = "bytes", .doc = "any bytes"}, s.bytes);
    v.field({.name = "min_bytes", .doc = "fewest bytes", .min = 0, .max = 1 << 26}, s.min_bytes);
    v.field({.name = "max_bytes", .doc = "most bytes", .min = 1, .max = 1 << 26}, s.max_bytes);
    if (!expanded) return;
    v.field({.name = "json_text", .doc = "the JSON Schema"}, s.json_text);
    v.field({.name = "descriptors_hex", .doc = "the set of descriptors"}, s.descriptors_hex);
  });
  const bool json = !s.json.empty() || !s.json_text.empty();
  const bool protobuf = !s.protobuf.empty() || !s.descriptors_hex.empty();
  if (json + protobuf + s.bytes != 1)
    add_error(findings, item.where(), "config.choice",
              fmt::format("{}: it must be one of `json`, `protobuf` and `bytes`", owner),
              "write `{json: FILE}`, `{protobuf: FILE, message: NAME}` or `{bytes: true}`");
  else if (protobuf == s.message.empty())
    add_error(findings, item.where(), protobuf ? "config.missing-key" : "config.choice",
              protobuf ? fmt::format("{}: `message` is missing", owner)
                       : fmt::format("{}: `message` goes with `protobuf` alone", owner),
              protobuf ? "name the type: `message: package.Type`" : "leave it out");
  else if (const auto* bound = s.bytes ? nullptr : bound_of(item))
    add_error(findings, bound->key_where, "config.choice",
              fmt::format("{}: `{}` goes with `bytes` alone", owner, bound->key),
              json ? "leave it out; a JSON Schema bounds what it describes: `maxLength`, `maxItems`"
                   : "leave it out; a message is as long as its fields");
  else
    return;
  s.json.clear(), s.json_text.clear(), s.protobuf.clear(), s.descriptors_hex.clear();
  s.bytes = false;
}

using schema_result = result<payloads::schema_ptr>;

schema_result made(const schema_spec& s,
                   const std::function<result<std::string>(const std::string&)>& read) {
  const auto file = [&](const std::string& path) -> result<std::string> {
    auto text = read(path);
    if (!text) return fail(text.error().code, path + ": " + text.error().message);
    return text;
  };
  const auto named = [](const std::string& path, schema_result made) -> schema_result {
    if (made) return made;
    return fail(made.error().code, path + ": " + made.error().message);
  };
  if (!s.json_text.empty()) return payloads::json_schema(s.name, s.json_text);
  if (!s.descriptors_hex.empty()) {
    const auto bytes = bytes_of(s.descriptors_hex);
    if (!bytes) return fail("payload.schema", "`descriptors_hex` is not hexadecimal");
    return payloads::protobuf_schema(s.name, *bytes, s.message);
  }
  if (s.bytes)
    return payloads::bytes_schema(
        s.name, static_cast<std::uint64_t>(s.min_bytes),
        s.max_bytes == 0 ? 1u << 26 : static_cast<std::uint64_t>(s.max_bytes));
  const auto& path = s.json.empty() ? s.protobuf : s.json;
  auto text = file(path);
  if (!text) return fail(text);
  return named(path, s.json.empty() ? payloads::protobuf_schema(s.name, std::move(*text), s.message)
                                    : payloads::json_schema(s.name, std::move(*text)));
}

template <class Ports>
void resolve(validation& v, const actor_spec& spec, const Ports& ports,
             std::vector<payloads::schema_ptr>& into) {
  into.resize(ports.size());
  for (const auto& p : spec.payloads) {
    const auto port =
        std::find_if(ports.begin(), ports.end(), [&](const auto& q) { return q.name == p.port; });
    const auto schema = std::find_if(v.schemas.begin(), v.schemas.end(),
                                     [&](const auto& s) { return s->name() == p.schema; });
    if (port == ports.end() || schema == v.schemas.end()) continue;
    if ((*schema)->carrier() != port->type.kind ||
        (port->type.element && *port->type.element != dtype::u8) || port->type.shape.size() > 1)
      add_error(v.findings, p.where, "payload.kind",
                fmt::format("{}: {} carries {}, not `{}`, which is {}", spec.title(), p.port,
                            port->type.to_string(), p.schema, (*schema)->text()),
                (*schema)->kind() == payloads::form::json
                    ? "JSON travels as text"
                    : "bytes and messages travel as tensor u8 [n]");
    else
      into[static_cast<std::size_t>(port - ports.begin())] = *schema;
  }
}

/// Ports and schemas that do not exist.
void check_names(validation& v, const actor_spec& spec, const component_info& info) {
  std::vector<std::string> ports, schemas;
  for (const auto& p : info.outputs) ports.push_back(p.name);
  for (const auto& p : info.inputs) ports.push_back(p.name);
  for (const auto& s : v.graph.schemas) schemas.push_back(s.name);
  const auto told = [&](const std::string& name, const source_mark& where, const char* what,
                        const std::vector<std::string>& known) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    const auto near = nearest(name, known);
    add_error(v.findings, where, "payload.unknown",
              fmt::format("{}: no {} is called `{}`", spec.title(), what, name),
              near.empty() ? "" : fmt::format("did you mean `{}`?", near),
              {fmt::format("known: {}",
                           known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")))});
  };
  for (const auto& p : spec.payloads) {
    told(p.port, p.port_where, "port of it", ports);
    told(p.schema, p.where, "schema of this graph", schemas);
  }
}

/// Of a plan's actor that has schemas.
struct config_with_payloads final : config_base {
  std::shared_ptr<config_base> config;
  std::shared_ptr<const payloads::port_schemas> ports;
  void visit(config_visitor& v) override { config->visit(v); }
};

std::string port_text(const payloads::payload_schema* s) {
  return s == nullptr ? "any" : fmt::format("{} {}", s->name(), s->source());
}

}  // namespace

void read_schemas(const value& root, bool expanded, graph_spec& graph, diagnostics& findings) {
  const auto* schemas = root.find("schemas");
  if (schemas == nullptr) return;
  const auto* map = schemas->get_if<value::map>();
  if (map == nullptr)
    return add_error(findings, schemas->where(), "config.type",
                     fmt::format("graph: `schemas` must be a map, not {}", schemas->kind_name()),
                     "write `schemas: {order: {json: order.json}}`");
  for (const auto& e : *map) {
    check_name("schema", e.key, e.key_where, findings);
    schema_spec s;
    s.name = e.key;
    s.where = e.key_where;
    read_schema(e.item, expanded, s, findings);
    graph.schemas.push_back(std::move(s));
  }
}

std::vector<payload_spec> read_payloads(const value& item, const std::string& owner,
                                        diagnostics& findings) {
  std::vector<payload_spec> out;
  const auto* map = item.get_if<value::map>();
  if (map == nullptr) {
    add_error(findings, item.where(), "config.type",
              fmt::format("{}: `payloads` must be a map, not {}", owner, item.kind_name()),
              "write `payloads: {PORT: SCHEMA}`");
    return out;
  }
  for (const auto& e : *map) {
    if (const auto* name = e.item.get_if<std::string>())
      out.push_back({e.key, *name, e.key_where, e.item.where()});
    else
      add_error(findings, e.item.where(), "config.type",
                fmt::format("{}: payloads: `{}` must be the name of a schema, not {}", owner, e.key,
                            e.item.kind_name()));
  }
  return out;
}

void make_schemas(graph_spec& graph,
                  const std::function<result<std::string>(const std::string&)>& read,
                  diagnostics& findings) {
  for (auto& s : graph.schemas) {
    if (s.json.empty() && s.json_text.empty() && s.protobuf.empty() && s.descriptors_hex.empty() &&
        !s.bytes)
      continue;  // told by the reader
    auto schema = made(s, read);
    if (schema)
      s.made = std::move(*schema);
    else
      add_error(
          findings, s.where, "payload.schema",
          fmt::format("schema {}: {}", s.name, schema.error().message),
          s.protobuf.empty() ? "" : "protoc --include_imports --descriptor_set_out=FILE makes one");
  }
}

void merge_schemas(std::vector<schema_spec> inner, graph_spec& graph, diagnostics& findings) {
  for (auto& s : inner) {
    const auto same = std::find_if(graph.schemas.begin(), graph.schemas.end(),
                                   [&](const schema_spec& o) { return o.name == s.name; });
    if (same == graph.schemas.end()) {
      graph.schemas.push_back(std::move(s));
      continue;
    }
    if (same->made && s.made && schema_text(*same->made) != schema_text(*s.made))
      add_error(findings, s.where, "name.bad",
                fmt::format("schema {}: another one has this name", s.name), "give it another name",
                {fmt::format("declared in {}:{}", same->where.file, same->where.line)});
  }
}

void resolve_payloads(validation& v) {
  std::size_t bytes = 0;
  for (const auto& s : v.graph.schemas) {
    if (!s.made) continue;
    bytes += s.made->source().size();
    v.schemas.push_back(s.made);
  }
  if (bytes > payloads::schema_bytes_max)
    add_error(v.findings, v.graph.schemas.front().where, "payload.schema",
              fmt::format("schemas of {} bytes together are more than {}", bytes,
                          payloads::schema_bytes_max));
  std::sort(v.schemas.begin(), v.schemas.end(),
            [](const auto& a, const auto& b) { return a->name() < b->name(); });
  for (std::size_t i = 0; i < v.graph.actors.size(); ++i) {
    const auto& spec = v.graph.actors[i];
    auto& actor = v.out.actors[i];
    if (spec.payloads.empty() || actor.type == nullptr) continue;
    check_names(v, spec, actor.type->info);
    auto ports = std::make_shared<payloads::port_schemas>();
    resolve(v, spec, actor.type->info.outputs, ports->outputs);
    resolve(v, spec, actor.type->info.inputs, ports->inputs);
    actor.config = with_payloads(std::move(actor.config), std::move(ports));
  }
}

std::shared_ptr<config_base> with_payloads(std::shared_ptr<config_base> config,
                                           std::shared_ptr<const payloads::port_schemas> ports) {
  auto out = std::make_shared<config_with_payloads>();
  out->config = std::move(config);
  out->ports = std::move(ports);
  return out;
}

std::shared_ptr<config_base> with_payloads(const plan_actor& of,
                                           std::shared_ptr<config_base> config) {
  const auto* layer = dynamic_cast<const config_with_payloads*>(of.config.get());
  return layer == nullptr ? config : with_payloads(std::move(config), layer->ports);
}

std::shared_ptr<config_base> without_payloads(const std::shared_ptr<config_base>& config) {
  const auto* layer = dynamic_cast<const config_with_payloads*>(config.get());
  return layer == nullptr ? config : layer->config;
}

config_base& without_payloads(config_base& config) {
  const auto* layer = dynamic_cast<const config_with_payloads*>(&config);
  return layer == nullptr ? config : *layer->config;
}

const payloads::port_schemas* payloads_of(const plan_actor& a) {
  if (!a.config) return nullptr;
  const auto& config = *a.config;
  if (typeid(config) != typeid(config_with_payloads)) return nullptr;
  return static_cast<const config_with_payloads&>(config).ports.get();
}

std::vector<payloads::schema_ptr> schemas_of(const plan& graph) {
  std::map<std::string, payloads::schema_ptr> all;
  for (const auto& a : graph.actors)
    if (const auto* ports = a.removed ? nullptr : payloads_of(a))
      for (const auto* side : {&ports->outputs, &ports->inputs})
        for (const auto& s : *side)
          if (s) all.emplace(s->name(), s);
  std::vector<payloads::schema_ptr> out;
  for (auto& [name, s] : all) out.push_back(std::move(s));
  return out;
}

std::string schema_text(const payloads::payload_schema& s) {
  switch (s.kind()) {
    case payloads::form::json: return fmt::format("{{json_text: {}}}", quoted(s.source()));
    case payloads::form::protobuf:
      return fmt::format("{{descriptors_hex: {}, message: {}}}", quoted(hex_of(s.source())),
                         quoted(s.message()));
    case payloads::form::bytes: break;
  }
  const auto space = s.source().find(' ');
  return fmt::format("{{bytes: true, min_bytes: {}, max_bytes: {}}}", s.source().substr(0, space),
                     s.source().substr(space + 1));
}

std::string payloads_text(const plan_actor& a) {
  const auto* carried = payloads_of(a);
  if (carried == nullptr) return "";
  std::vector<std::string> out;
  const auto add = [&](const auto& ports, const auto& schemas) {
    for (std::size_t i = 0; i < ports.size(); ++i)
      if (const auto* s = payloads::schema_of(schemas, i))
        out.push_back(fmt::format("{}: {}", ports[i].name, s->name()));
  };
  add(a.type->info.outputs, carried->outputs);
  // A name on both sides is one key: it says both.
  for (std::size_t i = 0; i < a.type->info.inputs.size(); ++i) {
    const auto* s = payloads::schema_of(carried->inputs, i);
    const auto line =
        s == nullptr ? "" : fmt::format("{}: {}", a.type->info.inputs[i].name, s->name());
    if (!line.empty() && std::find(out.begin(), out.end(), line) == out.end()) out.push_back(line);
  }
  return out.empty() ? "" : fmt::format("{{{}}}", fmt::join(out, ", "));
}

std::string payloads_change(const plan_actor& was, const plan_actor& is) {
  const auto all = [](const plan_actor& a) {
    std::string out;
    const auto* carried = payloads_of(a);
    if (carried == nullptr) return out;
    for (const auto* ports : {&carried->outputs, &carried->inputs})
      for (const auto& s : *ports) out += port_text(s.get()) + "\n";
    return out;
  };
  if (all(was) == all(is) || was.type->info.type != is.type->info.type) return "";
  const auto before = payloads_text(was), after = payloads_text(is);
  if (before == after) return fmt::format("payloads: what {} says", after);
  return fmt::format("payloads: {} -> {}", before.empty() ? "any" : before,
                     after.empty() ? "any" : after);
}

std::string why_other_payload(const plan_actor& from, std::size_t from_port, const plan_actor& to,
                              std::size_t to_port) {
  const auto* in = payloads_of(to);
  const auto* out = payloads_of(from);
  const auto* wanted = in == nullptr ? nullptr : payloads::schema_of(in->inputs, to_port);
  if (wanted == nullptr) return "";
  const auto* given = out == nullptr ? nullptr : payloads::schema_of(out->outputs, from_port);
  if (given == wanted) return "";
  return given == nullptr
             ? fmt::format("anything where `{}` is declared", wanted->name())
             : fmt::format("`{}` where `{}` is declared", given->name(), wanted->name());
}

}  // namespace hocket::spec
