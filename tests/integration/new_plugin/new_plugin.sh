#!/usr/bin/env bash
# new_plugin.sh HOCKET COMPILER SOURCE_DIR LIBRARY...: new plugins build and pass their tests.
set -euo pipefail
hocket=$1 compiler=$2 source=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/plugins"
touch "$work/plugins/CMakeLists.txt"
# Names that the library, CMake and the C library have too must do as well as others.
"$hocket" new tool test --dir "$work/plugins"
"$hocket" new component audio.chunk --dir "$work/plugins"
"$hocket" new component plugin.registry --dir "$work/plugins"
"$hocket" new tool install --out-of-tree "$work/project"
# CMake itself says which names it takes: configured without the installed package.
mkdir "$work/fake"
cat >"$work/fake/HocketConfig.cmake" <<'END'
set(Hocket_VERSION 0.1)
add_library(Hocket::contract INTERFACE IMPORTED)
END
printf 'set(PACKAGE_VERSION 0.1)\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n' >"$work/fake/HocketConfigVersion.cmake"
cat "$source/tools/cmake/HocketPlugin.cmake" >>"$work/fake/HocketConfig.cmake"
cmake -S "$work/project" -B "$work/project/build" -DHocket_DIR="$work/fake" >"$work/log" 2>&1 || {
  cat "$work/log"
  exit 1
}
libraries=()
for library in "$@"; do
  [[ $library == /* ]] && libraries+=("$library") || libraries+=("-l$library")
done
flags=(-std=c++20 -O0 -Wall -Wextra -Werror -I"$source")
sources=("$source/tests/support/main.cpp")
for name in test audio_chunk plugin_registry; do
  sources+=("$work/plugins/$name/$name.cpp" "$work/plugins/$name/$name.test.cpp")
done
"$compiler" "${flags[@]}" "${sources[@]}" -o "$work/tests" "${libraries[@]}" -lfmt -lpthread
"$work/tests"
# The tool also as a shared library that the program loads.
"$compiler" "${flags[@]}" -fPIC -shared -DHOCKET_SHARED_PLUGIN "$work/plugins/test/test.cpp" \
  -o "$work/test.so" "${libraries[@]}" -lfmt -Wl,--exclude-libs,ALL
"$hocket" run --manifest "$work/test.so"
"$hocket" describe test --plugin "$work/test.so" >"$work/described"
grep -q 'Says back' "$work/described"
# The schema knows it, and so completes its name in an editor.
"$hocket" docs --schema "$work/schema.json" --plugin "$work/test.so"
grep -q '"test"' "$work/schema.json"
"$hocket" docs --schema - >"$work/schema_of_all"
! grep -q '"test"' "$work/schema_of_all"
