#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "graph/spec/docs.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool is_source(const fs::path& path) {
  const auto name = path.filename().string();
  const bool test = name.find(".test.") != std::string::npos;
  return !test && (path.extension() == ".cpp" || path.extension() == ".hpp");
}

/// The folder of each component: the one whose sources name the type most often in quotes.
std::map<std::string, fs::path> folders_of(const fs::path& root, const registry& types) {
  std::map<std::string, fs::path> out;
  std::map<std::string, std::size_t> best;
  std::vector<fs::path> folders;
  for (const char* layer : {"actors", "plugins"})
    if (fs::is_directory(root / layer))
      for (const auto& entry : fs::recursive_directory_iterator(root / layer))
        if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  for (const auto& folder : folders) {
    std::string text;
    for (const auto& file : fs::directory_iterator(folder))
      if (is_source(file.path())) text += read(file.path());
    for (const auto& type : types.component_names()) {
      const auto quoted = '"' + type + '"';
      std::size_t n = 0;
      for (auto at = text.find(quoted); at != std::string::npos; at = text.find(quoted, at + 1))
        ++n;
      if (n > best[type]) {
        best[type] = n;
        out[type] = folder;
      }
    }
  }
  return out;
}

/// Every generated file with its text.
result<std::map<fs::path, std::string>> generate(const fs::path& root, const registry& types) {
  std::map<fs::path, std::string> out;
  out[root / "configs" / "schema.json"] = spec::json_schema(types);
  std::map<fs::path, std::string> tables;
  for (const auto& [type, folder] : folders_of(root, types)) {
    // A page of its own where there is one: a README is to be read in one go.
    const auto page = folder / "docs" / "reference.md";
    auto& text = tables[fs::exists(page) ? page : folder / "README.md"];
    text += (text.empty() ? "" : "\n") + spec::readme_tables(*types.find_component(type));
  }
  for (const auto& [path, text] : tables) {
    auto updated = spec::update_readme(read(path), text);
    if (!updated) return fail(updated.error().code, path.string() + ": " + updated.error().message);
    out[path] = std::move(*updated);
  }
  return out;
}

/// The schema of graph files for an editor, with the plugins of this project.
int write_schema(const docs_options& o) {
  std::vector<spec::named_file> reads;
  for (const auto& plugin : o.plugins)
    for (const auto* part : {"", ".json"}) reads.push_back({plugin + part, "a plugin"});
  if (refuse_overwriting(o.schema, "hocket docs --schema", reads) != exit_fine)
    return exit_bad_input;
  const auto types = known_types_and(o.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  const auto text = spec::json_schema(*types);
  if (o.schema == "-") {
    fmt::print("{}", text);
    return exit_fine;
  }
  if (const auto done = trust::write_file(o.schema, text, trust::readers::everyone); !done)
    return complain(done.error(), exit_bad_input);
  fmt::print("wrote {}\n", o.schema);
  return exit_fine;
}

}  // namespace

int run_docs(const docs_options& o) {
  if (!o.schema.empty()) return write_schema(o);
  if (!fs::is_directory(fs::path(o.root) / "graph"))
    return complain({"docs.no_repository", fmt::format("{}: not Hocket's source tree", o.root)},
                    exit_bad_input, "run it in the repository, or give --root");
  const auto types = known_types();
  if (!types) return complain(types.error(), exit_failed);
  const auto files = generate(fs::path(o.root).lexically_normal(), *types);
  if (!files) return complain(files.error(), exit_bad_input);
  int changed = 0;
  for (const auto& [path, text] : *files) {
    if (fs::exists(path) && read(path) == text) continue;
    ++changed;
    fmt::print("{} {}\n", o.check ? "differs" : "wrote", path.string());
    if (o.check) continue;
    if (const auto done = trust::write_file(path.string(), text, trust::readers::everyone); !done)
      return complain({"docs.cannot_write", done.error().message}, exit_failed);
  }
  if (o.check && changed > 0) fmt::print(stderr, "hint: `hocket docs` writes them anew\n");
  if (!o.check && changed == 0) fmt::print("{} files are up to date\n", files->size());
  return o.check && changed > 0 ? exit_failed : exit_fine;
}

}  // namespace hocket::cli
