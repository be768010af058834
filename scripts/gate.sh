#!/usr/bin/env bash
# Is this ccbench as good as it was? Builds the newest tag before this commit, or else the parent commit, and compares
# what every guard costs in both, trial by trial in turns.
#
#   scripts/gate.sh [FLAGS OF ccbench gate...]
#
# Needs the release build. The base is built in build/base and kept for the next time. Exit codes: those of ccbench gate;
# 0 where there is no base, which it says.
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."

say() { printf 'gate.sh: %s\n' "$*" >&2; }

no_base() {
  say "no base: not judged ($*)"
  exit 0
}

# The newest tag that this commit comes after, or its parent; nothing where there is neither.
find_base() {
  git describe --tags --abbrev=0 HEAD^ 2>/dev/null || git rev-parse --verify --quiet 'HEAD^' || true
}

# A work tree of the commit, of which ccbench alone is built, as release.
build_base() {
  local commit=$1 tree=build/base/source
  if [[ -x build/base/ccbench && $(cat build/base/commit 2>/dev/null || true) == "$commit" ]]; then return; fi
  rm -rf build/base
  git worktree prune
  mkdir -p build/base
  git worktree add --quiet --detach --force "$tree" "$commit"
  (cd "$tree" && cmake --preset release && cmake --build --preset release --target ccbench -- --quiet) >build/base/log 2>&1 ||
    { tail -n 5 build/base/log >&2; return 1; }
  cp "$tree/build/release/ccbench" build/base/ccbench
  git worktree remove --force "$tree"
  printf '%s\n' "$commit" >build/base/commit
}

main() {
  [[ -x build/release/ccbench ]] || { say "build/release/ccbench is not built"; exit 7; }
  git rev-parse --is-inside-work-tree >/dev/null 2>&1 || no_base "this is no repository"
  local base commit
  base=$(find_base)
  [[ -n $base ]] || no_base "there is neither a tag nor a parent commit"
  commit=$(git rev-parse "$base^{commit}")
  say "base: $(git log -1 --format='%h, %s' "$commit")"
  build_base "$commit" || no_base "it cannot be built here"
  exec build/release/ccbench gate --base=build/base/ccbench --guard=all "$@"
}

main "$@"
