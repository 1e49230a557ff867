#!/usr/bin/env bash
# killed_recording.sh HOCKET GRAPH: what is left of a recording whose process was killed.
set -euo pipefail
hocket=$1 graph=$2
work=$(mktemp -d)
run=
trap '[[ -z $run ]] || kill -9 "$run" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$(dirname "$graph")/../.."

turns() { grep -c '"type":"turn"' "$work/out/events.jsonl" 2>/dev/null || true; }
# What is missing at the end of the recording, of what the log has [s].
missing_s() {
  "$hocket" record info --json "$work/torn.mcap" >"$work/torn.json"
  python3 - "$work" <<'PY'
import json, sys
torn = json.load(open(sys.argv[1] + "/torn.json"))
turns = [json.loads(line)["t_ms"] for line in open(sys.argv[1] + "/out/events.jsonl")
         if '"type":"turn"' in line and line.endswith("\n")]
print(max(turns) / 1000 - torn["last_s"])
PY
}

record_and_kill() {
  # Setup: a minute of sound in real time, recorded as a whole, until ten micro-turns are in the log.
  rm -rf "$work/out" "$work/torn.mcap"
  "$hocket" run "$graph" --out "$work/out" --record "$work/torn.mcap" --plain \
    --set 'actors.tone.pipeline=audiotestsrc num-buffers=3000 samplesperbuffer=882' \
    >"$work/run.log" 2>&1 &
  run=$!
  for ((i = 0; i < 2400; ++i)); do
    [[ $(turns) -ge 15 ]] && break
    kill -0 "$run" || { cat "$work/run.log"; exit 1; }
    read -rt 0.05 <> <(:) || true
  done
  [[ $(turns) -ge 15 ]] || { echo "no fifteen micro-turns after two minutes"; exit 1; }

  # Fault: kill -9.
  kill -9 "$run"
  wait "$run" 2>/dev/null || true
  run=
}

# Expected: it says that it is not whole, and misses less than 1.5 s of what the log has (flushed
# every half second; the rest is room for a busy machine, and one that stands still has three tries).
for try in 1 2 3; do
  record_and_kill
  missing=$(missing_s)
  python3 -c 'import sys; sys.exit(float(sys.argv[1]) >= 1.5)' "$missing" && break
  echo "try $try: $missing s are missing"
  ((try < 3)) || exit 1
done
python3 - "$work" "$hocket" <<'PY'
import json, subprocess, sys
work, hocket = sys.argv[1:]
info = lambda f: json.loads(subprocess.check_output([hocket, "record", "info", "--json", f]))
torn = info(work + "/torn.mcap")
assert not torn["complete"] and "did not come to its end" in torn["why"], torn["why"]
assert torn["packets"] > 50 and all(o["missing"] == 0 for o in torn["outputs"]), torn

# Recovery: a whole file with the same packets, that still says what it is.
subprocess.check_call([hocket, "record", "recover", work + "/torn.mcap", work + "/whole.mcap"])
whole = info(work + "/whole.mcap")
assert not whole["complete"] and "recovered" in whole["why"], whole["why"]
assert whole["packets"] == torn["packets"] and not whole["problems"], whole
assert whole["facts"] == torn["facts"]
PY

# Both can be replayed, and give the same.
"$hocket" replay "$work/torn.mcap" --out "$work/replay1" >"$work/replay1.log"
"$hocket" replay "$work/whole.mcap" --out "$work/replay2" >"$work/replay2.log"
cmp "$work/replay1/loopback.wav" "$work/replay2/loopback.wav"
grep -q 'holds' "$work/replay1.log"
