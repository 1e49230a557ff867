#!/usr/bin/env bash
# container_test.sh BUILD_FOLDER: makes the image of tools/container from the Debian packages of a build,
# without its first stage, which compiles the tree: the last stage, on a bare Debian that is made here,
# so that no registry of images is asked. Then a conversation runs in it as the user without rights, with
# what it writes outside, and the door answers and ends in order. Needs root, buildah, mmdebstrap, curl and
# Debian's packages; 3 minutes. Not part of `tools/test`.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd -- "${1:?the folder of a build}" && pwd)
((EUID == 0)) || { echo "error: needs root" >&2; exit 1; }
for tool in buildah mmdebstrap cpack curl; do
  command -v "$tool" >/dev/null || { echo "error: needs the package of $tool" >&2; exit 1; }
done

work=$(mktemp -d)
# Images and containers of this test alone; nothing of this machine's is touched. `chroot`: also where
# no container runtime works, as inside another container.
export BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/images" --runroot "$work/state" --storage-driver vfs "$@"; }
door=''
cleanup() {
  [[ -z $door ]] || kill "$door" 2>/dev/null || true
  buildah rm --all >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
fail() {
  printf 'error: %s\n' "$1" >&2
  [[ -z ${2:-} ]] || tail -30 "$2" >&2
  exit 1
}

mkdir -p "$work/context/packages" "$work/out"
cpack --config "$build/CPackConfig.cmake" -B "$work/context/packages" >"$work/cpack.log" 2>&1 || fail "cpack" "$work/cpack.log"
echo "== bare Debian 12"
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
  [[ ! -s $file ]] || sources+=("$file")
done
mmdebstrap --quiet --variant=apt bookworm "$work/base.tar" "${sources[@]}" >"$work/base.log" 2>&1 || fail "mmdebstrap" "$work/base.log"
bare=$(buildah from scratch)
buildah add --quiet "$bare" "$work/base.tar" / >/dev/null
buildah commit --quiet "$bare" hocket-base >/dev/null

echo "== the image"
buildah build --network host --build-arg BASE=hocket-base --build-context "build=$work/context" \
  -t hocket -f "$here/tools/container/Containerfile" "$work/context" >"$work/build.log" 2>&1 || fail "the image" "$work/build.log"
[[ $(buildah inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}' hocket) == 'hocket [/usr/bin/hocket]' ]] ||
  fail "the image has another user, or another program"
box=$(buildah from hocket)
inside() { buildah run --network host "$@"; }  # as the image's user

echo "== a conversation as the user without rights"
chown 1000:1000 "$work/out"
inside "$box" -- hocket version
[[ $(inside "$box" -- id -u) == 1000 ]] || fail "the image runs as root"
inside -v "$work/out:/out" "$box" -- hocket run /usr/share/hocket/configs/graphs/talk.yaml --virtual --plain --out /out/talk \
  >"$work/talk.log" 2>&1 || fail "a run in the container" "$work/talk.log"
[[ -s $work/out/talk/conversation.png ]] || fail "no picture came out" "$work/talk.log"
[[ $(stat -c %a "$work/out/talk/conversation.png") == 600 ]] || fail "others may read what was said"
if inside "$box" -- sh -c 'echo x >> /usr/share/hocket/configs/graphs/talk.yaml' 2>/dev/null; then
  fail "the user of the image may change its graphs"
fi

echo "== the door answers, and ends in order"
inside -v "$work/out:/out" "$box" -- hocket keys --dir /out/keys --api me >"$work/keys.log" 2>&1 || fail "a key" "$work/keys.log"
inside -v "$work/out:/out" "$box" -- hocket serve --listen tcp://0.0.0.0:18443 --keys /out/keys/gateway.keys \
  --name talk.example --duration 20 --plain --out /out/door \
  >"$work/door.log" 2>&1 &
door=$!
for ((i = 0; i < 120; ++i)); do
  curl --silent --insecure --fail https://127.0.0.1:18443/ >"$work/page.html" && break
  kill -0 "$door" 2>/dev/null || fail "the door did not open" "$work/door.log"
  sleep 0.5
done
grep -qi '<html' "$work/page.html" || fail "no page" "$work/door.log"
wait "$door" || fail "it did not end in order" "$work/door.log"
door=''
echo "== built, talked, served"
