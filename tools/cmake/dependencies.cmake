# Everything comes from Debian 12 packages; tools/setup installs them. Each miss names the package.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(doctest REQUIRED)
pkg_check_modules(GST REQUIRED IMPORTED_TARGET gstreamer-1.0 gstreamer-app-1.0 gstreamer-audio-1.0
                  gstreamer-video-1.0)
pkg_check_modules(CAIRO REQUIRED IMPORTED_TARGET cairo)
find_package(cppzmq REQUIRED)

# Debian ships CAF without CMake files: make the imported target by hand.
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp)
find_library(CAF_CORE_LIBRARY caf_core)
if(NOT CAF_INCLUDE_DIR OR NOT CAF_CORE_LIBRARY)
  message(FATAL_ERROR "CAF 0.17 not found: install libcaf-dev (tools/setup does it)")
endif()
add_library(caf_core SHARED IMPORTED)
set_target_properties(caf_core PROPERTIES IMPORTED_LOCATION ${CAF_CORE_LIBRARY}
                      INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR})

if(HOCKET_ENGINE)
  find_package(Torch REQUIRED)
  # Torch's own flags would lower the standard; keep only its libraries and includes.
  find_file(HOCKET_OPENBLAS NAMES libopenblas.so.0 PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
            PATH_SUFFIXES openblas-pthread openblas-openmp .)
  if(NOT HOCKET_OPENBLAS)
    message(WARNING "OpenBLAS is missing: fp32 matmul will be 20 to 40 times slower. "
                    "Install libopenblas0-pthread (tools/setup does it).")
  endif()
endif()
