#!/usr/bin/env bash
# killed_run.sh HOCKET GRAPH: what is left of a run that was killed, and of one that was interrupted.
set -euo pipefail
hocket=$1 graph=$2
work=$(mktemp -d)
trap 'kill "$run" 2>/dev/null || true; rm -rf "$work"' EXIT
run=

# Setup: a minute of sound in real time, until ten micro-turns are in the log.
start() {
  rm -f "$work/$1/events.jsonl"
  "$hocket" run "$graph" --out "$work/$1" --plain \
    --set 'actors.tone.pipeline=audiotestsrc num-buffers=3000 samplesperbuffer=882' \
    >"$work/$1.log" 2>&1 &
  run=$!
  for ((i = 0; i < 600; ++i)); do
    [[ $(grep -c '"type":"turn"' "$work/$1/events.jsonl" 2>/dev/null) -ge 10 ]] && return
    kill -0 "$run" || { cat "$work/$1.log"; exit 1; }
    read -rt 0.05 <> <(:) || true
  done
  echo "no ten micro-turns after 30 s"
  exit 1
}

# Fault: kill -9. Expected: log and recording are readable, the picture can be drawn.
start killed
kill -9 "$run"
wait "$run" 2>/dev/null || true
"$hocket" picture "$work/killed/events.jsonl"
python3 - "$work/killed" <<'PY'
import json, sys, wave
folder = sys.argv[1]
lines = open(folder + "/events.jsonl").read().split("\n")
facts = [json.loads(line) for line in lines[:-1]]  # each ends in a newline: no torn line before it
assert sum(f["type"] == "turn" for f in facts) >= 10
with wave.open(folder + "/loopback.wav") as w:
    assert w.getnchannels() == 2 and w.getnframes() > 8000, w.getnframes()
PY

# The same folder serves the next run: the dead run's socket does not stand in its way.
start killed
"$hocket" top --once --json --out "$work/killed" | python3 -c '
import json, sys
status = json.load(sys.stdin)
assert status["law_holds"] and status["graph"] == "loopback", status'

# Fault: SIGINT. Expected: an orderly end. Invariant: sent = delivered + dropped + in flight.
kill -INT "$run"
wait "$run"
grep -q 'in flight: holds' "$work/killed.log"
grep -q '^stopped after' "$work/killed.log"
tail -1 "$work/killed/events.jsonl" | grep -q '"type":"end"'
[[ -s $work/killed/conversation.png && ! -e $work/killed/hocket.sock ]]
