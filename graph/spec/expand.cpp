#include "graph/spec/expand.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/payloads.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/references.hpp"
#include "graph/spec/yaml.hpp"
#include "graph/trust/policy.hpp"

namespace hocket::spec {

result<std::string> read_from_disk(const std::string& path) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(path, ec)) return fail("file.missing", "no such file");
  if (std::filesystem::file_size(path, ec) > yaml_limits{}.max_bytes)
    return fail("file.too_large", "larger than a graph file may be");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in) return fail("file.unreadable", "cannot be read");
  return std::move(out).str();
}

namespace {

constexpr std::size_t max_include_depth = 8;

/// Normal form without looking at the disk, so that validation is the same everywhere.
std::string beside(const std::string& file, const std::string& relative) {
  return (std::filesystem::path(file).parent_path() / relative).lexically_normal().string();
}

class expander {
 public:
  expander(const load_options& options, diagnostics& findings)
      : options_(options), findings_(findings) {}

  std::optional<graph_spec> top(const std::string& file, const std::string& text) {
    auto tree = parse_yaml(file, text, findings_);
    if (!tree || told_empty(*tree, file)) return {};
    value::map given;
    for (const auto& [name, v] : options_.params) {
      const source_mark where{"--param " + name + "=" + v, 0, 0};
      auto item = v.empty() ? value(std::string(), where) : plain_scalar(v, where);
      item.set_adapts(true);
      given.push_back({name, where, std::move(item)});
    }
    stack_ = {beside(file, std::filesystem::path(file).filename().string())};
    return read(std::move(*tree), file, options_.sets, given, {file, 1, 1}, "graph", nullptr);
  }

 private:
  bool told_empty(const value& tree, const std::string& file) {
    if (!tree.is_null()) return false;
    add_error(findings_, {file, 1, 1}, "graph.empty", "the file says nothing: it holds no YAML",
              "begin with `hocket: 1`, `name: …` and `actors: {…}`; `hocket list` shows the "
              "components");
    return true;
  }

  graph_spec read(value tree, const std::string& file, const std::vector<std::string>& settings,
                  const value::map& given, const source_mark& given_at, const std::string& user,
                  const path_origins* including) {
    const bool included = including != nullptr;
    const auto origins = std::make_shared<path_origins>();
    std::map<std::string, std::vector<std::string>> inner_settings;
    apply_settings(tree, settings, inner_settings, findings_);
    auto* declared = tree.find("params");  // its defaults may name the environment
    if (declared != nullptr)
      replace_references(*declared, {}, {}, options_, budget_, *origins, findings_);
    const auto params = read_parameters(tree, given, given_at, user, findings_);
    parameter_files files;
    for (const auto& [name, v] : params) files[name] = origins->of(v.where());
    for (const auto& g : given) files[g.key] = included ? including->of(g.item.where()) : "";
    if (auto* entries = tree.get_if<value::map>())
      for (auto& e : *entries)
        if (&e.item != declared)
          replace_references(e.item, params, files, options_, budget_, *origins, findings_);
    auto graph = read_graph(tree, file, included, options_.expanded, findings_);
    make_schemas(
        graph, [&](const std::string& path) { return read_part(file, path); }, findings_);
    graph.origins = origins;
    for (auto& actor : graph.actors) actor.origins = origins;
    if (!included && !graph.inputs.empty())
      add_error(findings_, graph.inputs[0].where, "include.not-alone",
                "this file declares `inputs:`: it is a part of a graph and cannot run alone",
                "include it: `actors: {part: {include: {file: …}, inputs: {…}}}`");
    std::vector<actor_spec> actors;
    std::swap(actors, graph.actors);
    for (auto& actor : actors) {
      if (actor.include)
        include(actor, inner_settings[actor.name], graph);
      else
        graph.actors.push_back(std::move(actor));
    }
    return graph;
  }

  /// A file beside the graph's that belongs to it. Errors: as what reads it.
  result<std::string> read_part(const std::string& file, const std::string& relative) {
    const auto path = beside(file, relative);
    if (--budget_.files < 0) return fail("file.too_many", "the graph names too many files");
    // What was expanded holds all it needs; what says otherwise was made by somebody else.
    if (options_.may != nullptr && options_.expanded)
      return fail("file.refused", "a graph inside a recording reads no files");
    if (options_.may != nullptr) HOCKET_TRY(trust::may_read(*options_.may, path));
    return options_.read_file != nullptr ? options_.read_file(path) : read_from_disk(path);
  }

  std::optional<value> load(const actor_spec& entry, const std::string& path) {
    const auto& where = entry.include->where;
    if (std::find(stack_.begin(), stack_.end(), path) != stack_.end()) {
      add_error(findings_, where, "include.cycle",
                fmt::format("{}: `{}` includes itself", entry.name, path), "",
                {fmt::format("the way here: {}", fmt::join(stack_, " > "))});
      return {};
    }
    if (stack_.size() > max_include_depth || --budget_.files < 0) {
      add_error(findings_, where, "yaml.limit",
                fmt::format("{}: includes are nested deeper than {} or are more than {}",
                            entry.name, max_include_depth, expansion_budget{}.files));
      return {};
    }
    // What was expanded includes nothing any more; what says otherwise was made by somebody else.
    if (options_.may != nullptr && options_.expanded) {
      add_error(findings_, where, "include.file",
                fmt::format("{}: a graph inside a recording includes no files", entry.name));
      return {};
    }
    if (const auto ok =
            options_.may != nullptr ? trust::may_read(*options_.may, path) : result<void>();
        !ok) {
      add_error(findings_, where, "include.file",
                fmt::format("{}: cannot include `{}`: {}", entry.name, path, ok.error().message));
      return {};
    }
    const auto text =
        options_.read_file != nullptr ? options_.read_file(path) : read_from_disk(path);
    if (!text) {
      add_error(findings_, where, "include.file",
                fmt::format("{}: cannot include `{}`: {}", entry.name, path, text.error().message),
                "the path is taken from the folder of the including file");
      return {};
    }
    auto tree = parse_yaml(path, *text, findings_);
    if (tree && told_empty(*tree, path)) return {};
    return tree;
  }

  void include(const actor_spec& entry, const std::vector<std::string>& settings,
               graph_spec& graph) {
    const auto& inc = *entry.include;
    subgraph_spec sub;
    sub.name = entry.name;
    sub.where = entry.where;
    if (inc.file.empty()) return graph.broken.push_back(entry.name);  // told by the reader
    const auto path = beside(graph.file, inc.file);
    auto tree = load(entry, path);
    if (!tree) return graph.broken.push_back(entry.name);
    value::map given;
    if (const auto* with = inc.with.get_if<value::map>())
      given = *with;
    else if (!inc.with.is_null())
      add_error(findings_, inc.with.where(), "config.type",
                fmt::format("{}: `with` must be a map, not {}", entry.name, inc.with.kind_name()));
    stack_.push_back(path);
    auto inner =
        read(std::move(*tree), path, settings, given, inc.where, entry.name, entry.origins.get());
    stack_.pop_back();
    check_ports(entry, inner);
    merge(entry, std::move(inner), std::move(sub), graph);
  }

  void check_ports(const actor_spec& entry, const graph_spec& inner) {
    std::vector<std::string> valid;
    for (const auto& p : inner.inputs) valid.push_back(p.name);
    for (const auto& given : entry.inputs)
      if (std::find(valid.begin(), valid.end(), given.port) == valid.end())
        add_unknown_key("include.unknown-input", entry.name + ": inputs", given.port, given.where,
                        valid, findings_);
    for (const auto& p : inner.inputs) {
      const bool has = std::any_of(entry.inputs.begin(), entry.inputs.end(),
                                   [&](const auto& g) { return g.port == p.name; });
      if (p.required && !has)
        add_error(
            findings_, entry.where, "include.missing-input",
            fmt::format("{}: input `{}` of the included file is not connected", entry.name, p.name),
            fmt::format("write `inputs: {{{}: actor.port}}`", p.name),
            {fmt::format("declared in {}:{}", p.where.file, p.where.line)});
    }
  }

  /// The links that an inner link stands for: itself under the prefix, or what feeds the sub-graph.
  std::vector<link_spec> outer_links(const actor_spec& entry, const graph_spec& inner,
                                     const link_spec& link) {
    auto prefixed = link;
    if (link.actor != subgraph_actor) {
      prefixed.actor = entry.name + "." + link.actor;
      return {prefixed};
    }
    std::vector<std::string> valid;
    for (const auto& p : inner.inputs) valid.push_back(p.name);
    if (std::find(valid.begin(), valid.end(), link.port) == valid.end()) {
      add_unknown_key("include.unknown-input", "inputs of this file", link.port, link.where, valid,
                      findings_);
      return {};
    }
    std::vector<link_spec> out;
    for (const auto& given : entry.inputs) {
      if (given.port != link.port) continue;
      for (auto l : given.links) {
        const auto& q = link.queue;
        if (q.size) l.queue.size = q.size;
        if (q.full) l.queue.full = q.full;
        if (q.max_age_ms) l.queue.max_age_ms = q.max_age_ms;
        if (l.queue.where.line == 0) l.queue.where = q.where;
        l.back_edge = l.back_edge || link.back_edge;
        out.push_back(std::move(l));
      }
    }
    return out;
  }

  /// A link from an input of the sub-graph that is required or unknown: if nothing feeds it, that
  /// was said.
  static bool is_told(const graph_spec& inner, const link_spec& link) {
    if (link.actor != subgraph_actor) return false;
    for (const auto& p : inner.inputs)
      if (p.name == link.port) return p.required;
    return true;
  }

  void merge(const actor_spec& entry, graph_spec inner, subgraph_spec sub, graph_spec& graph) {
    const auto prefix = entry.name + ".";
    for (auto& actor : inner.actors) {
      std::vector<input_spec> inputs;
      for (auto& input : actor.inputs) {
        input_spec flat{input.port, input.where, {}};
        bool told = input.links.empty();
        for (const auto& link : input.links) {
          for (auto& l : outer_links(entry, inner, link)) flat.links.push_back(std::move(l));
          told = told || is_told(inner, link);
        }
        if (!flat.links.empty() || told) inputs.push_back(std::move(flat));
      }
      actor.inputs = std::move(inputs);
      actor.name = prefix + actor.name;
      if (actor.on.empty()) {
        actor.on = entry.on;
        actor.on_where = entry.on_where;
      }
      graph.actors.push_back(std::move(actor));
    }
    for (auto& [name, link] : inner.outputs) {
      link.actor = prefix + link.actor;
      sub.outputs.emplace(name, link);
    }
    graph.subgraphs.push_back(std::move(sub));
    for (auto& s : inner.subgraphs) {
      s.name = prefix + s.name;
      for (auto& [name, link] : s.outputs) link.actor = prefix + link.actor;
      graph.subgraphs.push_back(std::move(s));
    }
    for (auto& b : inner.budgets) {
      for (auto& [name, where] : b.path) name = prefix + name;
      graph.budgets.push_back(std::move(b));
    }
    // A path is taken from the folder of the file that names it.
    for (auto& p : inner.plugins) p = beside(entry.include->file, p);
    for (auto& p : inner.plugins)
      if (std::find(graph.plugins.begin(), graph.plugins.end(), p) == graph.plugins.end())
        graph.plugins.push_back(std::move(p));
    merge_schemas(std::move(inner.schemas), graph, findings_);
    for (const auto& b : inner.broken) graph.broken.push_back(prefix + b);
  }

  const load_options& options_;
  diagnostics& findings_;
  expansion_budget budget_;
  std::vector<std::string> stack_;
};

}  // namespace

std::optional<graph_spec> expand(const std::string& file, const std::string& text,
                                 const load_options& options, diagnostics& findings) {
  return expander(options, findings).top(file, text);
}

}  // namespace hocket::spec
