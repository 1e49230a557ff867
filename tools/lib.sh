# Shared by tools/run, tools/test, tools/check and .ci/run; sourced, never run.
# Sets hocket_root; gives say, die, hocket_jobs, hocket_setup, hocket_build.

hocket_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# ccache must be told that a precompiled header's defines and time stamps do not matter.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
# Build folders side by side share what ccache holds.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$hocket_root}
# OpenMP threads that spin while another process wants the core cost a factor of 35.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

say() { printf '\n== %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  for hint in "$@"; do printf '  hint: %s\n' "$hint" >&2; done
  exit 1
}

# Parallel jobs: a core each, and 1.5 GB of free memory for each (a torch source file takes 1.3 GB).
hocket_jobs() {
  local cores free_mb by_memory
  cores=$(nproc)
  free_mb=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  by_memory=$((free_mb / 1500))
  ((by_memory < 1)) && by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

# HOCKET_SKIP_SETUP=1 leaves the machine as it is (another distribution, a read-only image).
hocket_setup() {
  [[ ${HOCKET_SKIP_SETUP:-} == 1 ]] || "$hocket_root/tools/setup" --quiet
}

# hocket_build FOLDER TARGET [cmake option...]: configures where needed, then builds.
hocket_build() {
  local folder=$1 target=$2 options=() log
  shift 2
  if [[ -f $folder/CMakeCache.txt ]]; then
    # A copied or moved tree carries a cache that belongs elsewhere: begin afresh.
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$hocket_root" "$folder/CMakeCache.txt" || options+=(--fresh)
  else
    options+=(-G Ninja)
  fi
  log=$folder/configure.log
  mkdir -p "$folder"
  cmake -S "$hocket_root" -B "$folder" "${options[@]}" "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    die "configuring failed" "tools/setup --check names missing packages; a clean start: rm -r '$folder'"
  }
  cmake --build "$folder" --target "$target" --parallel "$(hocket_jobs)" ||
    die "building failed; the first error is above"
}
