#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/payloads/payload_schema.hpp"
#include "graph/spec/spec.hpp"

/// `schemas:` of a graph, and `payloads:` of its actors: which ports carry what.
namespace hocket::spec {

/// `expanded`: schemas stand in the text, as schema_text() writes them.
void read_schemas(const value& root, bool expanded, graph_spec& graph, diagnostics& findings);
std::vector<payload_spec> read_payloads(const value& item, const std::string& owner,
                                        diagnostics& findings);

/// Makes the schemas of one file. `read`: a file's content by its path from the graph's file.
void make_schemas(graph_spec& graph,
                  const std::function<result<std::string>(const std::string& path)>& read,
                  diagnostics& findings);
/// Those of an included file join; one name is one schema.
void merge_schemas(std::vector<schema_spec> inner, graph_spec& graph, diagnostics& findings);

/// A config that says, too, what its actor's ports carry. It is visited as the config is, and is the
/// outermost layer of a plan's configs.
std::shared_ptr<config_base> with_payloads(std::shared_ptr<config_base> config,
                                           std::shared_ptr<const payloads::port_schemas> ports);
/// Another config with what the ports of this actor carry.
std::shared_ptr<config_base> with_payloads(const plan_actor& of,
                                           std::shared_ptr<config_base> config);
/// The config inside; the same where no port has a schema.
std::shared_ptr<config_base> without_payloads(const std::shared_ptr<config_base>& config);
config_base& without_payloads(config_base& config);
/// nullptr: any payload of its kind on all ports. Cost: one comparison of types.
const payloads::port_schemas* payloads_of(const plan_actor& a);
/// All that the ports of a graph carry, by name.
std::vector<payloads::schema_ptr> schemas_of(const plan& graph);

/// A schema as a map in an expanded graph; all of it.
std::string schema_text(const payloads::payload_schema& s);
/// "{text: order}"; "" where no port has a schema.
std::string payloads_text(const plan_actor& a);
/// What a rewire says of ports whose schemas, or what these say, differ; "" where none does.
std::string payloads_change(const plan_actor& was, const plan_actor& is);
/// Why an output cannot feed an input that wants a schema; empty where it can.
std::string why_other_payload(const plan_actor& from, std::size_t from_port, const plan_actor& to,
                              std::size_t to_port);

}  // namespace hocket::spec
