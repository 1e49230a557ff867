#include "graph/spec/permit.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "graph/contract/config.hpp"
#include "graph/spec/process.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/files.hpp"

namespace hocket::spec {
namespace {

/// What a config names in the world.
class named final : public config_visitor {
 public:
  std::vector<std::pair<std::string, std::string>> paths, outputs, pipelines;  ///< key, value
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& i, std::string& v) override { take(i, v); }
  void field(const field_info& i, std::vector<std::string>& v) override {
    for (const auto& one : v) take(i, one);
  }

 private:
  void take(const field_info& i, const std::string& v) {
    if (i.is_output) outputs.emplace_back(i.name, v);
    if (v.empty()) return;
    if (i.is_path) paths.emplace_back(i.name, v);
    if (i.is_pipeline) pipelines.emplace_back(i.name, v);
  }
};

}  // namespace

namespace {

/// What no file can be called; "": it can.
std::string why_no_name(const std::string& name) {
  if (name.empty()) return "is empty";
  if (name.back() == '/') return "names a folder";
  if (clean_text(name) != name || name.find_first_of("\t\n\r") != name.npos)
    return "holds control characters, or is no UTF-8";
  for (std::size_t from = 0, to = 0; to != name.npos; from = to + 1) {
    to = name.find('/', from);
    if ((to == name.npos ? name.size() : to) - from > 255)
      return "has a part of more than 255 bytes, which no file system takes";
  }
  return "";
}

void check_actor(const plan_actor& a, const trust::policy& may, bool pipelines,
                 diagnostics& findings) {
  const auto title = fmt::format("{} ({})", a.name, a.type->info.type);
  if (const auto ok = trust::may_use_component(may, a.type->info.type); !ok)
    add_error(findings, a.where, "trust.component",
              fmt::format("{}: {}", a.name, ok.error().message));
  named given, usual;
  a.config->visit(given);
  a.type->make_config()->visit(usual);
  const auto refuse = [&](const char* code, const std::string& key, const error& why) {
    add_error(findings, a.where, code, fmt::format("{}: `{}`: {}", title, key, why.message));
  };
  const std::set known(usual.paths.begin(), usual.paths.end());
  for (const auto& one : given.paths)
    if (!known.contains(one))
      if (const auto ok = trust::may_read(may, one.second); !ok)
        refuse("trust.path", one.first, ok.error());
  // A path like those of its config; and only one's own file lets a process write beyond the output
  // folder or reach the network.
  if (const auto* own = process_of(a)) {
    for (const auto& path : own->reads)
      if (const auto ok = trust::may_read(may, path); !ok)
        refuse("trust.path", "process", ok.error());
    if (may.who != trust::level::own &&
        (own->network || !own->reaches.empty() || !own->writes.empty()))
      refuse(
          "trust.path", "process",
          {"trust.refused", fmt::format("a graph of level `{}` gives a process neither a network "
                                        "nor a folder to write to",
                                        trust::to_string(may.who))});
  }
  for (std::size_t i = 0; pipelines && i < given.pipelines.size(); ++i)
    if (std::find(usual.pipelines.begin(), usual.pipelines.end(), given.pipelines[i]) ==
        usual.pipelines.end())
      if (const auto ok = trust::may_run_pipeline(may, given.pipelines[i].second); !ok)
        refuse("trust.pipeline", given.pipelines[i].first, ok.error());
  const std::set usual_names(usual.outputs.begin(), usual.outputs.end());
  for (const auto& [key, name] : given.outputs) {
    if (usual_names.contains({key, name})) continue;
    if (const auto why = why_no_name(name); !why.empty()) {
      add_error(findings, a.where, "trust.output",
                fmt::format("{}: `{}`: `{}` {}", title, key, clean_text(name), why),
                "name a file, such as `file: talk.wav`");
      continue;
    }
    // An absolute name is judged when it is made: only a run knows its folder.
    if (!name.starts_with('/') && !trust::beneath(".", name))
      add_error(findings, a.where, "trust.output",
                fmt::format("{}: `{}`: `{}` leads out of the output folder", title, key, name),
                "name a file beneath it, such as `file: talk.wav`; --out says where the folder is");
  }
}

bool is_complete(const plan_actor& a) { return !a.removed && a.type != nullptr && a.config; }

}  // namespace

void permit(const plan& graph, const trust::policy& may, diagnostics& findings) {
  for (const auto& a : graph.actors)
    if (is_complete(a)) check_actor(a, may, false, findings);
}

void permit_here(const plan& graph, const std::string& host, const trust::policy& may,
                 diagnostics& findings) {
  for (const auto& a : graph.actors)
    if (is_complete(a) && a.host == host) check_actor(a, may, true, findings);
}

trust::policy with_own(trust::policy may, const plan& own) {
  for (const auto& a : own.actors) {
    if (!is_complete(a)) continue;
    named all;
    a.config->visit(all);
    for (const auto& [key, path] : all.paths) may.folders.push_back(path);
    for (const auto& [key, text] : all.pipelines)
      for (auto& element : trust::elements_of(text)) may.elements.push_back(std::move(element));
  }
  return may;
}

}  // namespace hocket::spec
