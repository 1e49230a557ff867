# `cmake --install build --prefix P`: the contract as a package for plugin authors, and the program.
#   P/bin/hocket   P/lib/hocket/*.a   P/include/hocket/graph/...   P/lib/cmake/Hocket
#   P/share/hocket/configs (graphs and models)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(hocket_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Hocket)
foreach(part core text trust contract schema spec)
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
  install(TARGETS hocket RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs DESTINATION share/hocket)
