#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/process/python.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/graphs/project_template.hpp"
#include "tools/hocket/graphs/python_template.hpp"
#include "tools/hocket/graphs/templates.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

bool is_word(std::string_view s) {
  return !s.empty() && s.front() >= 'a' && s.front() <= 'z' &&
         std::all_of(s.begin(), s.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// Why the name cannot be taken, or nothing.
result<void> check_name(const new_options& o, const registry& types) {
  if (o.kind == "tool" || o.kind == "project" || o.python) {
    if (!is_word(o.name))
      return fail("new.bad_name",
                  fmt::format("`{}`: a {} is one lower-case word, such as word_count", o.name,
                              o.python ? "Python module" : o.kind));
    if (o.python && is_taken_in_python(o.name))
      return fail("new.bad_name",
                  fmt::format("`{}`: Python keeps this name for something else", o.name));
    if (o.kind == "tool" && types.find_tool(o.name) != nullptr)
      return fail("new.exists", fmt::format("there is a tool `{}` already", o.name));
    return {};
  }
  const auto dot = o.name.find('.');
  if (dot == std::string::npos || !is_word(o.name.substr(0, dot)) ||
      !is_word(o.name.substr(dot + 1)))
    return fail("new.bad_name",
                fmt::format("`{}`: a component reads group.name in lower case, such "
                            "as audio.gain",
                            o.name));
  if (types.find_component(o.name) != nullptr)
    return fail("new.exists", fmt::format("there is a component `{}` already", o.name));
  return {};
}

result<void> write(const fs::path& path, const std::string& text) {
  const auto done = trust::write_file(path.string(), text, trust::readers::everyone);
  return done ? done : fail("new.cannot_write", done.error().message);
}

}  // namespace

int run_new(const new_options& o) {
  const auto types = known_types();
  if (!types) return complain(types.error(), exit_failed);
  if (const auto good = check_name(o, *types); !good) return complain(good.error(), exit_bad_input);

  auto word = o.name;
  std::replace(word.begin(), word.end(), '.', '_');
  const bool outside = !o.out_of_tree.empty(), project = o.kind == "project";
  const fs::path folder = outside               ? fs::path(o.out_of_tree)
                          : o.python || project ? fs::path(word)
                                                : fs::path(o.dir) / word;
  if (!outside && !o.python && !project && !fs::exists(fs::path(o.dir) / "CMakeLists.txt"))
    return complain({"new.no_plugins_folder", fmt::format("{}: no plugins folder", o.dir)},
                    exit_bad_input, "run it in the repository, or take --out-of-tree DIR");
  if (fs::exists(folder) && !fs::is_empty(folder))
    return complain({"new.exists", fmt::format("{}: is there already", folder.string())},
                    exit_bad_input);
  std::vector<std::string> written;
  const auto files = project    ? project_template(word, o.python)
                     : o.python ? python_template(o.kind, word)
                                : plugin_template(o.kind, o.name, word, outside);
  for (const auto& file : files) {
    if (auto done = write(folder / file.name, file.text); !done)
      return complain(done.error(), exit_failed);
    written.push_back((folder / file.name).string());
  }
  if (o.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"files", written}}.dump(2));
    return exit_fine;
  }
  for (const auto& path : written) fmt::print("wrote {}\n", path);
  if (project) {
    fmt::print("next: cd {} && git init && bash check\n", folder.string());
  } else if (o.python) {
    const auto package = process::python_package();
    fmt::print(
        "next: cd {} && {}python3 -m unittest && hocket run {}.yaml --plugin {}.py --virtual\n",
        folder.string(), package.empty() ? "" : "PYTHONPATH=" + package + " ", word, word);
  } else if (outside) {
    fmt::print("next: build it as {}/README.md says\n", folder.string());
  } else {
    fmt::print(
        "next: build the tree; `hocket describe {}` shows it, hocket_plugins_tests tests it\n",
        o.name);
  }
  return exit_fine;
}

}  // namespace hocket::cli
