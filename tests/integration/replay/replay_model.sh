#!/usr/bin/env bash
# replay_model.sh HOCKET REPOSITORY: record talk.yaml with the trained model, replay it bit for bit.
set -euo pipefail
hocket=$1
cd "$2"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$hocket" run configs/graphs/talk.yaml --virtual --plain --out "$work/first" \
  --set actors.model.device=cpu --record "$work/talk.mcap" >"$work/run.log"
"$hocket" record info "$work/talk.mcap" >"$work/info"
head -1 "$work/info" | grep -q ': COMPLETE$'

"$hocket" replay "$work/talk.mcap" --check --out "$work/second" --json >"$work/same.json"
cmp "$work/first/model.wav" "$work/second/model.wav"
"$hocket" replay "$work/talk.mcap" --only model --check --out "$work/third" --json >"$work/model.json"

# Ears that put four frames into a packet say it otherwise: found, named, exit code 1.
code=0
"$hocket" replay "$work/talk.mcap" --only 'ears,model' --set actors.ears.frames_per_packet=4 --check \
  --out "$work/fourth" --json >"$work/other.json" || code=$?
[[ $code == 1 ]]

# A part from the beginning on is replayed as it was; one from the middle lacks what was heard before, and says so.
"$hocket" record cut "$work/talk.mcap" --to 5 -o "$work/head.mcap"
"$hocket" replay "$work/head.mcap" --check --out "$work/fifth" --json >"$work/head.json"
"$hocket" record cut "$work/talk.mcap" --from 2.5 --to 6 -o "$work/middle.mcap"
"$hocket" record info "$work/middle.mcap" | grep -q '^cut: from 2.400 s on, to 6.000 s'
code=0
"$hocket" replay "$work/middle.mcap" --out "$work/sixth" 2>"$work/middle.err" || code=$?
[[ $code == 2 ]]
grep -q 'it was cut at 2.400 s: what actors heard before is not in it \[replay.not_faithful\]' "$work/middle.err"
"$hocket" replay "$work/middle.mcap" --approximate --out "$work/sixth" --json >"$work/middle.json"

python3 - "$work" <<'PY'
import json, sys
work = sys.argv[1]
read = lambda name: json.load(open(f"{work}/{name}.json"))
same = {c["output"]: c for c in read("same")["compared"]}
for name in ("ears.frames", "model.audio", "model.text", "mind.results", "speaker.heard"):
    c = same[name]
    assert c["recorded"] == c["replayed"] == c["same"] and not c["first_difference"], c
assert same["model.audio"]["recorded"] > 20
model = read("model")
assert model["ran"] == ["model"] and "ears" in model["played"] and "mind" in model["played"], model
assert all(c["same"] == c["recorded"] for c in model["compared"]), model["compared"]
head = {c["output"]: c for c in read("head")["compared"]}
assert 20 < head["ears.frames"]["same"] == head["ears.frames"]["recorded"] < same["ears.frames"]["same"], head
assert read("middle")["why"] == "finished" and read("middle")["stream_s"] > 5, read("middle")
other = {c["output"]: c for c in read("other")["compared"]}
assert other["ears.frames"]["first_difference"], other["ears.frames"]
PY
