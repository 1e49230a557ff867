# hocket_plugin(NAME [SHARED] [DEPS lib...])
#   The current folder's *.cpp as plugin NAME; <NAME>.cpp holds HOCKET_PLUGIN(NAME) {…}. The plugin
#   is built in: its registration is called by register_all_plugins (graph/contract/plugins_all.hpp),
#   whose list CMake writes, so that a plugin is named in its own folder and nowhere else.
#   SHARED: also builds plugin_<NAME>.so, which `plugins: [path]` of a graph file loads at run time.
function(hocket_plugin NAME)
  cmake_parse_arguments(ARG "SHARED" "" "DEPS" ${ARGN})
  hocket_library(hocket_plugin_${NAME} DEPS hocket_contract fmt::fmt nlohmann_json::nlohmann_json ${ARG_DEPS})
  set_property(GLOBAL APPEND PROPERTY HOCKET_PLUGIN_NAMES ${NAME})
  if(ARG_SHARED)
    get_target_property(sources hocket_plugin_${NAME} SOURCES)
    add_library(plugin_${NAME} MODULE ${sources})
    set_target_properties(plugin_${NAME} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET default
                          LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
    target_compile_definitions(plugin_${NAME} PRIVATE HOCKET_SHARED_PLUGIN)
    target_link_libraries(plugin_${NAME} PRIVATE hocket_contract fmt::fmt
                          nlohmann_json::nlohmann_json ${ARG_DEPS})
    target_link_options(plugin_${NAME} PRIVATE -Wl,--exclude-libs,ALL)
  endif()
endfunction()

# Writes generated/plugins/all.cpp and makes the library hocket_all_plugins. Called once, after
# plugins/ was read.
function(hocket_finish_plugins)
  get_property(names GLOBAL PROPERTY HOCKET_PLUGIN_NAMES)
  set(declarations "")
  set(calls "")
  set(libraries "")
  foreach(name ${names})
    string(APPEND declarations "result<void> register_${name}(registry& into);\n")
    string(APPEND calls "  HOCKET_TRY(register_${name}(into));\n")
    list(APPEND libraries hocket_plugin_${name})
  endforeach()
  set(file ${PROJECT_BINARY_DIR}/generated/plugins/all.cpp)
  file(CONFIGURE OUTPUT ${file} @ONLY CONTENT [=[// Written by CMake from the plugin folders.
#include "graph/contract/plugins_all.hpp"

namespace hocket::plugins {
@declarations@
result<void> register_all_plugins([[maybe_unused]] registry& into) {
@calls@  return {};
}

}  // namespace hocket::plugins
]=])
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/plugins/plugins.hpp CONTENT
       "#pragma once\n#include \"graph/contract/plugins_all.hpp\"\n")
  add_library(hocket_all_plugins STATIC ${file})
  target_link_libraries(hocket_all_plugins PUBLIC hocket_contract PRIVATE ${libraries})
endfunction()
