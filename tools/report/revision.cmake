# Writes the header with the version and git revision; touches it only when something changed.
# Called at build time: cmake -DSOURCE=... -DOUT=... -DVERSION=... -DTORCH=... -P revision.cmake
cmake_minimum_required(VERSION 3.25)
set(revision unknown)
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE out OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
  if(rc EQUAL 0)
    set(revision ${out})
    execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} diff --quiet HEAD --
                    ERROR_QUIET RESULT_VARIABLE changed)
    if(NOT changed EQUAL 0)
      string(APPEND revision "+")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT "#pragma once
#define HOCKET_REVISION \"@revision@\"
#define HOCKET_VERSION \"@VERSION@\"
#define HOCKET_LIBTORCH_VERSION \"@TORCH@\"
")
