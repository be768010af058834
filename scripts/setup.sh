#!/usr/bin/env bash
# Installs what ccbench needs from the packages of Debian or Ubuntu.
#
#   scripts/setup.sh run     what building and running takes (the default)
#   scripts/setup.sh test    also what the other scripts take
#
# Asks dpkg first: apt is called only for what is missing, so a second run is instant and needs no
# network. Everything it says goes to standard error.
# Exit codes: 0 all is there, 2 usage, 7 something is missing and could not be installed.
set -euo pipefail

readonly run_packages=(g++ cmake ninja-build libcli11-dev libfmt-dev libboost-dev libbenchmark-dev libdw-dev
  libboost-context-dev libtbb-dev nlohmann-json3-dev)
readonly test_packages=(ccache git libgtest-dev python3 python3-matplotlib python3-numpy python3-scipy python3-yaml time)
# One version, because another one formats and warns differently. In Debian 12 and 13 and Ubuntu 24.04.
readonly lint_packages=(clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev)
# Opens the reports that the tests make.
readonly browser_packages=(chromium)
readonly least_cmake=3.25

say() { printf 'setup.sh: %s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 7
}

# Prints those of the packages named that are not installed.
missing_of() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || echo "$package"
  done
}

packaged_here() { apt-cache show "$@" >/dev/null 2>&1; }
have_lists() { compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; }

# Sets `as_root` to what makes a command run as root.
become_root() {
  if ((EUID == 0)); then
    as_root=()
  elif [[ -t 0 ]] && command -v sudo >/dev/null; then
    as_root=(sudo)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    fail "these packages are missing, and installing them takes root or sudo: $*"
  fi
}

# Keeps what apt-get says in `apt_log`. Never removes a package to make room for another.
run_apt() {
  apt_log=$("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-remove \
    -o DPkg::Lock::Timeout=300 "$@" 2>&1 </dev/null)
}

give_up() {
  printf '%s\n' "$apt_log" >&2
  fail "$@"
}

update_lists() {
  become_root "$@"
  say "fetching the package lists"
  run_apt update || give_up "apt-get could not fetch the package lists; these packages are missing: $*"
}

# The lists may be stale: they are fetched again where installing from them fails.
install() {
  become_root "$@"
  say "installing $*"
  if packaged_here "$@" && run_apt install --no-install-recommends "$@"; then return; fi
  update_lists "$@"
  run_apt install --no-install-recommends "$@" || give_up "apt-get could not install $*"
}

# Adds packages to `wanted`, all or none: what needs them is left out where they are not packaged.
add_optional() {
  local missing
  mapfile -t missing < <(missing_of "$@")
  if ((${#missing[@]} == 0)); then return; fi
  have_lists || update_lists "$@"
  if packaged_here "$@"; then
    wanted+=("$@")
  else
    say "$* not packaged here: scripts/test.sh will leave out what needs that"
  fi
}

check_cmake() {
  local version
  version=$(cmake --version)
  version=${version%%$'\n'*}
  version=${version##* }
  [[ $(printf '%s\n' "$least_cmake" "$version" | sort -V) == "$least_cmake"$'\n'* ]] ||
    fail "CMake $version is too old: ccbench needs $least_cmake (Debian 12, Ubuntu 24.04 or newer)"
}

main() {
  local wanted=("${run_packages[@]}") missing with_options=no
  case "${1:-run}" in
    run) ;;
    test)
      wanted+=("${test_packages[@]}")
      with_options=yes
      ;;
    *)
      say "expected run or test, not '$1'"
      exit 2
      ;;
  esac
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "this is neither Debian nor Ubuntu; install yourself what these packages hold: ${wanted[*]}"
  fi

  if [[ $with_options == yes ]]; then
    add_optional "${lint_packages[@]}"
    add_optional "${browser_packages[@]}"
  fi
  mapfile -t missing < <(missing_of "${wanted[@]}")
  if ((${#missing[@]} > 0)); then
    have_lists || update_lists "${missing[@]}"
    install "${missing[@]}"
  fi
  check_cmake
}

main "$@"
