#!/usr/bin/env bash
# agent_killed.sh HOCKET GRAPH: the talk in real time, its agent on another host that is killed (-9)
# while it works on a request. Started anew, it is asked again, and the answer comes once; where it
# stays away the request ends as a failure, and the conversation goes on.
set -euo pipefail
hocket=$1 graph=$2
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
# The agent takes long enough to be killed in the middle. The copy stays beside what the graph names.
sed -e 's/min_delay_ms: [0-9]*/min_delay_ms: 4000/' -e 's/pad_s: 8/pad_s: 30/' \
  -e "s,\(default: \)\(speech/\|\.\./\),\1$(cd -- "$(dirname -- "$graph")" && pwd)/\2," "$graph" >"$work/talk.yaml"

both_lives() {  # CASE; 3: it ended without having asked its agent anything
  local case=$1 mind edge i
  local folder=$work/$case
  "$here/place.py" "$work/talk.yaml" "edge=ipc://$folder.edge mind=ipc://$folder.mind" \
    "mic=edge ears=edge model=edge mind=mind speaker=edge record=edge log=edge" >"$folder.yaml"
  rm -rf "$folder"
  mkdir "$folder"
  "$hocket" run "$folder.yaml" --host mind --json --out "$folder/mind" >"$folder/mind.1" 2>&1 &
  mind=$!
  "$hocket" run "$folder.yaml" --host edge --json --out "$folder/edge" >"$folder/edge.json" 2>"$folder/edge.log" &
  edge=$!
  for ((i = 0; i < 2400; ++i)); do
    ! grep -qs '"action":"start"' "$folder/edge/record.jsonl" || break
    if ! kill -0 "$edge" 2>/dev/null; then
      wait "$edge" || { echo "$case: exit code $?"; cat "$folder/edge.log"; return 1; }
      kill "$mind" 2>/dev/null || true
      wait "$mind" || true
      return 3
    fi
    read -rt 0.05 <> <(:) || true
  done
  kill -9 "$mind"
  wait "$mind" 2>/dev/null || true
  if [[ $case == returns ]]; then
    "$hocket" run "$folder.yaml" --host mind --json --out "$folder/mind" >"$folder/mind.2" 2>&1 &
    mind=$!
  fi
  wait "$edge" || { echo "$case: exit code $?"; tail -n 40 "$folder"/edge.* "$folder"/mind.*; return 1; }
}
# A conversation in real time: what a machine that stands still makes late is not understood. Three tries.
tried() {  # CASE
  local try code
  for try in 1 2 3; do
    code=0
    both_lives "$1" || code=$?
    ((code == 3)) || return "$code"
    echo "$1, try $try: the question was not understood"
  done
  return 1
}
(
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
  tried returns
) &
first=$!
tried stays_away
wait "$first"

python3 - "$work" <<'PY'
import json, sys
folder = sys.argv[1]
for case in ("returns", "stays_away"):
    told = [json.loads(line) for line in open(f"{folder}/{case}/edge/record.jsonl")]
    asked = [e["request"] for e in told if e["kind"] == "delegations" and e["action"] == "start"]
    results = [e for e in told if e["kind"] == "results"]
    ends = [e for e in results if e.get("final", True)]
    last = json.loads(open(f"{folder}/{case}/edge.json").read().strip().split("\n")[-1])
    assert last["law_holds"], last
    counts = next(a["counters"] for a in last["actors"] if a["name"] == "model")
    if case == "returns":
        assert asked == [1, 1], ("asked again, under the same number", asked)
        assert len(ends) == 1 and " ".join(e["text"] for e in results) == "fifty six", results
        assert counts["asked_again"] == 1, counts
    else:
        assert asked == [1] and not results, (asked, results)
        assert counts["given_up"] == 1, counts
PY
