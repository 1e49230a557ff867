#include "tools/hocket/run/peer_rules.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "graph/spec/expand.hpp"
#include "graph/spec/permit.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/yaml.hpp"
#include "graph/trust/audit.hpp"
#include "graph/trust/budget.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

void read_peer(const value& from, trust::policy& into, diagnostics& findings) {
  std::vector<std::string> elements;
  spec::read_keys(from, "peer", {}, findings, [&](config_visitor& v) {
    v.field({.name = "components", .doc = "component types that other hosts may add here"},
            into.components);
    v.field({.name = "elements", .doc = "GStreamer elements beside those that compute and decode"},
            elements);
    v.field({.name = "folders", .doc = "from which their actors may read"}, into.folders);
  });
  into.elements.insert(into.elements.end(), elements.begin(), elements.end());
}

/// What another host sends lies, with all that it includes, where this host's own graph lies: that is
/// where its paths lead.
void bring_here(host::graph_text& text, const std::string& folder) {
  const auto there = fs::path(text.file).parent_path();
  const auto here = [&](const std::string& path) {
    return (folder / fs::path(path).lexically_relative(there)).lexically_normal().string();
  };
  std::map<std::string, std::string> includes;
  for (auto& [path, content] : text.includes)
    includes[path.starts_with('/') ? here(path) : path] = std::move(content);
  text.includes = std::move(includes);
  text.file = here(text.file);
}

result<void> judge(const plan& asked, const host::graph_text& text, const peer_rules& rules) {
  diagnostics findings;
  spec::permit_here(asked, rules.host, rules.may, findings);
  if (!findings.has_errors()) return {};
  trust::note_refusal(
      {"host " + text.from, "change the graph", text.file, "it asks for what it may not do here"});
  say(stderr, "warning: host {} asks for what it may not do here: {}", text.from,
      findings.to_string());
  return fail("trust.refused", findings.to_string());
}

}  // namespace

result<peer_rules> rules_for_peers(const plan& own, const std::string& host,
                                   const std::string& allow_file) {
  peer_rules out;
  out.host = host;
  std::error_code failed;
  out.folder = fs::absolute(own.file, failed).parent_path().string();
  for (const auto& h : own.hosts)
    if (h.rewires) out.rewirers.push_back(h.name);
  out.may = trust::default_policy(trust::level::peer);
  if (!allow_file.empty()) {
    const auto text = spec::read_from_disk(allow_file);
    if (!text) return fail("allow.bad_file", allow_file + ": " + text.error().message);
    diagnostics findings;
    const auto tree = spec::parse_yaml(allow_file, *text, findings);
    const auto* keys = tree ? tree->get_if<value::map>() : nullptr;
    if (tree && keys == nullptr)
      spec::add_error(findings, {allow_file, 1, 1}, "config.type", "must be a map with `peer:`");
    for (std::size_t i = 0; keys != nullptr && i < keys->size(); ++i) {
      const auto& e = (*keys)[i];
      if (e.key == "peer")
        read_peer(e.item, out.may, findings);
      else
        add_unknown_key("config.unknown-key", "allow", e.key, e.key_where, {"peer"}, findings);
    }
    if (findings.has_errors()) return fail("allow.bad_file", findings.to_string());
  }
  out.may = spec::with_own(std::move(out.may), own);
  return out;
}

result<plan> load_for_rewire(host::graph_text& text, live_types& types, const graph_options& given,
                             const peer_rules& rules, bool has_hosts) {
  using travel = text_origin::travel;
  if (text.from.empty())
    return types.read(text, given, {.travels = has_hosts ? travel::goes : travel::stays},
                      [](const plan&) -> result<void> { return {}; });
  if (!rules.rewirers.empty() &&
      std::find(rules.rewirers.begin(), rules.rewirers.end(), text.from) == rules.rewirers.end()) {
    trust::note_refusal({"host " + text.from, "change the graph", text.file});
    return fail(
        "rewire.not_allowed",
        fmt::format("host {} may not change the graph: mark it `rewires: true` under `hosts:`",
                    text.from));
  }
  // Before anything is read: each asks for a plan to be made, and all hosts for their word.
  static trust::budget asked({{trust::spends::rewires, {.per_minute = 30}}});
  if (!asked.take(text.from, trust::spends::rewires)) {
    trust::note_refusal({"host " + text.from, "change the graph", text.file, "30 in a minute"});
    return fail(
        "rewire.too_often",
        fmt::format("host {} asked for 30 changes within a minute; wait a little", text.from));
  }
  bring_here(text, rules.folder);
  // Its parameters and settings went into the hash that both sides compare.
  auto graph = types.read(text, given, {.travels = travel::came},
                          [&](const plan& asked) { return judge(asked, text, rules); });
  // What is not allowed here it is told; the rest may hold values of this host.
  if (!graph && (graph.error().code == "trust.refused" || graph.error().code == "rewire.plugins"))
    return graph;
  if (!graph) {
    say(stderr, "warning: host {} asks for a graph that cannot be read here: {}\n", text.from,
        graph.error().message);
    return fail(graph.error().code,
                fmt::format("it does not read on host {} as where it was asked for; its own log "
                            "says why",
                            rules.host));
  }
  return graph;
}

}  // namespace hocket::cli
