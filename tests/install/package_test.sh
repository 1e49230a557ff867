#!/usr/bin/env bash
# package_test.sh BUILD_FOLDER: makes the Debian packages, unpacks them into a folder of their own and
# runs what is in there. Installs nothing on this machine; `clean_machine.sh --package` does, in a
# bare Debian.
set -euo pipefail
build=$1
for tool in cpack dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "skipped: needs $tool"; exit 77; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
expect() {  # expect WORDS FILE: the file holds them
  grep -qF -- "$1" "$2" || { printf 'expected "%s" in:\n' "$1"; cat "$2"; exit 1; }
}

cpack --config "$build/CPackConfig.cmake" -B "$work/packages" >"$work/cpack.log" 2>&1 ||
  { cat "$work/cpack.log"; exit 1; }
root="$work/the root"
mkdir "$root"
for package in "$work"/packages/*.deb; do
  dpkg-deb -I "$package" >>"$work/info.txt"
  dpkg-deb -x "$package" "$root"
done
expect 'Package: hocket' "$work/info.txt"
expect 'Package: libhocket-dev' "$work/info.txt"
expect 'Depends: hocket (= ' "$work/info.txt"  # headers of the very program
expect 'libzmq5' "$work/info.txt"              # by what the program is linked to
expect 'gstreamer1.0-plugins-good' "$work/info.txt"
[[ -z $(find "$root" -perm /022 -not -type l) ]] || { echo "others may write:"; find "$root" -perm /022; exit 1; }
[[ -s $root/usr/share/doc/hocket/copyright && -s $root/usr/share/hocket/python/hocket/__init__.py ]]
if command -v apt-get >/dev/null; then
  apt-get -s install "$work"/packages/*.deb >"$work/apt.txt" 2>&1 || { cat "$work/apt.txt"; exit 1; }
  expect 'Inst hocket ' "$work/apt.txt"
fi
echo "two packages, and what they depend on can be had"

hocket=$root/usr/bin/hocket graphs=$root/usr/share/hocket/configs/graphs
cd "$work"  # a user's folder: nothing of the tree
"$hocket" version >version.txt
"$hocket" list >list.txt
expect capture.gst list.txt
"$hocket" validate "$graphs"/*.yaml >validate.txt 2>&1 || { cat validate.txt; exit 1; }
"$hocket" run "$graphs/ducking.yaml" --virtual --plain --out out >run.txt 2>&1 || { cat run.txt; exit 1; }
expect 'in flight: holds on 9 links' run.txt
[[ -s out/air.wav ]]
"$hocket" serve --listen tcp://127.0.0.1:0 --duration 1 --plain --out served >serve.txt 2>&1 || { cat serve.txt; exit 1; }
echo "the packaged program runs its graphs from any folder, also those that a command takes by itself"

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  "$hocket" new tool dice --python >new.txt
  [[ -s dice/dice.py ]] || { cat new.txt; exit 1; }
  "$hocket" validate dice/*.yaml >python.txt 2>&1 || { cat python.txt; exit 1; }
  echo "a tool in Python finds the packaged package"
fi
bash -n "$root/usr/share/bash-completion/completions/hocket"
