#!/usr/bin/env bash
# refusals.sh HOCKET GRAPH: what is wrong with hosts and keys is told before anything starts.
set -euo pipefail
hocket=$1 graph=$2
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
run=
trap 'kill "$run" 2>/dev/null || true; rm -rf "$work"' EXIT
places="script=edge screen=gpu"
"$here/place.py" "$graph" "edge=tcp://127.0.0.1:7400 gpu=tcp://127.0.0.1:7410" "$places" \
  >"$work/plain.yaml"
"$here/place.py" "$graph" \
  "edge=tcp://127.0.0.1:7400,$work/keys/edge.pub gpu=tcp://127.0.0.1:7410,$work/keys/gpu.pub" \
  "$places" >"$work/keys.yaml"

refused() {  # CODE PATTERN hocket-arguments...
  local code=$1 pattern=$2 got=0
  shift 2
  "$hocket" "$@" --out "$work/out" >"$work/log" 2>&1 || got=$?
  if ((got != code)) || ! grep -qF -- "$pattern" "$work/log"; then
    echo "expected exit code $code and '$pattern' of: hocket $*"
    echo "exit code $got and:"
    cat "$work/log"
    exit 1
  fi
}
refused 2 "hosts: edge, gpu" run "$work/plain.yaml" --host egde
refused 2 "did you mean" run "$work/plain.yaml" --host egde
refused 2 "add --host NAME" run "$work/plain.yaml"
refused 2 "no \`hosts:\`" run "$graph" --host edge
refused 2 "names no other host" run "$work/plain.yaml" --host edge --peer nobody=tcp://127.0.0.1:1
refused 2 "hocket keys edge --dir $work/keys" run "$work/keys.yaml" --host edge
refused 1 "wire.plaintext" run "$work/plain.yaml" --host edge --listen tcp://0.0.0.0:0

"$hocket" keys edge gpu --dir "$work/keys" >/dev/null
[[ $(stat -c %a "$work/keys/edge.key") == 600 ]]
! "$hocket" keys edge --dir "$work/keys" >"$work/log" 2>&1
"$hocket" keys --dir "$work/keys" --json | python3 -c '
import json, sys
keys = json.load(sys.stdin)["keys"]
assert [k["name"] for k in keys] == ["edge", "gpu"] and not any(k["problem"] for k in keys), keys
assert all(len(k["public_key"]) == 40 for k in keys), keys'
chmod 644 "$work/keys/edge.key"
refused 2 "$work/keys/edge.key" run "$work/keys.yaml" --host edge
! "$hocket" keys --dir "$work/keys" >"$work/log" 2>&1
grep -qF "$work/keys/edge.key" "$work/log"
chmod 600 "$work/keys/edge.key"
mv "$work/keys/gpu.key" "$work/keys/edge.key"
refused 2 "does not belong" run "$work/keys.yaml" --host edge

# Two files that differ: refused in the handshake, with both hashes and the first key that differs.
sed 's/^name: .*/name: other/' "$work/plain.yaml" >"$work/other.yaml"
"$hocket" run "$work/plain.yaml" --host gpu --listen tcp://127.0.0.1:0 \
  --address-file "$work/address" --plain --out "$work/gpu" >"$work/gpu.log" 2>&1 &
run=$!
for ((i = 0; i < 2400; ++i)); do
  [[ -s $work/address ]] && break
  read -rt 0.05 <> <(:) || true
done
hash=$("$hocket" validate "$work/plain.yaml" --json | python3 -c '
import json, sys
print(json.load(sys.stdin)["graphs"][0]["hash"])')
refused 1 "$hash" run "$work/other.yaml" --host edge --listen tcp://127.0.0.1:0 \
  --peer "gpu=$(cat "$work/address")" --plain
grep -qF 'the first of 1 place that differs: `name`' "$work/log" || { cat "$work/log"; exit 1; }
# A value from the environment is quoted nowhere, whatever else differs. The run ends by itself where
# its only peer is refused.
kill "$run" 2>/dev/null || true
wait "$run" 2>/dev/null || true
rm -r "$work/address" "$work/out" "$work/gpu"
for name in plain other; do
  sed 's/anybody there/${env:HOCKET_TEST_WORD}/' "$work/$name.yaml" >"$work/secret_$name.yaml"
done
HOCKET_TEST_WORD=swordfish0001 "$hocket" run "$work/secret_plain.yaml" --host gpu \
  --listen tcp://127.0.0.1:0 --address-file "$work/address" --plain --out "$work/gpu" \
  >"$work/gpu.log" 2>&1 &
run=$!
for ((i = 0; i < 2400; ++i)); do
  [[ -s $work/address ]] && break
  read -rt 0.05 <> <(:) || true
done
HOCKET_TEST_WORD=swordfish0002 refused 1 'that differs: `name`' run "$work/secret_other.yaml" \
  --host edge --listen tcp://127.0.0.1:0 --peer "gpu=$(cat "$work/address")" --plain
# It ends by itself where its only peer is refused.
kill "$run" 2>/dev/null || true
wait "$run" 2>/dev/null || true
# What they wrote, whatever its name: a run that has not begun writes beside its files.
for wrote in "$work/out" "$work/gpu"; do
  [[ -n $(find "$wrote" -name 'events.jsonl*' -size +0) ]] || { echo "$wrote: no events"; exit 1; }
done
[[ -s $work/log && -s $work/gpu.log ]]
quoted=0
grep -rF swordfish "$work/log" "$work/gpu.log" "$work/out" "$work/gpu" || quoted=$?
((quoted == 1)) || { echo "a value of the environment is quoted, or cannot be looked for"; exit 1; }
