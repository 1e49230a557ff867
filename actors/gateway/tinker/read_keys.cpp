#include "actors/gateway/tinker/read_keys.hpp"

#include <filesystem>

#include "engine/language/files/mapped_file.hpp"

namespace hocket::tinker {

result<api_keys> read_api_keys(const std::string& path) {
  if (path.empty()) return api_keys();
  const auto text = language::read_text(path, 16u << 20);
  if (!text) return fail(text);
  auto keys = api_keys::parse(*text, path);
  if (keys && keys->is_empty()) return fail("tinker.bad_keys", path + ": no key");
  return keys;
}

std::string own_name(const std::string& model_path) {
  auto p = std::filesystem::path(model_path);
  if (!p.has_filename()) p = p.parent_path();
  return "local/" + (p.extension() == ".gguf" ? p.stem() : p.filename()).string();
}

}  // namespace hocket::tinker
