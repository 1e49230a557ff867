#include "actors/process/python.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/process/child.hpp"
#include "actors/process/python_tool.hpp"
#include "graph/spec/manifest.hpp"

namespace hocket::process {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t describe_limit_ms = 30'000;

fs::path whole_path(const fs::path& path) {
  std::error_code failed;
  return fs::absolute(path, failed).lexically_normal();
}

bool is_there(const fs::path& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

/// A program, not a script that looks for one: those of version managers need more than they may.
bool is_program(const fs::path& path) {
  if (::access(path.c_str(), X_OK) != 0) return false;
  std::ifstream in(path, std::ios::binary);
  char magic[4] = {};
  in.read(magic, sizeof magic);
  return std::memcmp(magic,
                     "\x7f"
                     "ELF",
                     4) == 0;
}

fs::path interpreter_for(const fs::path& file) {
  if (const char* named = std::getenv("HOCKET_PYTHON"); named != nullptr && *named != '\0')
    return named;
  if (const auto own = file.parent_path() / ".venv/bin/python3"; is_program(own)) return own;
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (!folder.empty() && is_program(fs::path(folder) / "python3"))
      return fs::path(folder) / "python3";
  return {};
}

/// What failed in words that lead on.
error explained(const error& e, const std::string& file, const std::string& python) {
  const auto has = [&](std::string_view part) { return e.message.find(part) != e.message.npos; };
  if (has("hocket needs Python 3.11")) return {"python.old_version", e.message};
  if (has("No module named hocket") || has("No module named 'hocket'"))
    return {
        "python.no_package",
        fmt::format("{} has no package `hocket`: `{} -m pip install` the folder plugins/python of "
                    "this release",
                    python, python)};
  if (e.code != "python.failed") return e;
  if (has("ModuleNotFoundError"))
    return {"python.bad_module",
            fmt::format("{}: {}; install it for {}, or make a `.venv` beside the file that has it",
                        file, e.message, python)};
  return {"python.bad_module", fmt::format("{}: {}", file, e.message)};
}

}  // namespace

std::string python_package() {
  std::error_code failed;
  const auto here = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const auto& folder : {here / "../share/hocket/python", fs::path(HOCKET_PYTHON_PACKAGE)})
    if (is_there(folder / "hocket/__init__.py")) return whole_path(folder).string();
  return {};
}

bool is_python(const std::string& file) {
  return file.ends_with(".py") || is_there(fs::path(file) / "__init__.py");
}

std::string python_class(const std::string& type) {
  return type.starts_with("python.") ? type.substr(type.rfind('.') + 1) : "";
}

result<void> check_python(const std::string& file) {
  const auto cannot = [&](std::string_view why) {
    return fail("plugin.cannot_load", fmt::format("cannot load `{}`: {}", file, why));
  };
  const auto source = fs::is_directory(file) ? fs::path(file) / "__init__.py" : fs::path(file);
  struct stat info {};
  if (::stat(source.c_str(), &info) != 0) return cannot(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return cannot("it is no file");
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return cannot("it belongs to another user, who could change it at any time; copy it first");
  if ((info.st_mode & S_IWOTH) != 0)
    return cannot("everybody can write to it; chmod o-w it if you trust what it holds");
  return {};
}

result<python_command> python_for(const std::string& file) {
  const auto path = whole_path(file);
  const auto found = interpreter_for(path);
  if (found.empty() || !is_there(found))
    return fail(
        "python.no_interpreter",
        found.empty()
            ? fmt::format("{}: no python3 on the PATH: install Python 3.11 or newer, or name "
                          "one with HOCKET_PYTHON",
                          file)
            : fmt::format("{}: HOCKET_PYTHON names {}, which is not there", file, found.string()));
  python_command out;
  const auto program = whole_path(found);
  out.command = {program.string(), {"-m", "hocket._child"}, path.parent_path().string()};
  auto& rules = out.rules;
  rules.processes = 512;
  rules.reads = {path.parent_path().string()};
  std::error_code failed;
  // What is beside the interpreter belongs to it: a virtual environment, and the one that it is of.
  for (const fs::path& one : {program, fs::canonical(program, failed)}) {
    const auto prefix = one.parent_path().parent_path();
    if (is_there(prefix) && prefix != "/" && prefix != "/usr")
      rules.runs.push_back(prefix.string());
  }
  rules.environment = {
      {"PYTHONSAFEPATH", "1"},  // a `hocket.py` of somebody's is not the package
      {"PYTHONDONTWRITEBYTECODE", "1"}, {"PYTHONUNBUFFERED", "1"}, {"PYTHONNOUSERSITE", "1"},
      {"OPENBLAS_NUM_THREADS", "1"},    {"LANG", "C.UTF-8"}};
  if (const auto package = python_package(); !package.empty()) {
    rules.environment["PYTHONPATH"] = package;
    rules.reads.push_back(package);
  }
  return out;
}

result<std::string> describe_python(const std::string& file, const std::string& digest) {
  HOCKET_TRY(check_python(file));
  auto how = python_for(file);
  if (!how) return fail(how);
  const auto python = how->command.program;
  auto started = child::start({file, how->command, how->rules, {}});
  if (!started) return fail(started);
  frame_head h;
  h.what = say::describe;
  std::string bytes;
  append_frame(bytes, h,
               nlohmann::json{{"file", whole_path(file).string()}, {"library", digest}}.dump());
  const auto done = (*started)->call(say::describe, bytes, describe_limit_ms,
                                     [](const frame&) { return result<void>(); });
  if (!done) return tl::unexpected<error>(explained(done.error(), file, python));
  return (*started)->answer();
}

result<void> add_python(const std::string& file, const std::string& digest, registry& into) {
  const auto text = describe_python(file, digest);
  if (!text) return fail(text);
  // The child is as strange as the file: what it says is read as a manifest from elsewhere is.
  registry declared;
  if (const auto read = spec::read_manifest(*text, digest, declared); !read)
    return read.error().code != "plugin.manifest"
               ? read
               : fail("python.bad_module", fmt::format("{}: what it declares cannot be read: {}",
                                                       file, read.error().message));
  for (const auto& name : declared.component_names())
    HOCKET_TRY(into.add(*declared.find_component(name)));
  const auto j = nlohmann::json::parse(*text);
  for (const auto& t : j.at("tools")) {
    const auto* type = declared.find_tool(t.at("name").get<std::string>());
    if (type == nullptr) continue;
    HOCKET_TRY(add_python_tool(whole_path(file).string(), t.value("class", ""), type->info,
                               t.value("knows_tasks", false), into));
  }
  return {};
}

}  // namespace hocket::process
