# `cmake --install build --prefix P`: the contract as a package for plugin authors, and the program.
#   P/bin/hocket   P/lib/hocket/*.a   P/include/hocket/graph/...   P/lib/cmake/Hocket
#   P/share/hocket/configs (graphs and models)
# Component `runtime` is what a user needs, `development` what a plugin's author needs besides; Debian
# packages of both: package.cmake.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
set(hocket_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Hocket)
foreach(part core text trust contract schema payloads spec)
  set(library hocket_${part})
  if(part STREQUAL text)
    set(library hocket_plain_text)  # hocket_text is the engine's
  endif()
  if(TARGET ${library})
    set_target_properties(${library} PROPERTIES EXPORT_NAME ${part})
    install(TARGETS ${library} EXPORT HocketTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/hocket)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/graph/${part} DESTINATION include/hocket/graph
            FILES_MATCHING PATTERN "*.hpp" PATTERN "*.proto")
  endif()
endforeach()
if(TARGET hocket_schema)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/generated/graph DESTINATION include/hocket
          FILES_MATCHING PATTERN "*.pb.h")
endif()
install(EXPORT HocketTargets NAMESPACE Hocket:: DESTINATION ${hocket_config_dir})

configure_package_config_file(${PROJECT_SOURCE_DIR}/tools/cmake/HocketConfig.cmake.in
  ${PROJECT_BINARY_DIR}/HocketConfig.cmake INSTALL_DESTINATION ${hocket_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/HocketConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/HocketConfig.cmake ${PROJECT_BINARY_DIR}/HocketConfigVersion.cmake
        ${PROJECT_SOURCE_DIR}/tools/cmake/HocketPlugin.cmake DESTINATION ${hocket_config_dir})

if(TARGET hocket)
  install(TARGETS hocket RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
  foreach(shell bash zsh fish)
    set(file ${PROJECT_BINARY_DIR}/completion/${shell})
    add_custom_command(OUTPUT ${file} DEPENDS hocket VERBATIM  # the shell's own names: paths have spaces
                       COMMAND sh -c "\"$0\" completion \"$1\" > \"$2\"" $<TARGET_FILE:hocket> ${shell} ${file})
    list(APPEND completions ${file})
  endforeach()
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/completion)
  add_custom_target(hocket_completions ALL DEPENDS ${completions})
  set(share ${CMAKE_INSTALL_DATADIR})
  install(FILES ${PROJECT_BINARY_DIR}/completion/bash OPTIONAL COMPONENT runtime RENAME hocket
          DESTINATION ${share}/bash-completion/completions)
  install(FILES ${PROJECT_BINARY_DIR}/completion/zsh OPTIONAL COMPONENT runtime RENAME _hocket
          DESTINATION ${share}/zsh/vendor-completions)
  install(FILES ${PROJECT_BINARY_DIR}/completion/fish OPTIONAL COMPONENT runtime RENAME hocket.fish
          DESTINATION ${share}/fish/vendor_completions.d)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs COMPONENT runtime DESTINATION share/hocket)
include(${CMAKE_CURRENT_LIST_DIR}/package.cmake)
