#!/usr/bin/env bash
# new_plugin.sh HOCKET COMPILER SOURCE_DIR LIBRARY...: new plugins build and pass their tests.
set -euo pipefail
hocket=$1 compiler=$2 source=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/plugins"
touch "$work/plugins/CMakeLists.txt"
"$hocket" new tool word_count --dir "$work/plugins"
"$hocket" new component audio.louder --dir "$work/plugins"
"$hocket" new tool word_count --out-of-tree "$work/project"
grep -q find_package "$work/project/CMakeLists.txt"
libraries=()
for library in "$@"; do
  [[ $library == /* ]] && libraries+=("$library") || libraries+=("-l$library")
done
flags=(-std=c++20 -O0 -Wall -Wextra -Werror -I"$source")
sources=("$source/tests/support/main.cpp")
for name in word_count audio_louder; do
  sources+=("$work/plugins/$name/$name.cpp" "$work/plugins/$name/$name.test.cpp")
done
"$compiler" "${flags[@]}" "${sources[@]}" -o "$work/tests" "${libraries[@]}" -lfmt -lpthread
"$work/tests"
# The tool also as a shared library that the program loads.
"$compiler" "${flags[@]}" -fPIC -shared -DHOCKET_SHARED_PLUGIN "$work/plugins/word_count/word_count.cpp" \
  -o "$work/word_count.so" "${libraries[@]}" -lfmt -Wl,--exclude-libs,ALL
"$hocket" run --manifest "$work/word_count.so"
"$hocket" describe word_count --plugin "$work/word_count.so" | grep -q 'Says back'
