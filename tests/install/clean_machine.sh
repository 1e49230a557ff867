#!/usr/bin/env bash
# A bare Debian in a folder, this tree cloned into it, and the given commands run there as on a new
# machine, with wall times. Needs root and the package mmdebstrap; takes its package sources from this
# machine. Not part of `tools/test`: it downloads and installs everything (about 4 GB).
#   tests/install/clean_machine.sh [--suite bookworm] [--keep DIR] [command...]
#   tests/install/clean_machine.sh --package FOLDER    no tree: the Debian packages of the folder
# Without commands: tools/run, tools/test; with --package a conversation of the installed program.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)

suite=bookworm keep='' packages=''
while (($#)); do
  case $1 in
    --suite) suite=$2; shift 2 ;;
    --keep) keep=$2; shift 2 ;;
    --package) packages=$2; shift 2 ;;
    *) break ;;
  esac
done
((EUID == 0)) || { echo "error: needs root (chroot)" >&2; exit 1; }
command -v mmdebstrap >/dev/null || { echo "error: needs the package mmdebstrap" >&2; exit 1; }
commands=("$@")
((${#commands[@]})) || commands=(tools/run tools/test)

target=${keep:-$(mktemp -d)}
mounted=()
cleanup() {
  for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount "${mounted[i]}"; done
  [[ $keep ]] || rm -rf --one-file-system "$target"
}
trap cleanup EXIT

if [[ ! -x $target/bin/bash ]]; then
  # The mirrors of this machine, with the wanted release in the place of its own.
  sources=() copies=$(mktemp -d)
  own=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [[ -s $file ]] || continue
    sed "s/\b$own\b/$suite/g" "$file" >"$copies/${file##*/}"
    sources+=("$copies/${file##*/}")
  done
  echo "== bare $suite"
  mmdebstrap --quiet --variant=apt "$suite" "$target" "${sources[@]}"
  rm -r "$copies"
fi
cp /etc/resolv.conf "$target/etc/resolv.conf"
for part in proc sys dev; do
  mount --rbind "/$part" "$target/$part"
  mount --make-rslave "$target/$part"
  mounted+=("$target/$part")
done
umount() { command umount --recursive --lazy "$1"; }

if [[ $packages ]]; then
  inside() { chroot "$target" /usr/bin/env -i HOME=/packages PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    DEBIAN_FRONTEND=noninteractive "$@" </dev/null; }
  mkdir -p "$target/packages"
  cp "$packages"/*.deb "$target/packages/"
  began=$SECONDS
  inside apt-get update -q >/dev/null
  inside bash -c 'apt-get install -y -q --no-install-recommends /packages/*.deb' >"$target/packages/log" ||
    { tail -20 "$target/packages/log"; exit 1; }
  printf '== installed after %d s\n' $((SECONDS - began))
  inside hocket version
  inside hocket run /usr/share/hocket/configs/graphs/talk.yaml --virtual --plain --out /packages/out
  inside test -s /packages/out/conversation.png
  inside apt-get remove -y -q hocket >>"$target/packages/log"
  if inside test -e /usr/bin/hocket || inside test -e /usr/share/hocket; then
    echo "error: the package leaves something behind" >&2
    exit 1
  fi
  echo "== installed, talked, removed"
  exit 0
fi

# A space in the path, since people have them.
tree="/srv/a place/hocket"
if [[ ! -d $target$tree ]]; then
  git clone --quiet --no-hardlinks "$here" "$target$tree"
fi
code=0
for command in "${commands[@]}"; do
  began=$SECONDS
  chroot "$target" /usr/bin/env -i HOME=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    bash -c 'cd / && exec "$0/"$1' "$tree" "$command" </dev/null || code=$?
  printf '== %s: exit code %d after %d s\n' "$command" "$code" $((SECONDS - began))
  ((code == 0)) || break
done
exit "$code"
