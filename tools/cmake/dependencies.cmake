# Everything comes from Debian packages (tools/packages.txt; tools/setup installs them), or from
# CMAKE_PREFIX_PATH where that holds a newer one. All that is missing is named at once, with its package.
set(hocket_missing "")

# hocket_need(NAME PACKAGE [find_package argument...])
macro(hocket_need NAME PACKAGE)
  find_package(${NAME} QUIET ${ARGN})
  if(NOT ${NAME}_FOUND)
    list(APPEND hocket_missing "${NAME} (package ${PACKAGE})")
  endif()
endmacro()

find_package(Threads REQUIRED)
hocket_need(PkgConfig pkg-config)
hocket_need(yaml-cpp libyaml-cpp-dev)
hocket_need(fmt libfmt-dev)
hocket_need(nlohmann_json nlohmann-json3-dev)
hocket_need(CLI11 libcli11-dev)
hocket_need(Protobuf libprotobuf-dev)
hocket_need(doctest doctest-dev)
hocket_need(Boost libboost1.81-dev 1.81)  # headers only
if(PkgConfig_FOUND)
  # hocket_need_pc(PREFIX PACKAGE module...): gives PkgConfig::PREFIX.
  macro(hocket_need_pc PREFIX PACKAGE)
    pkg_check_modules(${PREFIX} QUIET IMPORTED_TARGET GLOBAL ${ARGN})
    if(NOT ${PREFIX}_FOUND)
      list(APPEND hocket_missing "${ARGN} (package ${PACKAGE})")
    endif()
  endmacro()
  hocket_need_pc(GST libgstreamer-plugins-base1.0-dev
                 gstreamer-1.0 gstreamer-app-1.0 gstreamer-audio-1.0 gstreamer-video-1.0
                 gstreamer-pbutils-1.0)
  hocket_need_pc(GST_SDP libgstreamer-plugins-base1.0-dev gstreamer-sdp-1.0)
  hocket_need_pc(JPEG libjpeg-dev libjpeg)
  hocket_need_pc(PNG libpng-dev libpng)
  hocket_need_pc(CAIRO libcairo2-dev cairo)
  hocket_need_pc(KISSFFT libkissfft-dev kissfft-float)
  hocket_need_pc(SOXR libsoxr-dev soxr)
  hocket_need_pc(SOUNDTOUCH libsoundtouch-dev soundtouch)
  hocket_need_pc(ZSTD libzstd-dev libzstd)
  hocket_need_pc(ZLIB zlib1g-dev zlib)
  hocket_need_pc(MUPARSER libmuparser-dev muparser)
  hocket_need_pc(OPENSSL libssl-dev openssl)
  hocket_need_pc(CURL libcurl4-openssl-dev libcurl)
  hocket_need_pc(ZMQ libzmq3-dev libzmq)
  hocket_need_pc(PCRE2 libpcre2-dev libpcre2-8)
  hocket_need_pc(RE2 libre2-dev re2)
  hocket_need_pc(UTF8PROC libutf8proc-dev libutf8proc)
  hocket_need_pc(XML2 libxml2-dev libxml-2.0)
  hocket_need_pc(SECCOMP libseccomp-dev libseccomp)
  hocket_need_pc(SQLITE3 libsqlite3-dev sqlite3)
endif()

# Debian ships CAF without CMake files: make the imported target by hand.
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp)
find_library(CAF_CORE_LIBRARY caf_core)
if(CAF_INCLUDE_DIR AND CAF_CORE_LIBRARY)
  add_library(caf_core SHARED IMPORTED)
  set_target_properties(caf_core PROPERTIES IMPORTED_LOCATION ${CAF_CORE_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR})
else()
  list(APPEND hocket_missing "CAF 0.17 (package libcaf-dev)")
endif()

if(HOCKET_ENGINE)
  hocket_need(Torch libtorch-dev)
endif()

if(hocket_missing)
  list(JOIN hocket_missing "\n  " hocket_missing_text)
  message(FATAL_ERROR "Missing:\n  ${hocket_missing_text}\ntools/setup installs all of them.")
endif()

if(HOCKET_ENGINE)
  # What links libtorch links hocket_torch: all of its libraries (with CUDA there are more), its
  # headers as system headers, its ABI switch. Its other flags would lower the C++ standard.
  message(STATUS "libtorch ${Torch_VERSION}: ${TORCH_INSTALL_PREFIX}")
  add_library(hocket_torch INTERFACE)
  target_link_libraries(hocket_torch INTERFACE ${TORCH_LIBRARIES})
  target_include_directories(hocket_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  if("${TORCH_CXX_FLAGS}" MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
    message(FATAL_ERROR "This libtorch uses the C++ ABI of before 2011 and fits none of the other "
                        "libraries: take its cxx11-abi variant.")
  endif()
  if("${TORCH_INSTALL_PREFIX}" MATCHES "^/usr/?$")
    find_file(HOCKET_OPENBLAS NAMES libopenblas.so.0 PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
              PATH_SUFFIXES openblas-pthread openblas-openmp .)
    if(NOT HOCKET_OPENBLAS)
      message(WARNING "OpenBLAS is missing: fp32 matmul will be 20 to 40 times slower. "
                      "Install libopenblas0-pthread (tools/setup does it).")
    endif()
  endif()
endif()
