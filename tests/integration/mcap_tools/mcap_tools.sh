#!/usr/bin/env bash
# mcap_tools.sh HOCKET REPOSITORY: recordings in the eyes of the public MCAP libraries.
set -euo pipefail
hocket=$1
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd "$2"
command -v node >/dev/null || { echo "skipped: node is not installed"; exit 77; }
modules=${HOCKET_MCAP_TOOLS:-.}/node_modules
[[ -d $modules/@mcap/core && -d $modules/protobufjs && -d $modules/@foxglove/wasm-zstd ]] ||
  { echo "skipped: @mcap/core is not installed (see README.md)"; exit 77; }
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
