#!/usr/bin/env bash
# talk.sh HOCKET GRAPH [--namespaces]: the talk in one process and in three, bit for bit the same.
#
# Three processes share the loopback interface; with --namespaces each has a network namespace of
# its own, joined by veth links (needs root and `ip`; skipped with exit code 77 where it has not).
set -euo pipefail
hocket=$1 graph=$2 namespaces=${3:-}
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
tag=hk$$
runs=()
clean() {
  ((${#runs[@]} == 0)) || kill "${runs[@]}" 2>/dev/null || true
  [[ -z $namespaces ]] || for host in edge gpu mind wires; do
    ip netns delete "$tag-$host" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean EXIT
skip() { echo "skipped: $1"; exit 77; }

places="mic=edge ears=edge model=gpu mind=mind speaker=edge record=edge log=edge"
"$hocket" keys edge gpu mind --dir "$work/keys" >/dev/null

if [[ $namespaces ]]; then
  command -v ip >/dev/null || skip "no ip command"
  ((EUID == 0)) || skip "network namespaces need root"
  ip netns add "$tag-wires" 2>/dev/null || skip "no network namespaces here"
  ip -n "$tag-wires" link add name sw type bridge 2>/dev/null || skip "no bridge here"
  ip -n "$tag-wires" link set sw up
  number=1 hosts=
  for host in edge gpu mind; do
    ip netns add "$tag-$host"
    ip -n "$tag-$host" link add name wire type veth peer name "to_$host" netns "$tag-wires" 2>/dev/null ||
      skip "no veth links here"
    ip -n "$tag-wires" link set "to_$host" master sw up
    ip -n "$tag-$host" address add "10.77.0.$number/24" dev wire
    ip -n "$tag-$host" link set wire up
    ip -n "$tag-$host" link set lo up
    hosts+="$host=tcp://10.77.0.$number:7400,$work/keys/$host.pub "
    number=$((number + 1))
  done
else
  hosts="edge=tcp://127.0.0.1:7400,$work/keys/edge.pub gpu=tcp://127.0.0.1:7410,$work/keys/gpu.pub"
  hosts+=" mind=tcp://127.0.0.1:7420,$work/keys/mind.pub"
fi
"$here/place.py" "$graph" "$hosts" "$places" >"$work/talk.yaml"

"$hocket" run "$graph" --virtual --plain --out "$work/one" >"$work/one.log" 2>&1

start() {  # HOST [option...]
  local host=$1 inside=()
  shift
  [[ -z $namespaces ]] || inside=(ip netns exec "$tag-$host")
  "${inside[@]}" timeout -k 5 600 "$hocket" run "$work/talk.yaml" --host "$host" --virtual --plain \
    --out "$work/$host" "$@" >"$work/$host.log" 2>&1 &
  runs+=($!)
}
address() {  # HOST: waits until it listens
  for ((i = 0; i < 2400; ++i)); do
    [[ -s $work/$1.address ]] && { cat "$work/$1.address"; return; }
    read -rt 0.05 <> <(:) || true
  done
  cat "$work/$1.log" >&2
  return 1
}

if [[ $namespaces ]]; then
  for host in edge gpu mind; do start "$host"; done
else
  # Ports of the system's choice: who listens tells the others where.
  any=(--listen tcp://127.0.0.1:0)
  start mind "${any[@]}" --address-file "$work/mind.address"
  mind=$(address mind)
  start gpu "${any[@]}" --address-file "$work/gpu.address" --peer "mind=$mind"
  gpu=$(address gpu)
  start edge "${any[@]}" --peer "mind=$mind" --peer "gpu=$gpu"
fi
failed=
for run in "${runs[@]}"; do wait "$run" || failed=1; done
runs=()
for host in edge gpu mind; do
  grep -q 'in flight: holds' "$work/$host.log" || failed=1
done
[[ -z $failed ]] || { tail -n 40 "$work"/{one,edge,gpu,mind}.log; exit 1; }

cmp "$work/one/model.wav" "$work/edge/model.wav"
cmp "$work/one/conversation.wav" "$work/edge/conversation.wav"
python3 - "$work/one/record.jsonl" "$work/edge/record.jsonl" <<'PY'
import json, sys
def by_kind(path):
    lines = [json.loads(line) for line in open(path)]
    for line in lines:
        if line["kind"] == "state":
            del line["values"][6]  # the compute time on the wall clock
    return {kind: [l for l in lines if l["kind"] == kind] for kind in {l["kind"] for l in lines}}
one, three = map(by_kind, sys.argv[1:3])
# Words with their micro-turns, and everything else that was told: all the same, kind by kind.
assert one.keys() == three.keys(), (one.keys(), three.keys())
for kind in one:
    assert one[kind] == three[kind], (kind, one[kind], three[kind])
words = [l for l in one["words"]]
assert len(words) > 3, words
print(f"{len(words)} words, {len(one)} kinds of events, both recordings: the same")
PY
