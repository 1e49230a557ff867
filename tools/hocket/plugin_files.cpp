#include "tools/hocket/plugin_files.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "actors/process/python.hpp"
#include "graph/contract/plugin.hpp"
#include "graph/spec/expand.hpp"
#include "graph/spec/hash.hpp"
#include "graph/spec/manifest.hpp"

namespace hocket::cli {

std::string digest_of(const std::string& library) {
  std::ifstream in(library, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return spec::hash_of(bytes.str());
}

result<void> load_any(const std::string& file, registry& into) {
  auto with = into;
  HOCKET_TRY(process::is_python(file) ? process::add_python(file, digest_of(file), with)
                                      : load_plugin(file, with));
  into = std::move(with);
  return {};
}

result<bool> add_declared(const std::string& library, registry& types) {
  const bool python = process::is_python(library);
  HOCKET_TRY(python ? process::check_python(library) : check_plugin(library));
  const auto text = spec::read_from_disk(library + ".json");
  if (!text) return false;
  if (auto done = spec::read_manifest(*text, digest_of(library), types); !done)
    return done.error().code == "plugin.manifest" ? result<bool>(false) : fail(done);
  return true;
}

const std::string* find_file(const std::string& file, const std::vector<std::string>& others) {
  const auto it = std::find_if(others.begin(), others.end(), [&](const std::string& o) {
    std::error_code failed;
    return o == file || std::filesystem::equivalent(o, file, failed);
  });
  return it == others.end() ? nullptr : &*it;
}

}  // namespace hocket::cli
