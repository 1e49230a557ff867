#!/usr/bin/env bash
# install_test.sh CMAKE BUILD_FOLDER COMPILER: see README.md beside this file.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cmake=$1 build=$2 compiler=$3
python=/usr/bin/python3
[[ -x $python ]] || python=$(python3 -c 'import sys; print(sys.executable)')

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
# No command but `run` runs anything of a plugin: its manifest tells the others.
"$hocket" run --manifest "$guest/guest.so" >"$work/manifest.txt"
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

# What `hocket new` writes for somebody else's project builds as its README says.
new="$work/new project"
"$hocket" new component audio.louder --out-of-tree "$new" >"$work/new.txt"
(cd "$new" && export CMAKE_PREFIX_PATH="$prefix" CXX="$compiler" &&
  "$cmake" -B build && "$cmake" --build build --parallel 2 && ctest --test-dir build --no-tests=error) \
  >"$work/new.log" 2>&1 || { cat "$work/new.log"; exit 1; }
"$hocket" run --manifest "$new/build/audio_louder.so" >>"$work/manifest.txt"
"$hocket" describe audio.louder --plugin "$new/build/audio_louder.so" >"$work/describe.txt"
expect gain_db "$work/describe.txt"
cat >"$new/loud.yaml" <<'YAML'
hocket: 1
name: loud
actors:
  tone:   {component: capture.gst, pipeline: "audiotestsrc num-buffers=20 samplesperbuffer=882"}
  louder: {component: audio.louder, gain_db: 6, inputs: {audio: tone.audio}}
  record: {component: record.wav, file: loud.wav, inputs: {person: tone.audio, model: louder.audio}}
YAML
"$hocket" run "$new/loud.yaml" --plugin "$new/build/audio_louder.so" --virtual --plain --out "$out" \
  >"$work/loud.txt" 2>&1 || { cat "$work/loud.txt"; exit 1; }
expect 'in flight: holds on 3 links' "$work/loud.txt"
[[ -s $out/loud.wav ]]
echo "a component from \`hocket new --out-of-tree\` builds, passes its test and runs"

# A repository of one's own: its one command builds it and runs its tests, in C++ and in Python.
"$hocket" new project bell --out-of-tree "$work/a bell" >"$work/new.txt"
"$hocket" new project chime --python --out-of-tree "$work/a chime" >>"$work/new.txt"
for project in bell chime; do
  (cd "$work/a $project" && git init -q && HOCKET="$hocket" HOCKET_PYTHON="$python" CXX="$compiler" PATH="$(dirname "$python"):$PATH" \
    bash check) >"$work/project.log" 2>&1 || { cat "$work/project.log"; exit 1; }
  [[ -z $(git -C "$work/a $project" status --porcelain | grep -vE '^\?\? (\.github/|\.gitignore|CMakeLists\.txt|README\.md|check|tests/|(test_)?'$project'\.)') ]] ||
    { git -C "$work/a $project" status --porcelain; exit 1; }
done
echo "repositories from \`hocket new project\` pass their tests"

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
