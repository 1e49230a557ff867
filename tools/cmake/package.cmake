# `cpack --config build/CPackConfig.cmake`: two Debian packages, from the components of install.cmake.
#   hocket_VERSION_ARCH.deb          the program, graphs and models, the Python package, completions
#   libhocket-dev_VERSION_ARCH.deb   headers and libraries for plugins
# What the program is linked to becomes a dependency by dpkg-shlibdeps; what it loads at run time by
# name stands here.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hocket)
set(CPACK_PACKAGE_VENDOR Hocket)
set(CPACK_PACKAGE_CONTACT "The Hocket authors <maintainers@hocket.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
    GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS runtime)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)  # models hardly shrink, and xz takes a minute for them
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME hocket)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION sound)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS
    "gstreamer1.0-plugins-base, gstreamer1.0-plugins-good, pocketsphinx-en-us")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "gstreamer1.0-libav, gstreamer1.0-plugins-bad, gstreamer1.0-nice, python3 (>= 3.11), python3-numpy")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "A YAML graph wires microphones, cameras, a model that listens and speaks at once, background work and
 tools into actors that exchange timestamped packets.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libhocket-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "cmake (>= 3.25), libyaml-cpp-dev, libfmt-dev, libexpected-dev, nlohmann-json3-dev, libprotobuf-dev, libre2-dev, libseccomp-dev, libssl-dev, pkg-config")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "The contract that plugins are built against: headers, static libraries, a CMake package.")

# Debian wants a package's licence and what it is beside it.
foreach(component runtime development)
  set(package ${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME})
  if(component STREQUAL development)
    set(package ${CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME})
  endif()
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE COMPONENT ${component} RENAME copyright
          DESTINATION share/doc/${package})
endforeach()
include(CPack)
