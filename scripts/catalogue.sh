#!/usr/bin/env bash
# Runs the main command of every scenario of the catalogue and draws its picture: results/catalogue/NAME.png.
#
#   scripts/catalogue.sh           all: some two minutes
#   scripts/catalogue.sh NAME...   these scenarios
#
# Needs the release build and matplotlib. Exit codes: 0, or that of the first thing that failed.
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."

readonly ccbench=build/release/ccbench
readonly pictures=results/catalogue
scratch=$(mktemp -d)
readonly scratch
trap 'rm -rf "$scratch"' EXIT

# draw NAME PICTURE FLAGS...: a guard that does not hold is part of what is shown.
draw() {
  local name=$1 picture=$2 code=0
  shift 2
  "$ccbench" --scenario="$name" "$@" --seed=1 --quiet --no-progress --out="$scratch/$name" >/dev/null || code=$?
  case $code in 0 | 3 | 5) ;; *) exit "$code" ;; esac
  scripts/plot.py "$picture" "$scratch/$name" -o "$pictures/$name.png"
}

draw_one() {
  case $1 in
    counter) draw counter cost --guard=all --requests=20000 --threads=4 --trials=15 ;;
    fan-out) draw fan-out outcomes --guard=all --requests=20 --keys=2 --trials=3 ;;
    lotto-purchase) draw lotto-purchase outcomes --guard=all --trials=3 --payment=100ms --db=50ms ;;
    point-balance) draw point-balance cost --guard=all --requests=20 --keys=4 --trials=7 ;;
    reward-request) draw reward-request outcomes --guard=all --requests=100 --keys=20 --trials=3 ;;
    seat-reservation) draw seat-reservation outcomes --guard=all --requests=100 --keys=10 --trials=3 ;;
    vm-lookup) draw vm-lookup ecdf --guard=none,global,synchronized,single-flight,ttl-cache --call=50ms ;;
    *) echo "catalogue.sh: there is no picture of '$1'" >&2; exit 2 ;;
  esac
}

main() {
  mkdir -p "$pictures"
  (($# > 0)) || set -- counter fan-out lotto-purchase point-balance reward-request seat-reservation vm-lookup
  local name
  for name in "$@"; do draw_one "$name"; done
}

main "$@"
