# hocket_add_plugin(NAME source... [LINK lib...])
#   A plugin as a shared library NAME.so for `hocket run --plugin NAME.so`. One of the sources holds
#   HOCKET_PLUGIN(NAME) { ... }. What the plugin uses of Hocket is linked in, not looked up in the
#   program, so that the two meet only where the plugin's ABI string was compared.
function(hocket_add_plugin NAME)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${NAME} MODULE ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${NAME} PROPERTIES PREFIX "" CXX_EXTENSIONS OFF)
  target_compile_features(${NAME} PRIVATE cxx_std_20)
  target_compile_definitions(${NAME} PRIVATE HOCKET_SHARED_PLUGIN)
  target_link_libraries(${NAME} PRIVATE Hocket::contract ${ARG_LINK})
  target_link_options(${NAME} PRIVATE -Wl,--exclude-libs,ALL)
endfunction()
