#!/usr/bin/env bash
# Installs what is missing, builds, and runs ccbench with the arguments given, from any directory:
#
#   scripts/run.sh --guard=cas --requests=1000
#
# The exit code is ccbench's own; 7 if it could not be built. Standard output is ccbench's alone.
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
readonly root
readonly build=$root/build/release

say() { printf 'run.sh: %s\n' "$*" >&2; }

# Shows the output of its arguments only if they fail.
quietly() {
  local output
  output=$(cd -- "$root" && "$@" 2>&1) && return
  printf '%s\n' "$output" >&2
  say "could not build ccbench"
  exit 7
}

# A build folder that came with a copied checkout would build the sources of the original.
configured() {
  [[ -f $build/build.ninja ]] && grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"
}

"$root/scripts/setup.sh" run
[[ -x $build/ccbench ]] || say "building ccbench, which takes some minutes the first time"
configured || quietly cmake --preset release --fresh
quietly cmake --build "$build" --target ccbench -- --quiet
exec "$build/ccbench" "$@"
