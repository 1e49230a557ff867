#!/usr/bin/env bash
# comes_back.sh HOCKET GRAPH: the loopback graph over two processes in real time; each is killed
# (-9) once and started anew. Stream time goes on, the recording is continued, the law holds.
set -euo pipefail
hocket=$1 graph=$2
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
desk= edge=
trap 'kill $desk $edge 2>/dev/null || true; rm -rf "$work"' EXIT
sed 's/num-buffers=[0-9]*/num-buffers=20000/' "$graph" >"$work/graph.yaml"
"$here/place.py" "$work/graph.yaml" \
  "desk=ipc://$work/desk.ipc edge=ipc://$work/edge.ipc" \
  "tone=desk speaker=edge record=edge log=edge" >"$work/hosts.yaml"

start() {  # HOST LIFE
  "$hocket" run "$work/hosts.yaml" --host "$1" --json --out "$work/$1" \
    >"$work/$1.$2.json" 2>"$work/$1.$2.log" &
  printf -v "$1" %s $!
}
kill_9() {  # HOST
  kill -9 "${!1}"
  wait "${!1}" 2>/dev/null || true
  printf -v "$1" ''
}
# Who ended without being told to: nobody needs to wait for what he would have done.
nobody_died() {  # WORDS for what is waited for
  local name code
  for name in desk edge; do
    [[ -z ${!name} ]] || kill -0 "${!name}" 2>/dev/null && continue
    code=0
    wait "${!name}" || code=$?
    echo "$name ended by itself with exit code $code, before $1"
    tail -n 40 "$work/$name".*.log
    exit 1
  done
}
# Asks a host until what it says of itself is true.
until_true() {  # HOST PYTHON-EXPRESSION over `s`
  for ((i = 0; i < 1000; ++i)); do
    nobody_died "$1 came to: $2"
    if "$hocket" top --once --json --out "$work/$1" 2>/dev/null >"$work/now.json" &&
      python3 -c 'import json, sys
s = json.load(open(sys.argv[1]))
s = s.get("hosts", [s])[0]
sys.exit(not eval(sys.argv[2]))' "$work/now.json" "$2" 2>/dev/null; then
      return
    fi
    read -rt 0.1 <> <(:) || true
  done
  echo "$1 never came to: $2"
  cat "$work"/*.log
  cat "$work/now.json"
  exit 1
}
# Until the recording on edge has that many bytes: it is written every now and then.
until_recorded() {  # BYTES
  for ((i = 0; i < 1200; ++i)); do
    nobody_died "edge has recorded $1 bytes"
    (($(stat -c %s "$work/edge/loopback.wav" 2>/dev/null || echo 0) > $1)) && return
    read -rt 0.1 <> <(:) || true
  done
  echo "edge never recorded $1 bytes"
  exit 1
}
start edge 1
start desk 1
until_true edge 's["now_s"] > 2 and s["links"][0]["delivered"] > 50'
until_recorded 40000
kill_9 edge
cp "$work/edge/loopback.wav" "$work/first_life.wav"
start edge 2
until_true edge 's["now_s"] > 3 and s["links"][0]["delivered"] > 50'
kill_9 desk
until_true edge 's["peers"][0]["state"] == "lost"'
before=$(python3 -c 'import json, sys; s = json.load(open(sys.argv[1])); s = s.get("hosts", [s])[0]
print(s["links"][0]["delivered"])' "$work/now.json")
start desk 2
until_true edge "s['links'][0]['delivered'] > $before + 50"
until_true desk 's["now_s"] > 4'
kill -INT "$edge"
wait "$edge" || { cat "$work"/*.log; exit 1; }
wait "$desk" || { cat "$work"/*.log; exit 1; }
python3 - "$work" <<'PY'
import json, sys, wave
folder = sys.argv[1]
for host in ("desk", "edge"):
    last = json.loads(open(f"{folder}/{host}.2.json").read().strip().split("\n")[-1])
    assert last["why"] == "stopped" and last["law_holds"], last
    for link in last["links"] + last["wires"]:
        assert link["in_flight"] == 0, link
# The file of the first life is continued, on the same time axis.
with wave.open(folder + "/edge/loopback.wav") as w:
    seconds = w.getnframes() / w.getframerate()
    # The sound of a source that a busy machine calls late ends before the run does.
    assert -1 < last["stream_s"] - seconds < 10, (seconds, last["stream_s"])
first, whole = (open(f"{folder}/{name}.wav", "rb").read()[44:] for name in ("first_life", "edge/loopback"))
kept = len(first) // 2 // 4 * 4
assert kept > 16000 and whole[:kept] == first[:kept], (len(first), len(whole))
PY
