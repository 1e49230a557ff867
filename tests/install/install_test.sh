#!/usr/bin/env bash
# install_test.sh CMAKE BUILD_FOLDER COMPILER: see README.md beside this file.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cmake=$1 build=$2 compiler=$3

# A space in the path, since people have them.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/the prefix" guest="$work/guest build" out="$work/out put"

expect() {  # expect WORDS FILE: the file holds them
  grep -qF -- "$1" "$2" || { printf 'expected "%s" in:\n' "$1"; cat "$2"; exit 1; }
}

"$cmake" --install "$build" --prefix "$prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
"$cmake" -S "$here/plugin" -B "$guest" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  >"$work/configure.log" 2>&1 || { cat "$work/configure.log"; exit 1; }
"$cmake" --build "$guest" --parallel 2 >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
echo "built a plugin against the installed package"

hocket=$prefix/bin/hocket
"$hocket" list --plugin "$guest/guest.so" >"$work/list.txt"
expect greet "$work/list.txt"
expect guest.beat "$work/list.txt"
expect guest.tally "$work/list.txt"
echo "the installed program lists its tool and its components"

mkdir -p "$out"
"$hocket" run "$here/plugin/beat.yaml" --plugin "$guest/guest.so" --virtual --plain --out "$out" \
  >"$work/run.txt" 2>&1 || { cat "$work/run.txt"; exit 1; }
expect 25 "$out/tally.txt"
echo "a graph of its components ran: 25 of 25 packets"

code=0
"$hocket" list --plugin "$guest/stranger.so" >"$work/stranger.txt" 2>&1 || code=$?
((code == 2)) || { echo "a foreign ABI gave exit code $code, not 2"; cat "$work/stranger.txt"; exit 1; }
expect plugin.abi_mismatch "$work/stranger.txt"
expect hocket-0.0-0-cxx98 "$work/stranger.txt"
echo "a plugin with another ABI string is refused"

code=0
"$hocket" list --plugin "$here/README.md" >"$work/text.txt" 2>&1 || code=$?
((code == 2)) || { echo "a text file as plugin gave exit code $code, not 2"; exit 1; }
expect plugin.cannot_load "$work/text.txt"
echo "a file that is no library is refused"
