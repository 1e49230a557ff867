#include "tools/hocket/run/live_types.hpp"

#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/process/processes.hpp"
#include "actors/process/python.hpp"
#include "graph/trust/audit.hpp"
#include "graph/trust/redaction.hpp"
#include "tools/hocket/plugin_files.hpp"
#include "tools/hocket/reading_again.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

std::string whole(const std::string& path) {
  std::error_code failed;
  return fs::absolute(path, failed).lexically_normal().string();
}

/// With links followed as far as it exists; as it is where that cannot be.
std::string resolved(const std::string& path) {
  std::error_code failed;
  const auto out = fs::weakly_canonical(whole(path), failed);
  return failed ? path : out.string();
}

/// Whether nobody else can change what would run. Errors: those of trust::check_unchangeable.
result<void> check_code(const std::string& file) {
  HOCKET_TRY(trust::check_unchangeable(file));
  if (!process::is_python(file)) return {};
  // A module imports what lies beside it, and a `.venv` there runs it: new names count, too.
  const auto folder = fs::path(file).parent_path();
  HOCKET_TRY(trust::check_unchangeable(folder.string()));
  std::error_code failed;
  if (fs::is_directory(file, failed))
    HOCKET_TRY(trust::check_unchangeable((fs::path(file) / "__init__.py").string()));
  const auto how = process::python_for(file);
  if (!how) return {};  // says so when it is asked
  const auto& python = how->command.program;
  if (python != whole((folder / ".venv/bin/python3").string()))
    return {};  // this host's operator's
  return trust::check_unchangeable(python);
}

/// As whoever asked may know it: another host is not told where this one keeps its files.
std::string shown(const std::string& plugin, const host::graph_text& text) {
  return text.from.empty() ? plugin : fs::path(plugin).filename().string();
}

}  // namespace

live_types::live_types(std::shared_ptr<const registry> first,
                       const std::vector<std::string>& loaded,
                       const std::vector<std::string>& may_load)
    : now_(std::move(first)), all_{now_}, may_load_(may_load) {
  for (const auto& plugin : loaded) {
    loaded_.push_back(whole(plugin));
    loaded_.push_back(resolved(plugin));
  }
}

result<void> live_types::allow(const std::string& plugin, const host::graph_text& text) const {
  const auto who = text.from.empty() ? "a change of the graph" : "host " + text.from;
  if (may_load_.has(plugin)) {
    auto done = check_code(plugin);
    if (!done)
      trust::note_refusal({who, "load a plugin", plugin, "not there, or others can change it"});
    return done;
  }
  trust::note_refusal({who, "load a plugin", plugin, "--may-load does not name it"});
  const auto name = shown(plugin, text);
  return fail("rewire.plugins",
              fmt::format("plugins: `{}` is not loaded, and this run may not load it: it would run "
                          "as who started the run, who says so there and then: `--may-load {}`",
                          name, name));
}

result<plan> live_types::read_with(host::graph_text& text, std::shared_ptr<const registry> types,
                                   const graph_options& how, const text_origin& from,
                                   const std::function<result<void>(const plan&)>& judge) const {
  auto graph = load_again(text.file, text.text, text.includes, *types, how, from);
  if (!graph) return graph;
  HOCKET_TRY(judge(*graph));
  text.types = std::move(types);
  return graph;
}

// Nothing of a plugin runs.
result<std::shared_ptr<const registry>> live_types::declared(host::graph_text& text,
                                                             const std::vector<std::string>& fresh,
                                                             const graph_options& how,
                                                             const text_origin& from) const {
  auto out = std::make_shared<registry>(*now_);
  std::vector<std::string> undeclared;
  for (const auto& file : fresh) {
    const auto known = add_declared(file, *out);
    if (!known) return fail(known);
    if (!*known) undeclared.push_back(shown(file, text));
  }
  if (undeclared.empty()) return out;
  if (text.only_looked_at)
    return fail("rewire.plugins",
                fmt::format("plugins: {} is not loaded, and to look loads nothing: `hocket run "
                            "--manifest {}` writes down what it declares",
                            fmt::join(undeclared, ", "), undeclared.front()));
  (void)assume_again(text.file, text.text, text.includes, *out, how, from);
  return out;
}

result<void> live_types::load(const std::vector<std::string>& fresh) {
  auto with = std::make_shared<registry>(*now_);
  std::map<std::string, std::string> plugin_of;
  for (const auto& file : fresh) {
    HOCKET_TRY(check_code(file));  // time has passed since it was allowed
    HOCKET_TRY(load_any(file, *with));
    for (const auto& name : with->component_names())
      if (now_->find_component(name) == nullptr) plugin_of.emplace(name, file);
  }
  if (trust::words_are_kept_out())
    for (const auto& tool : with->tool_names()) trust::note_vocabulary(tool);
  // All or none, so that what a later one lacks leaves nothing of an earlier one.
  now_ = std::move(with);
  all_.push_back(now_);
  loaded_.insert(loaded_.end(), fresh.begin(), fresh.end());
  process::use_plugins_too(fresh, plugin_of);
  return {};
}

result<plan> live_types::read(host::graph_text& text, const graph_options& how,
                              const text_origin& from,
                              const std::function<result<void>(const plan&)>& judge) {
  std::lock_guard one(mutex_);
  auto named = plugins_again(text.file, text.text, text.includes, how, from);
  named.insert(named.end(), text.plugins.begin(), text.plugins.end());
  std::vector<std::string> fresh;
  for (const auto& plugin : named) {
    // What a link leads to is judged, and that is loaded: the link may lead elsewhere in a moment.
    const auto file = resolved(plugin);
    if (find_file(whole(plugin), loaded_) != nullptr || find_file(file, loaded_) != nullptr)
      continue;
    HOCKET_TRY(allow(file, text));
    if (find_file(file, fresh) == nullptr) fresh.push_back(file);
  }
  if (fresh.empty()) return read_with(text, now_, how, from, judge);
  // A graph that is wrong, or is not allowed, loads nothing.
  auto known = declared(text, fresh, how, from);
  if (!known) return fail(known);
  auto seen = read_with(text, *known, how, from, judge);
  if (!seen || text.only_looked_at) return seen;
  HOCKET_TRY(load(fresh));
  return read_with(text, now_, how, from, judge);
}

}  // namespace hocket::cli
