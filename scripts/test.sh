#!/usr/bin/env bash
# Everything that must hold before a change goes in. CI runs this file and nothing else.
#
#   scripts/test.sh          all of it: some 25 minutes on two CPUs, from nothing
#   scripts/test.sh quick    the release build and its tests
#
# The first stage that fails ends it: the last line names the stage, and the exit code is not 0.
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."

current=arguments
passed=0
skipped=0

# The process group of a clang-tidy that runs; empty: none.
tidy=

finish() {
  local status=$?
  if [[ -n $tidy ]]; then kill -- -"$tidy" 2>/dev/null || true; fi
  if ((status != 0)); then printf '\ntest.sh: FAILED in stage "%s"\n' "$current" >&2; fi
}
trap finish EXIT

# stage NAME COMMAND...
stage() {
  local begin=$SECONDS
  current=$1
  shift
  printf '\n== %s\n' "$current"
  "$@"
  printf -- '-- %s: passed in %d s\n' "$current" $((SECONDS - begin))
  passed=$((passed + 1))
}

skip() {
  printf '\n== %s\n-- %s: SKIPPED: %s\n' "$1" "$1" "$2"
  skipped=$((skipped + 1))
}

check_format() {
  find src scenarios \( -name '*.h' -o -name '*.cc' \) -exec clang-format-19 --dry-run -Werror {} +
}

# build PRESET TARGET [FLAGS OF cmake...]: configured afresh, so that nothing found or missed by an earlier run sticks.
build() {
  local output preset=$1 target=$2
  shift 2
  output=$(cmake --preset "$preset" --fresh "$@" 2>&1) || {
    printf '%s\n' "$output"
    return 1
  }
  cmake --build --preset "$preset" --target "$target" -- --quiet
}

# What the release build compiles, the gate's base need not compile again where it is the same: their folders differ, and
# one lies in the other. A cache of our own, so that an empty one is what is measured and tested on a fresh machine.
keep_objects() {
  command -v ccache >/dev/null || return 0
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_DIR=$PWD/build/ccache CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  # Depending on what the compiler has read saves a run of the preprocessor; the rest is what precompiled headers need.
  export CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros
}

test_release() {
  ctest --preset release --no-tests=error
}

# The gate proves that it can see; and holds this ccbench against the one before. A guard's cost may go up by a quarter
# where nobody meant it to: less is for who looks closer than the time of this script allows (scripts/gate.sh).
test_gate() {
  build/release/ccbench gate --self-test --no-color --no-progress
  scripts/gate.sh --metric=wall --looks=14,20 --repeat=2 --threshold=25% --budget=2m --no-color --no-progress
}

# test_sanitizer PRESET. GCC 12's sanitizers cannot place their memory where the kernel
# randomises addresses widely, so randomisation is off where that is allowed.
test_sanitizer() {
  local fixed_addresses=()
  if setarch -R true 2>/dev/null; then fixed_addresses=(setarch -R); fi
  "${fixed_addresses[@]}" ctest --preset "$1" --no-tests=error -R '^unit_'
}

# Where there is nothing to complain about, clang-tidy still counts the warnings in other people's headers.
tidy_one() {
  local output
  output=$(clang-tidy-19 --quiet -p build/asan "$1" 2>&1) || {
    printf '%s\n' "$output"
    return 1
  }
}
export -f tidy_one

# What is compiled as one file is looked at as one: headers take most of the time. Tests, and guards that are wrong on
# purpose, are compiled with all warnings and run with sanitizers; they would double the time.
list_tidy() {
  python3 - build/asan/compile_commands.json <<'END'
import json, sys
files = {entry["file"] for entry in json.load(open(sys.argv[1]))}
left_out = ("_test.cc", "_benchmark.cc", "cmake_pch.hxx.cxx")
# The largest first.
for file in sorted(files, key=lambda file: ("/Unity/" not in file, file)):
    if not file.endswith(left_out) and "/faulty/" not in file:
        print(file)
END
}
export -f list_tidy

check_tidy() {
  # shellcheck disable=SC2016  # $1 is for the inner shell.
  list_tidy | xargs -d '\n' -n 1 -P "$(nproc)" bash -c 'tidy_one "$1"' tidy_one
}
export -f check_tidy

# Tests sleep a good part of their time. Of what they leave clang-tidy gets all, and of what they need nothing.
begin_tidy() {
  local idle=(nice -n 19)
  if chrt --idle 0 true 2>/dev/null; then idle=(chrt --idle 0); fi
  # A process group of its own, so that it can be ended as a whole.
  set -m
  "${idle[@]}" bash -c check_tidy >build/tidy.log 2>&1 &
  tidy=$!
  set +m
}

end_tidy() {
  local status=0
  wait "$tidy" || status=$?
  tidy=
  cat build/tidy.log
  return "$status"
}

lint_installed() {
  local tool
  for tool in clang-format-19 clang-tidy-19 clang++-19; do command -v "$tool" >/dev/null || return 1; done
}

main() {
  case "${1:-all}" in
    all | quick) ;;
    *)
      printf "test.sh: expected nothing or quick, not '%s'\n" "$1" >&2
      exit 2
      ;;
  esac
  stage "set-up" scripts/setup.sh test
  local lint=no
  if lint_installed; then lint=yes; fi

  if [[ ${1:-all} == quick ]]; then
    stage "release build" build release all
    stage "release tests" test_release
  else
    if [[ $lint == yes ]]; then
      stage "format" check_format
      stage "clang build" build asan all -DCMAKE_CXX_COMPILER=clang++-19
      begin_tidy
    else
      skip "format, clang build, clang-tidy" "clang 19 is not packaged here"
      stage "address sanitizer's build" build asan ccbench_test
    fi
    stage "address sanitizer" test_sanitizer asan
    stage "thread sanitizer's build" build tsan ccbench_test
    stage "thread sanitizer" test_sanitizer tsan
    keep_objects
    stage "release build" build release all
    stage "release tests" test_release
    if [[ $lint == yes ]]; then stage "clang-tidy" end_tidy; fi
    # Last and alone: it measures.
    stage "gate" test_gate
  fi
  printf '\n100%% stages passed, 0 stages failed out of %d, %d skipped (%d s)\n' "$passed" "$skipped" "$SECONDS"
}

main "$@"
