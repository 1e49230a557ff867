#include "graph/contract/plugin.hpp"

#include <dlfcn.h>
#include <exception>

#include <fmt/format.h>

#include "graph/contract/plugin_note.hpp"

namespace hocket {
namespace {

template <class Function>
Function entry_point(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

result<void> check_plugin(const std::string& path) {
  const auto note = read_plugin_note(path);
  if (!note) return fail(note);
  if (note->abi == HOCKET_PLUGIN_ABI) return {};
  return fail(
      "plugin.abi_mismatch",
      fmt::format("plugin `{}` ({}) was built for ABI `{}`, this program has `{}`: build it "
                  "against this release",
                  note->name, path, note->abi, HOCKET_PLUGIN_ABI));
}

result<void> load_plugin(const std::string& path, registry& into) {
  HOCKET_TRY(check_plugin(path));
  // Without a slash the loader would look through the system's folders.
  const auto file = path.find('/') == path.npos ? "./" + path : path;
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return fail("plugin.cannot_load",
                fmt::format("cannot load `{}`: {}", path, why != nullptr ? why : "unknown reason"));
  }
  const auto abi = entry_point<const char* (*)()>(library, "hocket_plugin_abi");
  const auto name = entry_point<const char* (*)()>(library, "hocket_plugin_name");
  const auto enrol = entry_point<void (*)(registry*, error*)>(library, "hocket_plugin_register");
  if (abi == nullptr || name == nullptr || enrol == nullptr) {
    dlclose(library);
    return fail("plugin.not_a_plugin",
                fmt::format("`{}` names itself a plugin, but lacks `{}`", path,
                            abi == nullptr    ? "hocket_plugin_abi"
                            : name == nullptr ? "hocket_plugin_name"
                                              : "hocket_plugin_register"));
  }
  // The library stays loaded from here on: the registry may hold its code.
  registry with_it = into;
  error failure;
  try {
    enrol(&with_it, &failure);
  } catch (const std::exception& e) {
    failure = {"plugin.threw", e.what()};
  } catch (...) {
    failure = {"plugin.threw", "something unknown"};
  }
  if (!failure.code.empty())
    return fail(failure.code, fmt::format("plugin `{}` ({}): {}", name(), path, failure.message));
  into = std::move(with_it);
  return {};
}

}  // namespace hocket
