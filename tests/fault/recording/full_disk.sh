#!/usr/bin/env bash
# full_disk.sh HOCKET: a recording whose disk has no room left.
set -euo pipefail
hocket=$1
work=$(mktemp -d)
trap 'umount "$work/small" 2>/dev/null || true; rm -rf "$work"' EXIT
cat >"$work/noise.yaml" <<'YAML'
hocket: 1
name: noise
actors:
  noise:   {component: capture.gst, pipeline: "audiotestsrc wave=white-noise num-buffers=1500 samplesperbuffer=441"}
  speaker: {component: playout.gst, to: none, delay_ms: 100, inputs: {audio: noise.audio}}
YAML

# record FOLDER: about 2.5 MB, in virtual time.
record() {
  "$hocket" run "$work/noise.yaml" --virtual --out "$work/out" --record "$1/full.mcap" --plain \
    >"$work/run.log" 2>"$work/run.err"
}

check() {  # FILE WHY
  # Invariant: the run came to its end with its books balanced, and said what is missing.
  grep -q '^finished' "$work/run.log"
  grep -q 'in flight: holds' "$work/run.log"
  grep -q "INCOMPLETE: .*$2" "$work/run.err" || { cat "$work/run.err"; exit 1; }
  python3 - "$hocket" "$1" <<'PY'
import json, subprocess, sys
hocket, path = sys.argv[1:]
info = json.loads(subprocess.check_output([hocket, "record", "info", "--json", path]))
assert not info["complete"] and info["packets"] > 20, info
PY
}

# Fault 1: a limit on the size of files; the end of the file finds no room either.
(ulimit -f 1300 && record "$work")
check "$work/full.mcap" 'File too large'
"$hocket" record recover "$work/full.mcap" "$work/whole.mcap" >/dev/null
"$hocket" record info "$work/whole.mcap" >"$work/info"
head -1 "$work/info" | grep -q INCOMPLETE
echo "file size limit: ok"

# Fault 2: a real full disk, where one can be made; room for the end was kept.
mkdir "$work/small"
if ! mount -t tmpfs -o size=3m none "$work/small" 2>/dev/null; then
  echo "full disk: skipped, this user cannot mount a small one"
  exit 0
fi
record "$work/small"
check "$work/small/full.mcap" 'No space left'
"$hocket" record info --json "$work/small/full.mcap" |
  python3 -c 'import json, sys; i = json.load(sys.stdin); assert i["lost"] > 0 and not i["problems"], i'
echo "full disk: ok"
