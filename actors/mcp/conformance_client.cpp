// A client for the public conformance suite (npm @modelcontextprotocol/conformance), by hand:
//   conformance client --command build/hocket_mcp_client --scenario NAME --spec-version DATE
// The suite adds the URL and says in the environment which scenario and version it plays. By hand
// also: hocket_mcp_client [--reads P] [--writes P] [--runs P] [--network HOST:PORT] [--environment NAME]
// [--call TOOL JSON] -- PROGRAM ARGUMENT..., which lists the tools of a child in a sandbox, and calls some.
#include <fmt/format.h>

#include <cstdlib>

#include "actors/mcp/source.hpp"

namespace {

using namespace hocket;
using mcp::json;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// Arguments that a schema would take: the default, the first choice, or something of the type.
json filled(const json& schema, const json& first_schema) {
  json out = json::object();
  const auto& properties = mcp::member(schema, "properties");
  if (!properties.is_object()) return out;
  for (const auto& [name, p] : properties.items()) {
    const auto type = mcp::text_of(p, "type");
    if (p.contains("default"))
      out[name] = p["default"];
    else if (p.contains("enum") && !p["enum"].empty())
      out[name] = p["enum"][0];
    else if (type == "integer" || type == "number")
      out[name] = 5;
    else if (type == "boolean")
      out[name] = true;
    else if (type == "string")
      out[name] = "text";
    else if (type == "object" && name == "schema")  // a scenario wants a schema back as it was told
      out[name] = first_schema;
  }
  return out;
}

int fail_with(const error& e) {
  fmt::print(stderr, "{}: {}\n", e.code, e.message);
  return 1;
}

}  // namespace

int main(int count, char** arguments) {
  mcp::source::config c;
  c.forms = "defaults";
  c.time_limit_ms = 20'000;
  const auto version = variable("MCP_CONFORMANCE_PROTOCOL_VERSION");
  if (!version.empty()) c.era = version < mcp::stateless_version ? "handshake" : "stateless";
  std::vector<std::pair<std::string, json>> calls;
  int at = 1;
  for (; at + 1 < count && std::string(arguments[at]) != "--"; at += 2) {
    const std::string flag = arguments[at];
    auto* const list = flag == "--reads"         ? &c.reads
                       : flag == "--writes"      ? &c.writes
                       : flag == "--runs"        ? &c.runs
                       : flag == "--network"     ? &c.network
                       : flag == "--environment" ? &c.environment
                                                 : nullptr;
    if (flag == "--call" && at + 2 < count) {
      calls.emplace_back(arguments[at + 1], json::parse(arguments[at + 2], nullptr, false));
      ++at;
    } else if (list != nullptr) {
      list->emplace_back(arguments[at + 1]);
    } else {
      return fail_with({"usage", "unknown: " + flag});
    }
  }
  if (at + 1 < count)
    c.command.assign(arguments + at + 1, arguments + count);
  else if (count == 2)
    c.url = arguments[1];
  else
    return fail_with({"usage", "hocket_mcp_client URL | -- PROGRAM ARGUMENT..."});

  mcp::source source(c);
  tool_source_context where;
  where.name = "server";
  where.log = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  if (const auto done = source.open(where); !done) return fail_with(done.error());
  const auto tools = source.list();
  if (!tools) return fail_with(tools.error());
  for (const auto& t : *tools)
    fmt::print("{}: {}\n", t.name, t.summary.substr(0, t.summary.find('\n')));
  // Where the suite says what to call, that; else each tool once.
  const auto context = json::parse(variable("MCP_CONFORMANCE_CONTEXT"), nullptr, false);
  if (const auto& asked = mcp::member(context, "toolCalls"); asked.is_array())
    for (const auto& a : asked)
      calls.emplace_back(mcp::text_of(a, "name"), mcp::member(a, "arguments"));
  else if (c.command.empty())
    for (const auto& t : *tools)
      calls.emplace_back(
          t.name, filled(json::parse(t.parameters_json_schema, nullptr, false),
                         json::parse(tools->front().parameters_json_schema, nullptr, false)));
  for (const auto& [name, args] : calls) {
    const auto said = source.call(name, mcp::line_of(args), {});
    fmt::print("{} -> {}\n", name, said ? *said : said.error().code + ": " + said.error().message);
  }
  source.close();
  return 0;
}
