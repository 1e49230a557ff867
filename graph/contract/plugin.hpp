#pragma once

#include "graph/contract/registry.hpp"

/// Changes whenever a class that crosses the plugin border changes its layout or meaning.
#define HOCKET_PLUGIN_ABI "hocket-0.1-5-cxx20"

/// Put once into a plugin's source: defines the C entry points by which the same plugin is built in
/// (CMake lists the call) or loaded from a shared library, whose note with the ABI string is read
/// from the file and compared before the library is loaded, so that none of its code runs by then.
///
///     HOCKET_PLUGIN(calculator) { return into.add(tool_of<calculator>()); }
#ifdef HOCKET_SHARED_PLUGIN
#define HOCKET_PLUGIN(name)                                                                    \
  /* Read before anything of the library runs: graph/contract/plugin_note.hpp. */              \
  __attribute__((used, section(".hocket.plugin"))) static const char hocket_plugin_note[] =    \
      "hocket-plugin\0" HOCKET_PLUGIN_ABI "\0" #name;                                          \
  static ::hocket::result<void> hocket_register_body(::hocket::registry& into);                \
  extern "C" const char* hocket_plugin_abi() { return HOCKET_PLUGIN_ABI; }                     \
  extern "C" const char* hocket_plugin_name() { return #name; }                                \
  extern "C" void hocket_plugin_register(::hocket::registry* into, ::hocket::error* failure) { \
    if (auto done = hocket_register_body(*into); !done) *failure = done.error();               \
  }                                                                                            \
  static ::hocket::result<void> hocket_register_body([[maybe_unused]] ::hocket::registry& into)
#else
#define HOCKET_PLUGIN(name)                                         \
  namespace hocket::plugins {                                       \
  ::hocket::result<void> register_##name(::hocket::registry& into); \
  }                                                                 \
  ::hocket::result<void> hocket::plugins::register_##name([[maybe_unused]] ::hocket::registry& into)
#endif

namespace hocket {

/// Whether a file is a plugin that this program can load, from its bytes alone: nothing of it runs.
/// Errors: plugin.cannot_load, plugin.not_a_plugin, plugin.abi_mismatch (both values named).
result<void> check_plugin(const std::string& path);

/// Loads a shared library and lets it register its types. The library stays loaded. Its constructors
/// and all else in it run with the rights of this process: only what the operator allowed may come
/// here.
///
/// Errors: as check_plugin, plugin.cannot_load with the loader's words, or what its registration
/// reports.
result<void> load_plugin(const std::string& path, registry& into);

}  // namespace hocket
