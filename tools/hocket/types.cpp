#include "tools/hocket/types.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/assumed.hpp"
#include "graph/spec/expand.hpp"
#include "graph/spec/manifest.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/permit.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/read_file.hpp"
#include "actors/components.hpp"
#include "actors/process/processes.hpp"
#include "plugins/plugins.hpp"
#include "tools/hocket/plugin_files.hpp"
#include "tools/hocket/reading_again.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {

result<registry> known_types() {
  registry types;
  HOCKET_TRY(register_components(types));
  HOCKET_TRY(plugins::register_all_plugins(types));
  return types;
}

namespace {

bool is_among(const std::string& file, const std::vector<std::string>& others) {
  return find_file(file, others) != nullptr;
}

void add_plugin_error(diagnostics& findings, const std::string& graph, const std::string& message,
                      const std::string& hint) {
  findings.add({severity::error, {graph, 0, 0}, "graph.plugin", "plugins: " + message, hint, {}});
}

/// For commands that look at a graph: what its plugins declare, and what is left unknown, taken as the
/// graph uses it. Nothing of a plugin runs.
void declare_plugins(const std::string& graph, const std::string& text, const load_options& options,
                     const std::vector<std::string>& given, registry& types, loaded_graph& out) {
  auto all = given;
  for (const auto& file : plugins_of(graph, text, options))
    if (!is_among(file, all)) all.push_back(file);
  bool some_unknown = false;
  for (const auto& file : all) {
    if (is_among(file, given)) {  // known_types_and() said what is wrong with it
      std::error_code failed;
      some_unknown = some_unknown || !std::filesystem::exists(file + ".json", failed);
      continue;
    }
    const auto declared = add_declared(file, types);
    if (!declared)
      add_plugin_error(out.findings, graph, declared.error().message,
                       "paths are taken from the folder of the graph file");
    else
      some_unknown = some_unknown || !*declared;
  }
  if (all.empty()) return;
  const auto assumed =
      some_unknown ? spec::assume_types(graph, text, options, types) : std::vector<std::string>();
  if (!assumed.empty())
    out.findings.add(
        {severity::warning,
         {graph, 0, 0},
         "graph.not-checked",
         fmt::format("not checked: what {} declares; only `hocket run` loads plugins",
                     fmt::join(assumed, ", ")),
         "a manifest beside the library tells the other commands: `hocket run --manifest LIBRARY`",
         {}});
}

}  // namespace

result<registry> known_types_and(const std::vector<std::string>& plugins,
                                 std::vector<std::string>* undeclared) {
  auto types = known_types();
  if (!types) return types;
  for (const auto& file : plugins) {
    const auto declared = add_declared(file, *types);
    if (!declared) return fail(declared);
    if (!*declared && undeclared != nullptr) undeclared->push_back(file);
  }
  return types;
}

void tell_undeclared(const std::vector<std::string>& libraries) {
  for (const auto& file : libraries)
    say(stderr,
        "note: what {} declares is not known: no manifest of this build lies beside it; "
        "`hocket run --manifest {}` loads it and writes one\n",
        file, file);
}

result<registry> types_to_run(const std::vector<std::string>& plugins) {
  auto types = known_types();
  if (!types) return types;
  process::process_options children{.plugins = plugins};
  for (const auto& file : plugins) {
    const auto before = *types;
    HOCKET_TRY(load_any(file, *types));
    for (const auto& name : types->component_names())
      if (before.find_component(name) == nullptr) children.plugin_of[name] = file;
  }
  process::use_processes(std::move(children));
  return types;
}

result<void> write_manifest(const std::string& library) {
  const auto without = known_types();
  if (!without) return fail(without);
  auto with = *without;
  HOCKET_TRY(load_any(library, with));
  return trust::write_file(library + ".json",
                           spec::manifest_text(*without, with, digest_of(library)),
                           trust::readers::everyone);
}

namespace {

/// Files that load_plan read on this thread: its reader is a plain function.
thread_local std::vector<std::string> noted;

/// What load_plan asked of the environment on this thread, likewise.
thread_local std::map<std::string, std::optional<std::string>> asked;

std::optional<std::string> ask_and_note(const std::string& name) {
  const char* const v = std::getenv(name.c_str());
  return asked[name] = v == nullptr ? std::nullopt : std::optional<std::string>(v);
}

result<std::string> read_and_note(const std::string& path) {
  auto text = spec::read_from_disk(path);
  if (text) noted.push_back(path);
  return text;
}

/// The included files of a text that came from elsewhere.
thread_local std::map<std::string, std::string>* bundled = nullptr;

/// A text from another host reads nothing here but what came with it.
thread_local bool nothing_but_bundled = false;

result<std::string> read_bundled(const std::string& path) {
  std::error_code failed;
  const auto name = std::filesystem::absolute(path, failed).lexically_normal().string();
  if (const auto it = bundled->find(name); it != bundled->end()) return it->second;
  if (nothing_but_bundled)
    return fail("file.missing", "it did not come with the graph that another host sent");
  auto text = spec::read_from_disk(path);
  if (text) (*bundled)[name] = *text;
  return text;
}

constexpr auto variable_key = "${env:";

std::optional<std::string> bundled_variable(const std::string& name) {
  const auto key = variable_key + name + "}";
  if (const auto it = bundled->find(key); it != bundled->end()) return it->second;
  const char* here = nothing_but_bundled ? nullptr : std::getenv(name.c_str());
  if (here == nullptr) return {};
  (*bundled)[key] = here;
  return here;
}

/// False where one does not read name=value: told.
bool read_params(const graph_options& how, load_options& options, diagnostics& findings) {
  for (const auto& param : how.params) {
    const auto at = param.find('=');
    if (at == std::string::npos || at == 0)
      findings.add({severity::error,
                    {},
                    "cli.bad-param",
                    fmt::format("--param takes name=value, got `{}`", param),
                    "",
                    {}});
    else
      options.params[param.substr(0, at)] = param.substr(at + 1);
  }
  return !findings.has_errors();
}

}  // namespace

namespace {

/// How a text of a run that goes on is read, on this thread and for as long as this lives.
class reading_again {
 public:
  reading_again(std::map<std::string, std::string>& includes, const graph_options& how,
                const text_origin& from, diagnostics& findings) {
    options.expanded = from.expanded;
    options.may = from.may;
    options.sets = how.sets;
    options.read_file = read_bundled;
    sound = read_params(how, options, findings);
    bundled = &includes;
    nothing_but_bundled = from.travels == text_origin::travel::came;
    if (from.travels != text_origin::travel::stays) options.env = bundled_variable;
  }
  ~reading_again() { bundled = nullptr; }
  reading_again(const reading_again&) = delete;
  reading_again& operator=(const reading_again&) = delete;

  load_options options;
  bool sound = false;  ///< its parameters read
};

}  // namespace

result<plan> load_again(const std::string& file, const std::string& text,
                        std::map<std::string, std::string>& includes, const registry& types,
                        const graph_options& how, const text_origin& from) {
  diagnostics findings;
  std::optional<plan> graph;
  if (const reading_again read(includes, how, from, findings); read.sound)
    graph = load_plan(file, text, types, read.options, findings);
  if (graph) spec::find_paths(*graph, findings);
  if (graph && from.may == nullptr)
    spec::permit(*graph, trust::default_policy(trust::level::own), findings);
  if (!graph || findings.has_errors()) return fail("apply.bad_graph", findings.to_string());
  return std::move(*graph);
}

std::vector<std::string> plugins_again(const std::string& file, const std::string& text,
                                       std::map<std::string, std::string>& includes,
                                       const graph_options& how, const text_origin& from) {
  diagnostics findings;
  const reading_again read(includes, how, from, findings);
  return read.sound ? plugins_of(file, text, read.options) : std::vector<std::string>();
}

std::vector<std::string> assume_again(const std::string& file, const std::string& text,
                                      std::map<std::string, std::string>& includes, registry& into,
                                      const graph_options& how, const text_origin& from) {
  diagnostics findings;
  const reading_again read(includes, how, from, findings);
  return read.sound ? spec::assume_types(file, text, read.options, into)
                    : std::vector<std::string>();
}

loaded_graph load_graph_text(const std::string& file, const std::string& text,
                             const registry& types, const graph_options& how,
                             const text_origin& from) {
  loaded_graph out;
  load_options options;
  options.expanded = from.expanded;
  options.may = from.may;
  options.sets = how.sets;
  options.read_file = read_and_note;
  options.env = ask_and_note;
  noted.clear();
  asked.clear();
  if (!read_params(how, options, out.findings)) return out;
  const auto known = std::make_shared<registry>(types);
  out.plugins = plugins_of(file, text, options);
  if (!from.runs) {
    declare_plugins(file, text, options, how.plugins, *known, out);
  } else {
    for (const auto& p : out.plugins)
      if (!is_among(p, how.plugins)) {
        trust::policy nothing = trust::default_policy(from.may ? from.may->who : trust::level::own);
        add_plugin_error(out.findings, file, trust::may_load(nothing, p).error().message, "");
      }
    if (out.findings.has_errors()) return out;
  }
  out.types = known;
  out.graph = load_plan(file, text, *known, options, out.findings);
  out.includes.swap(noted);
  out.environment.swap(asked);
  if (out.graph) spec::find_paths(*out.graph, out.findings);
  // What a recording names is judged when it is known who runs and who is played.
  if (out.graph && from.may == nullptr)
    spec::permit(*out.graph, trust::default_policy(trust::level::own), out.findings);
  if (out.findings.has_errors()) out.graph.reset();
  return out;
}

namespace {

loaded_graph unreadable(const std::string& file) {
  loaded_graph out;
  out.findings.add({severity::error,
                    {file, 0, 0},
                    "graph.unreadable",
                    "cannot read this file",
                    "give the path of a graph file, such as configs/graphs/talk.yaml",
                    {}});
  return out;
}

std::optional<std::string> text_of(const std::string& file) {
  constexpr std::uint64_t most = 16u << 20;  // far above what the reader of YAML takes, and says
  auto text = trust::read_given_file(file, most);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

}  // namespace

loaded_graph load_graph(const std::string& file, const registry& types, const graph_options& how) {
  const auto text = text_of(file);
  return text ? load_graph_text(file, *text, types, how, {}) : unreadable(file);
}

loaded_graph load_graph_to_run(const std::string& file, const graph_options& how) {
  const auto text = text_of(file);
  if (!text) return unreadable(file);
  loaded_graph failed;
  const auto broken = [&](const error& e) {
    failed.findings.add({severity::error, {file, 0, 0}, e.code, e.message, "", {}});
    return std::move(failed);
  };
  const auto declared = known_types_and(how.plugins);
  if (!declared) return broken(declared.error());
  // A graph that is wrong loads nothing.
  auto seen = load_graph_text(file, *text, *declared, how, {});
  if (seen.findings.has_errors() || (how.plugins.empty() && seen.plugins.empty())) return seen;
  const auto types = types_to_run(how.plugins);
  if (!types) return broken(types.error());
  return load_graph_text(file, *text, *types, how, {.runs = true});
}

int print_findings(const diagnostics& findings) {
  const auto text = findings.to_string();
  print_clean(stderr, text);
  return findings.has_errors() ? exit_bad_input : exit_fine;
}

int refuse_overwriting(const std::string& out, const std::string& who,
                       const std::vector<spec::named_file>& reads) {
  diagnostics found;
  spec::check_files({{out, who}}, reads, found);
  return print_findings(found);
}

int complain(const error& e, int exit_code, const std::string& hint) {
  std::fflush(stdout);
  say(stderr, "{}", to_string(diagnostic{severity::error, {}, e.code, e.message, hint, {}}));
  return exit_code;
}

}  // namespace hocket::cli
