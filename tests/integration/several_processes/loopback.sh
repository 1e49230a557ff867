#!/usr/bin/env bash
# loopback.sh HOCKET GRAPH: the loopback graph in real time over two processes. Every packet that
# one host counts as delivered is one that the other counts as sent, and no `block` link loses any.
set -euo pipefail
hocket=$1 graph=$2
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
run=
trap 'kill "$run" 2>/dev/null || true; rm -rf "$work"' EXIT
"$here/place.py" "$graph" "desk=tcp://127.0.0.1:7400 edge=tcp://127.0.0.1:7410" \
  "tone=desk speaker=edge record=edge log=edge" >"$work/loopback.yaml"

"$hocket" run "$work/loopback.yaml" --host edge --listen tcp://127.0.0.1:0 \
  --address-file "$work/address" --json --out "$work/edge" >"$work/edge.json" 2>"$work/edge.log" &
run=$!
for ((i = 0; i < 2400; ++i)); do
  [[ -s $work/address ]] && break
  read -rt 0.05 <> <(:) || true
done
"$hocket" run "$work/loopback.yaml" --host desk --listen tcp://127.0.0.1:0 \
  --peer "edge=$(cat "$work/address")" --json --out "$work/desk" \
  >"$work/desk.json" 2>"$work/desk.log" || { cat "$work"/*.log; exit 1; }
wait "$run" || { cat "$work"/*.log; exit 1; }
python3 - "$work" <<'PY'
import json, sys, wave
folder = sys.argv[1]
last = lambda host: json.loads(open(f"{folder}/{host}.json").read().strip().split("\n")[-1])
desk, edge = last("desk"), last("edge")
for host in (desk, edge):
    assert host["why"] == "finished" and host["law_holds"], host
    for link in host["links"] + host["wires"]:
        assert link["in_flight"] == 0 and not link["dropped"], link
rows = lambda host: {l["from"].split(" ")[0] + " > " + l["to"].split(" ")[0]: l for l in host["links"]}
wires = lambda host: {w["link"]: w for w in host["wires"]}
crossing = [w for w in wires(desk)]
assert sorted(crossing) == ["tone.audio > record.person", "tone.audio > speaker.audio"], crossing
for name in crossing:
    chain = [rows(desk)[name]["sent"], rows(desk)[name]["delivered"], wires(desk)[name]["sent"],
             wires(desk)[name]["delivered"], wires(edge)[name]["sent"],
             wires(edge)[name]["delivered"], rows(edge)[name]["sent"], rows(edge)[name]["delivered"]]
    assert len(set(chain)) == 1 and chain[0] > 100, (name, chain)
with wave.open(folder + "/edge/loopback.wav") as w:
    assert w.getnchannels() == 2 and w.getnframes() > 32000, w.getnframes()
PY
