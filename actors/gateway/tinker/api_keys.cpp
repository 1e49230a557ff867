#include "actors/gateway/tinker/api_keys.hpp"

#include <filesystem>
#include <sstream>

#include <fmt/format.h>

#include "engine/language/files/mapped_file.hpp"

namespace hocket::tinker {

result<std::map<std::string, std::string>> read_api_keys(const std::string& path) {
  std::map<std::string, std::string> keys;
  if (path.empty()) return keys;
  const auto text = language::read_text(path, 16u << 20);
  if (!text) return fail(text);
  std::istringstream lines(*text);
  std::string line;
  for (int n = 1; std::getline(lines, line); ++n) {
    std::istringstream words(line);
    std::string key, owner, more;
    if (!(words >> key) || key.starts_with("#")) continue;
    if (!(words >> owner) || (words >> more) || key.size() < 12)
      return fail("tinker.bad_keys",
                  fmt::format("{}:{}: a line is `KEY OWNER`, with a key of 12 characters or more",
                              path, n));
    if (!keys.emplace(key, owner).second)
      return fail("tinker.bad_keys", fmt::format("{}:{}: this key is there twice", path, n));
  }
  if (keys.empty()) return fail("tinker.bad_keys", path + ": no key");
  return keys;
}

std::string own_name(const std::string& model_path) {
  auto p = std::filesystem::path(model_path);
  if (!p.has_filename()) p = p.parent_path();
  return "local/" + (p.extension() == ".gguf" ? p.stem() : p.filename()).string();
}

}  // namespace hocket::tinker
