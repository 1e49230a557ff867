#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/trust/files.hpp"
#include "tools/hocket/export/commands.hpp"
#include "tools/hocket/export/export_files.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

result<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail("export.cannot_read", path + ": cannot read this file");
  return text.str();
}

/// The graph file and what it includes, as they must lie beside each other.
result<std::vector<export_file>> sources_of(const export_options& o,
                                            const std::vector<std::string>& includes) {
  std::vector<export_file> out;
  std::set<std::string> seen;
  auto paths = includes;
  paths.insert(paths.begin(), o.graph);
  for (const auto& path : paths) {
    const auto name = fs::path(path).lexically_normal();
    if (!seen.insert(name.string()).second) continue;
    if (name.is_absolute() || name.string().rfind("..", 0) == 0)
      return fail("export.outside",
                  path + ": only files below the current folder can go into a ConfigMap");
    auto text = read_text(path);
    if (!text) return fail(text);
    out.push_back({name.string(), std::move(*text)});
  }
  return out;
}

/// A file of an earlier export of another graph, whose name becomes the same on the target.
bool of_another_graph(const fs::path& path, const std::string& graph) {
  std::ifstream in(path, std::ios::binary);
  std::string head(4096, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return head.find("the graph ") != head.npos &&
         head.find(fmt::format("the graph {} (", graph)) == head.npos;
}

result<void> write_all(const std::string& folder, const std::string& graph,
                       const std::vector<export_file>& files) {
  for (const auto& f : files)
    if (const auto path = fs::path(folder) / f.name; of_another_graph(path, graph))
      return fail("export.taken",
                  fmt::format("{} is of another graph: both would have the same name on the target",
                              path.string()));
  const auto to = trust::folder::open(folder);
  if (!to) return fail("export.cannot_write", to.error().message);
  for (const auto& f : files)
    if (auto done =
            to->write(f.name, f.text, f.secret ? trust::readers::owner : trust::readers::everyone);
        !done)
      return fail("export.cannot_write", done.error().message);
  return {};
}

bool has_host(const plan& graph, const std::string& name) {
  return std::any_of(graph.hosts.begin(), graph.hosts.end(),
                     [&](const plan_host& h) { return h.name == name; });
}

std::string host_names(const plan& graph) {
  std::string out;
  for (const auto& h : graph.hosts) out += (out.empty() ? "" : ", ") + h.name;
  return out.empty() ? "this graph has no `hosts:`" : "its hosts: " + out;
}

void print(const export_options& o, const exported& made) {
  if (o.json) {
    using json = nlohmann::ordered_json;
    json files = json::array();
    for (const auto& f : made.files) files.push_back((fs::path(o.out) / f.name).string());
    say("{}\n", json{{"files", files}, {"notes", made.notes}}.dump(2));
    return;
  }
  for (const auto& f : made.files) say("wrote {}\n", (fs::path(o.out) / f.name).string());
  for (const auto& note : made.notes) say("note: {}\n", note);
}

}  // namespace

int run_export(const export_options& o) {
  const auto types = known_types_and(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  const auto loaded = load_graph(o.graph, *types, o.how);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
  const auto& graph = *loaded.graph;
  if (!o.host.empty() && !has_host(graph, o.host))
    return complain({"export.unknown-host", "the graph has no host " + o.host}, exit_bad_input,
                    host_names(graph));
  export_source from{o, graph, loaded.environment, {}};
  if (o.kind == "kubernetes") {
    auto sources = sources_of(o, loaded.includes);
    if (!sources) return complain(sources.error(), exit_bad_input);
    from.files = std::move(*sources);
  }
  if (const auto fine = check_export(from); !fine) return complain(fine.error(), exit_bad_input);
  const auto made = o.kind == "systemd" ? export_systemd(from) : export_kubernetes(from);
  if (const auto done = write_all(o.out, graph.name, made.files); !done)
    return complain(
        done.error(), done.error().code == "export.taken" ? exit_bad_input : exit_failed,
        done.error().code == "export.taken" ? "give the graph another name, or another --out"
                                            : "give a folder that can be written with --out");
  print(o, made);
  return exit_fine;
}

}  // namespace hocket::cli
