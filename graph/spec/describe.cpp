#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "graph/contract/config.hpp"
#include "graph/spec/docs.hpp"

namespace hocket::spec {
namespace {

using json = nlohmann::ordered_json;

std::string queue_text(const queue_spec& q) {
  auto out = fmt::format("{}, {}", q.size, to_string(q.full));
  if (q.max_age_ms > 0) out += fmt::format(", at most {} ms old", q.max_age_ms);
  return out;
}

std::string range_text(const field_info& f) {
  if (!f.choices.empty()) return fmt::format("{}", fmt::join(f.choices, ", "));
  if (f.min && f.max) return fmt::format("{} to {}", *f.min, *f.max);
  if (f.min) return fmt::format("at least {}", *f.min);
  if (f.max) return fmt::format("at most {}", *f.max);
  return "";
}

std::vector<std::string> policies_of(const component_info& info) {
  std::vector<std::string> out = {std::string(to_string(info.policy))};
  for (const auto p : info.policies)
    if (p != info.policy) out.emplace_back(to_string(p));
  return out;
}

std::string traits_of(const component_info& info) {
  std::string out = info.scope == instance_scope::session ? "one instance per session"
                                                          : "one instance for all sessions";
  if (info.source) out += fmt::format(", source (asked every {} ms)", info.period_ms);
  if (info.ticks) out += ", ticks every micro-turn";
  if (info.blocking) out += ", may wait: has a thread of its own";
  if (info.latency_ms > 0) out += fmt::format(", adds {} ms", info.latency_ms);
  return out;
}

using row = std::vector<std::string>;

/// Columns as wide as their widest cell; the last one is free.
std::string columns(const std::vector<row>& rows) {
  std::vector<std::size_t> width;
  for (const auto& r : rows) {
    width.resize(std::max(width.size(), r.size()));
    for (std::size_t i = 0; i < r.size(); ++i) width[i] = std::max(width[i], r[i].size());
  }
  std::string out;
  for (const auto& r : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < r.size(); ++i)
      line += i + 1 < r.size() ? fmt::format("{:<{}}  ", r[i], width[i]) : r[i];
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string value_text(const field_doc& f) { return f.info.required ? "required" : f.default_text; }

std::vector<row> field_rows(const std::vector<field_doc>& fields) {
  std::vector<row> rows;
  for (const auto& f : fields)
    rows.push_back(
        {f.info.name, f.type, value_text(f), f.info.unit, range_text(f.info), f.info.doc});
  return rows;
}

std::string example_value(const field_doc& f) {
  if (!f.info.choices.empty()) return f.info.choices[0];
  return f.type.ends_with("list") ? "[…]" : "…";
}

/// What is the tool's own word is said as such: it runs in the process that asks it.
std::string network_text(const tool_policy& policy) {
  return policy.network_hosts.empty() ? std::string("says it needs no network (not enforced)")
                                      : fmt::format("says it reaches {} (not enforced)",
                                                    fmt::join(policy.network_hosts, ", "));
}

/// A line to copy: every required key and input is in it.
std::string example_line(const component_type& type, const std::vector<field_doc>& fields) {
  const auto& info = type.info;
  auto name = info.type.substr(info.type.find('.') + 1);
  std::string out = fmt::format("{}: {{component: {}", name, info.type);
  for (const auto& f : fields) {
    if (f.info.required) out += fmt::format(", {}: {}", f.info.name, example_value(f));
  }
  std::vector<std::string> inputs;
  for (const auto& p : info.inputs)
    if (p.required) inputs.push_back(fmt::format("{}: actor.port", p.name));
  if (!inputs.empty()) out += fmt::format(", inputs: {{{}}}", fmt::join(inputs, ", "));
  return out + "}";
}

json media_json(const media_type& m) {
  json out = {{"kind", to_string(m.kind)}, {"text", m.to_string()}};
  if (m.rate_hz > 0) out["rate_hz"] = m.rate_hz;
  if (m.channels > 0) out["channels"] = m.channels;
  if (m.element) out["element"] = to_string(*m.element);
  if (!m.shape.empty()) out["shape"] = m.shape;
  if (m.packets_per_s > 0) out["packets_per_s"] = m.packets_per_s;
  return out;
}

json field_json(const field_doc& f) {
  json out = {{"name", f.info.name}, {"type", f.type}, {"doc", f.info.doc}};
  out["required"] = f.info.required;
  if (!f.info.required) out["default"] = json::parse(f.default_text, nullptr, false);
  if (!f.info.unit.empty()) out["unit"] = f.info.unit;
  if (f.info.min) out["min"] = *f.info.min;
  if (f.info.max) out["max"] = *f.info.max;
  if (!f.info.choices.empty()) out["choices"] = f.info.choices;
  if (f.info.is_path) out["path"] = true;
  if (f.info.is_tool_list) out["tools"] = true;
  if (f.info.is_output) out["output"] = true;
  if (f.info.is_pipeline) out["pipeline"] = true;
  return out;
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.insert(at, "\\");
  return text.empty() ? " " : text;
}

std::string table(const std::vector<row>& rows) {
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += "|";
    for (const auto& c : rows[i]) out += fmt::format(" {} |", cell(c));
    out += "\n";
    if (i > 0) continue;
    out += "|";
    for (std::size_t k = 0; k < rows[0].size(); ++k) out += "---|";
    out += "\n";
  }
  return out;
}

}  // namespace

std::string describe_text(const component_type& type) {
  const auto& info = type.info;
  const auto config = type.make_config();
  const auto fields = document(*config);
  std::string out = fmt::format("{} - {}\n{}\n", info.type, info.summary, traits_of(info));
  if (!info.inputs.empty())
    out += fmt::format("input policy: {}\n", fmt::join(policies_of(info), ", or "));
  std::vector<row> rows;
  for (const auto& p : info.inputs)
    rows.push_back({p.name, p.type.to_string(), p.required ? "required" : "optional",
                    "queue " + queue_text(p.queue), p.doc});
  if (!rows.empty()) out += "\ninputs\n" + columns(rows);
  rows.clear();
  for (const auto& p : info.outputs) rows.push_back({p.name, p.type.to_string(), p.doc});
  if (!rows.empty()) out += "\noutputs\n" + columns(rows);
  if (!fields.empty()) out += "\nconfig\n" + columns(field_rows(fields));
  return out + "\nexample\n  " + example_line(type, fields) + "\n";
}

std::string describe_text(const tool_type& type) {
  const auto& i = type.info;
  return fmt::format(
      "{} - {}\ntool, time limit {} ms, result at most {} bytes; {}\n\narguments\n  {}\n", i.name,
      i.summary, i.policy.time_limit_ms, i.policy.max_result_bytes, network_text(i.policy),
      i.parameters_json_schema);
}

std::string describe_text(part_kind kind, const part_type& type) {
  const auto config = type.make_config();
  const auto fields = document(*config);
  const bool source = kind == part_kind::tool_source;
  std::string out = fmt::format("{} - {}\n{}\n", type.name, type.summary,
                                source ? "tool source" : to_string(kind));
  if (source)
    if (const auto& tools = static_cast<const tool_source_type&>(type).tools; !tools.empty())
      out += fmt::format("tools: {}\n", fmt::join(tools, ", "));
  if (!fields.empty()) out += "\nconfig\n" + columns(field_rows(fields));
  std::string use = fmt::format("{{use: {}", type.name);
  for (const auto& f : fields)
    if (f.info.required) use += fmt::format(", {}: {}", f.info.name, example_value(f));
  return out + fmt::format("\nexample\n  {}: {}}}\n", source ? "tool_sources: {name" : "planner",
                           use + (source ? "}" : ""));
}

std::string describe_json(const component_type& type) {
  const auto& info = type.info;
  json out = {{"type", info.type},
              {"summary", info.summary},
              {"scope", info.scope == instance_scope::session ? "session" : "shared"},
              {"source", info.source},
              {"ticks", info.ticks},
              {"blocking", info.blocking},
              {"latency_ms", info.latency_ms},
              {"policies", policies_of(info)}};
  out["inputs"] = json::array();
  for (const auto& p : info.inputs)
    out["inputs"].push_back({{"name", p.name},
                             {"media", media_json(p.type)},
                             {"required", p.required},
                             {"queue",
                              {{"size", p.queue.size},
                               {"full", to_string(p.queue.full)},
                               {"max_age_ms", p.queue.max_age_ms}}},
                             {"doc", p.doc}});
  out["outputs"] = json::array();
  for (const auto& p : info.outputs)
    out["outputs"].push_back({{"name", p.name}, {"media", media_json(p.type)}, {"doc", p.doc}});
  out["config"] = json::array();
  const auto config = type.make_config();
  for (const auto& f : document(*config)) out["config"].push_back(field_json(f));
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string describe_json(const tool_type& type) {
  const auto& i = type.info;
  json out = {{"name", i.name},
              {"summary", i.summary},
              {"time_limit_ms", i.policy.time_limit_ms},
              {"max_result_bytes", i.policy.max_result_bytes},
              {"network_hosts", i.policy.network_hosts},
              {"network_enforced", false},
              {"parameters", json::parse(i.parameters_json_schema, nullptr, false)}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string describe_json(part_kind kind, const part_type& type) {
  json out = {{"kind", to_string(kind)}, {"name", type.name}, {"summary", type.summary}};
  if (kind == part_kind::tool_source)
    out["tools"] = static_cast<const tool_source_type&>(type).tools;
  out["config"] = json::array();
  const auto config = type.make_config();
  for (const auto& f : document(*config)) out["config"].push_back(field_json(f));
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string readme_tables(const component_type& type) {
  const auto& info = type.info;
  std::string out = fmt::format("`{}`: {} ({}", info.type, info.summary, traits_of(info));
  if (!info.inputs.empty())
    out += fmt::format("; input policy {}", fmt::join(policies_of(info), " or "));
  out += ")\n";
  std::vector<row> rows = {{"input", "media", "required", "default queue", "what"}};
  for (const auto& p : info.inputs)
    rows.push_back({"`" + p.name + "`", p.type.to_string(), p.required ? "yes" : "no",
                    queue_text(p.queue), p.doc});
  if (rows.size() > 1) out += "\n" + table(rows);
  rows = {{"output", "media", "what"}};
  for (const auto& p : info.outputs)
    rows.push_back({"`" + p.name + "`", p.type.to_string(), p.doc});
  if (rows.size() > 1) out += "\n" + table(rows);
  rows = {{"key", "type", "default", "unit", "valid", "what"}};
  const auto config = type.make_config();
  for (const auto& f : document(*config))
    rows.push_back({"`" + f.info.name + "`", f.type,
                    f.info.required ? "required" : "`" + f.default_text + "`", f.info.unit,
                    range_text(f.info), f.info.doc});
  if (rows.size() > 1) out += "\n" + table(rows);
  return out;
}

result<std::string> update_readme(const std::string& text, const std::string& tables) {
  const auto begin = text.find(docs_begin);
  const auto end = text.find(docs_end);
  const auto block = fmt::format("{}\n{}{}", docs_begin, tables, docs_end);
  if (begin == text.npos && end == text.npos) {
    auto out = text;
    if (!out.empty() && out.back() != '\n') out += '\n';
    return out + (out.empty() ? "" : "\n") + block + "\n";
  }
  if (begin == text.npos || end == text.npos || end < begin)
    return fail("docs.markers", fmt::format("`{}` and `{}` must both stand there, in this order",
                                            docs_begin, docs_end));
  return text.substr(0, begin) + block + text.substr(end + docs_end.size());
}

}  // namespace hocket::spec
