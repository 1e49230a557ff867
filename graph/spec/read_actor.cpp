#include <algorithm>

#include <fmt/format.h>

#include "graph/spec/payloads.hpp"
#include "graph/spec/process.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/read_parts.hpp"

namespace hocket::spec {
namespace {

void read_queue(const value& item, const std::string& owner, link_spec& link,
                diagnostics& findings) {
  std::int64_t size = 0, max_age_ms = 0;
  std::string full;
  read_keys(item, owner + ": queue", {}, findings, [&](config_visitor& v) {
    v.field({.name = "size", .doc = "packets it holds", .min = 1, .max = 65536}, size);
    v.field({.name = "full",
             .doc = "what a full queue does with one more packet",
             .choices = {"block", "drop_oldest", "drop_newest", "latest"}},
            full);
    v.field({.name = "max_age_ms",
             .doc = "older packets are dropped; 0 = no limit",
             .unit = "ms",
             .min = 0,
             .max = 3.6e6},
            max_age_ms);
  });
  auto& q = link.queue;
  q.where = item.where();
  if (size > 0) q.size = static_cast<std::int32_t>(size);
  if (item.find("max_age_ms") != nullptr) q.max_age_ms = static_cast<std::int32_t>(max_age_ms);
  for (const auto p : {full_policy::block, full_policy::drop_oldest, full_policy::drop_newest,
                       full_policy::latest})
    if (full == to_string(p)) q.full = p;
}

bool split_endpoint(const std::string& text, link_spec& link) {
  const auto dot = text.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == text.size()) return false;
  link.actor = text.substr(0, dot);
  link.port = text.substr(dot + 1);
  return true;
}

void read_inputs(const value& inputs, const std::string& owner, actor_spec& actor,
                 diagnostics& findings) {
  const auto* map = inputs.get_if<value::map>();
  actor.inputs_broken = map == nullptr;
  if (map == nullptr)
    return add_error(findings, inputs.where(), "config.type",
                     fmt::format("{}: `inputs` must be a map, not {}", owner, inputs.kind_name()),
                     "write `inputs: {audio: mic.audio}`");
  for (const auto& e : *map) {
    input_spec input;
    input.port = e.key;
    input.where = e.key_where;
    const auto name = fmt::format("{}: input {}", owner, e.key);
    if (const auto* list = e.item.get_if<value::list>()) {
      for (const auto& item : *list)
        if (auto link = read_link(item, name, findings)) input.links.push_back(std::move(*link));
      if (list->empty())
        add_error(findings, e.item.where(), "link.syntax", name + ": an empty list of links",
                  "leave the input out, or name an output: `actor.port`");
    } else if (auto link = read_link(e.item, name, findings)) {
      input.links.push_back(std::move(*link));
    }
    actor.inputs.push_back(std::move(input));
  }
}

void read_restart(const value& item, const std::string& owner, actor_spec& actor,
                  diagnostics& findings) {
  auto& r = actor.restart;
  std::string policy = "on_failure", then = "stop_graph";
  std::int64_t max = r.max, backoff_ms = r.backoff_ms, backoff_max_ms = r.backoff_max_ms;
  read_keys(item, owner + ": restart", {}, findings, [&](config_visitor& v) {
    v.field({.name = "policy",
             .doc = "when a component is made anew",
             .choices = {"never", "on_failure", "always"}},
            policy);
    v.field({.name = "max", .doc = "restarts within the window", .min = 0, .max = 1e6}, max);
    v.field({.name = "within_s", .doc = "the window", .unit = "s", .min = 0.001, .max = 86400},
            r.within_s);
    v.field({.name = "backoff_ms",
             .doc = "wait before the first restart; doubles each time",
             .unit = "ms",
             .min = 0,
             .max = 3.6e6},
            backoff_ms);
    v.field({.name = "backoff_max_ms", .doc = "longest wait", .unit = "ms", .min = 0, .max = 3.6e6},
            backoff_max_ms);
    v.field(
        {.name = "then", .doc = "when restarts are used up", .choices = {"stop_graph", "continue"}},
        then);
  });
  r.when = policy == "never"    ? restart_policy::mode::never
           : policy == "always" ? restart_policy::mode::always
                                : restart_policy::mode::on_failure;
  r.max = static_cast<std::int32_t>(max);
  r.backoff_ms = static_cast<std::int32_t>(backoff_ms);
  r.backoff_max_ms = static_cast<std::int32_t>(backoff_max_ms);
  r.stop_graph = then == "stop_graph";
  if (r.backoff_ms > r.backoff_max_ms)
    add_error(findings, item.where(), "restart.backoff",
              fmt::format("{}: restart: backoff_ms {} is longer than backoff_max_ms {}", owner,
                          r.backoff_ms, r.backoff_max_ms),
              "raise `backoff_max_ms` or lower `backoff_ms`");
}

const std::vector<std::string>& include_keys() {
  static const std::vector<std::string> keys = {"include", "on", "inputs", "doc"};
  return keys;
}

void read_include(const value& item, actor_spec& actor, diagnostics& findings) {
  include_spec inc;
  inc.where = item.where();
  if (const auto* text = item.get_if<std::string>()) {
    inc.file = *text;
  } else {
    read_keys(item, actor.name + ": include", {"with"}, findings, [&](config_visitor& v) {
      v.field({.name = "file", .doc = "graph file, relative to this one", .required = true},
              inc.file);
    });
    if (const auto* with = item.find("with")) inc.with = *with;
  }
  actor.include = std::move(inc);
}

void read_own_keys(actor_spec& actor, diagnostics& findings) {
  const auto& body = actor.body;
  if (const auto* c = body.find("component"); c != nullptr && c->get_if<std::string>() != nullptr)
    actor.component = *c->get_if<std::string>();
  const auto owner = actor.title();
  std::string policy;
  std::int64_t watchdog_ms = actor.watchdog_ms, replicas = 0;
  std::string doc;
  const auto* on = body.find("on");
  const bool several = on != nullptr && on->get_if<value::list>() != nullptr;
  diagnostics own;  // the component's keys are checked later, against its own config
  std::vector<std::string> all;
  for (const auto& e : *body.get_if<value::map>()) all.push_back(e.key);
  read_keys(body, owner, all, own, [&](config_visitor& v) {
    v.field({.name = "component", .doc = "registered type"}, actor.component);
    if (several)
      v.field({.name = "on", .doc = "hosts of its replicas"}, actor.on_each);
    else
      v.field({.name = "on", .doc = "host"}, actor.on);
    v.field({.name = "replicas",
             .doc = "instances that share the conversations",
             .min = 1,
             .max = max_replicas},
            replicas);
    v.field({.name = "doc", .doc = "what it is for"}, doc);
    v.field({.name = "policy",
             .doc = "how inputs are handed over",
             .choices = {"immediate", "latest", "aligned", "micro_turn"}},
            policy);
    v.field({.name = "watchdog_ms",
             .doc = "a call that takes longer is a hang; 0 = off",
             .unit = "ms",
             .min = 0,
             .max = 3.6e6},
            watchdog_ms);
  });
  for (const auto& d : own.items()) findings.add(d);
  actor.watchdog_ms = static_cast<std::int32_t>(watchdog_ms);
  const auto hosts = static_cast<std::int64_t>(actor.on_each.size());
  actor.replicas = static_cast<std::int32_t>(
      replicas > 0 ? replicas : std::clamp<std::int64_t>(hosts, 1, max_replicas));
  if (several && !actor.on_each.empty()) actor.on = actor.on_each.front();
  for (const auto p : {input_policy::immediate, input_policy::latest, input_policy::aligned,
                       input_policy::micro_turn})
    if (policy == to_string(p)) actor.policy = p;
  auto place = [&](const char* key) {
    const auto* item = body.find(key);
    return item != nullptr ? item->where() : actor.where;
  };
  actor.component_where = place("component");
  actor.on_where = place("on");
  actor.replicas_where = body.find("replicas") != nullptr ? place("replicas") : actor.on_where;
  actor.policy_where = place("policy");
}

}  // namespace

void check_name(const std::string& what, const std::string& name, const source_mark& where,
                diagnostics& findings) {
  const bool word = !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                    });
  if (!word || name == subgraph_actor)
    add_error(findings, where, "name.bad",
              name == subgraph_actor
                  ? fmt::format("{} `{}`: this name stands for a sub-graph's own ports", what, name)
                  : fmt::format("{} `{}` is no name", what, name),
              "names are lower-case words: letters, digits and _, a letter first");
}

namespace {

/// `from: [a.b, c.d]`: an input with several sources is a list of links instead.
void told_list(const value& from, const std::string& owner, diagnostics& findings) {
  std::string links;
  for (const auto& each : *from.get_if<value::list>()) {
    const auto* text = each.get_if<std::string>();
    links += fmt::format("{}{{from: {}, …}}", links.empty() ? "" : ", ",
                         text != nullptr ? *text : "actor.port");
  }
  const auto port = owner.substr(owner.rfind(' ') + 1);
  add_error(findings, from.where(), "link.syntax",
            fmt::format("{}: `from` names one output, not a list", owner),
            fmt::format("an input with several sources is a list of links: `{}: [{}]`", port,
                        links.empty() ? "{from: actor.port, …}" : links));
}

}  // namespace

std::optional<link_spec> read_link(const value& item, const std::string& owner,
                                   diagnostics& findings) {
  link_spec link;
  link.where = item.where();
  std::string from;
  if (item.is_null() && item.adapts() && item.literal().empty())
    return {};  // a failed reference, told already
  if (const auto* text = item.get_if<std::string>()) {
    from = *text;
  } else if (item.get_if<value::map>() != nullptr) {
    const auto* several = item.find("from");
    if (several != nullptr && several->get_if<value::list>() == nullptr) several = nullptr;
    if (several != nullptr) told_list(*several, owner, findings);
    std::vector<std::string> told{"queue"};
    if (several != nullptr) told.push_back("from");
    read_keys(item, owner, told, findings, [&](config_visitor& v) {
      if (several == nullptr)
        v.field({.name = "from", .doc = "the output that feeds it", .required = true}, from);
      v.field({.name = "back_edge", .doc = "closes a cycle on purpose"}, link.back_edge);
    });
    if (const auto* queue = item.find("queue")) read_queue(*queue, owner, link, findings);
    if (const auto* f = item.find("from")) link.where = f->where();
    if (from.empty()) return {};
  } else {
    add_error(findings, item.where(), "link.syntax",
              fmt::format("{}: a link must be `actor.port` or a map with `from`, not {}", owner,
                          item.kind_name()));
    return {};
  }
  if (split_endpoint(from, link)) return link;
  add_error(findings, link.where, "link.syntax", fmt::format("{}: `{}` is no link", owner, from),
            fmt::format("write `actor.port`, such as `{}.audio`", from.empty() ? "mic" : from));
  return {};
}

actor_spec read_actor(const value::entry& entry, bool dotted, diagnostics& findings) {
  actor_spec actor;
  actor.name = entry.key;
  actor.where = entry.key_where;
  actor.body = entry.item;
  auto rest = actor.name;
  for (std::size_t dot; dotted && (dot = rest.find('.')) != rest.npos; rest.erase(0, dot + 1))
    check_name("actor", rest.substr(0, dot), actor.where, findings);
  check_name("actor", rest, actor.where, findings);
  if (entry.item.get_if<value::map>() == nullptr) {
    add_error(findings, entry.item.where(), "config.type",
              fmt::format("{}: an actor must be a map of keys, not {}", actor.name,
                          entry.item.kind_name()),
              fmt::format("write `{}: {{component: …}}`", actor.name));
    return actor;
  }
  read_own_keys(actor, findings);
  const auto* include = entry.item.find("include");
  if (include != nullptr) {
    for (const auto& e : *entry.item.get_if<value::map>())
      if (std::find(include_keys().begin(), include_keys().end(), e.key) == include_keys().end())
        add_unknown_key("config.unknown-key", actor.name + " (include)", e.key, e.key_where,
                        include_keys(), findings);
    read_include(*include, actor, findings);
  } else if (actor.body.find("component") == nullptr) {
    add_error(findings, actor.where, "actor.no-component",
              fmt::format("{}: `component` is missing", actor.name),
              "`hocket list` shows the components");
  }
  if (const auto* inputs = entry.item.find("inputs"))
    read_inputs(*inputs, actor.title(), actor, findings);
  if (const auto* payloads = entry.item.find("payloads"))
    actor.payloads = read_payloads(*payloads, actor.title(), findings);
  if (const auto* restart = entry.item.find("restart"))
    read_restart(*restart, actor.title(), actor, findings);
  if (const auto* process = entry.item.find("process"))
    actor.process = read_process(*process, actor.title() + ": process", findings);
  return actor;
}

}  // namespace hocket::spec
