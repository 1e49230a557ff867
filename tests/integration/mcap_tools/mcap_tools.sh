#!/usr/bin/env bash
# mcap_tools.sh HOCKET REPOSITORY FOLDER: recordings in the eyes of the public MCAP libraries.
# What package.json names is installed into FOLDER, once.
set -euo pipefail
hocket=$1 folder=$3
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd "$2"
for program in node npm; do
  command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
mkdir -p "$folder"
if ! cmp -s "$here/package.json" "$folder/installed.json"; then
  cp "$here/package.json" "$folder/package.json"
  if ! timeout 300 npm install --prefix "$folder" --no-audit --no-fund --no-package-lock --ignore-scripts \
      --fetch-retries 1 --fetch-timeout 30000 >"$folder/npm.log" 2>&1; then
    tail -n 3 "$folder/npm.log"
    echo "skipped: npm cannot install what package.json names"
    exit 77
  fi
  cp "$here/package.json" "$folder/installed.json"
fi
modules=$folder/node_modules
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$hocket" run configs/graphs/loopback.yaml --virtual --plain --out "$work/out" \
  --set 'actors.tone.pipeline=audiotestsrc wave=white-noise num-buffers=1500 samplesperbuffer=441' \
  --record "$work/whole.mcap" >"$work/run.log"
# Torn in the middle, then saved.
size=$(stat -c %s "$work/whole.mcap")
head -c $((size * 2 / 3)) "$work/whole.mcap" >"$work/torn.mcap"
"$hocket" record recover "$work/torn.mcap" "$work/saved.mcap"
for name in whole saved; do
  "$hocket" record info --json "$work/$name.mcap" >"$work/$name.json"
  node "$here/read_mcap.js" "$(realpath "$modules")" "$work/$name.mcap" "$work/$name.json"
  if command -v mcap >/dev/null; then mcap doctor "$work/$name.mcap"; fi
done
