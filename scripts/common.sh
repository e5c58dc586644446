# Sourced by scripts/test and scripts/reproduce: what both need before they can start.
# Sets `root`, the top of the checkout, and works from there; `from` is where the caller stands.

from=$PWD
name=scripts/$(basename "$(readlink -f "$0")")
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
cd "$root"

# The command that must be there, and the Debian or Ubuntu package that brings it.
tools=(c++:g++ cmake:cmake ninja:ninja-build pkg-config:pkg-config gnuplot:gnuplot-nox
       clang-format:clang-format clang++:clang curl:curl python3:python3 doxygen:doxygen)
libraries=(libeigen3-dev libtbb-dev librandom123-dev libboost-program-options-dev
           libboost-context-dev libfmt-dev
           nlohmann-json3-dev libssl-dev libutf8proc-dev libgtest-dev
           libgmock-dev fonts-dejavu-core)

say() { printf '%s: %s\n' "$name" "$*"; }

# Ends with a code and a sentence: 2 for wrong usage, 3 for what could not be done.
fail() {
  local code=$1
  shift
  printf '%s: %s\n' "$name" "$*" >&2
  exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_packages() {
  local pair library
  for pair in "${tools[@]}"; do
    has "${pair%%:*}" || echo "${pair#*:}"
  done
  if has dpkg-query; then
    for library in "${libraries[@]}"; do
      is_installed "$library" || echo "$library"
    done
  fi
}

# Where there is no dpkg nobody says which libraries are there; CMake finds out.
name_packages() {
  printf 'Under Debian and Ubuntu, what is needed is called\n  %s\n  %s\n' \
    "${tools[*]#*:}" "${libraries[*]}" >&2
}

# install_packages may|never
install_packages() {
  local missing install as_root=()
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  if ! has apt-get || ! has dpkg-query; then
    name_packages
    fail 3 "this system has no apt-get, and these are missing: ${missing[*]}." \
      "Install what they are called here, and start again."
  fi
  install="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  [[ $1 == may ]] ||
    fail 3 "packages are missing, and --no-install was given. As root, run: $install"
  if ((EUID != 0)); then
    has sudo ||
      fail 3 "packages are missing; installing takes root, and there is no sudo here." \
        "As root, run: $install"
    as_root=(sudo)
    # Without a terminal nobody can type a password: sudo must do without, or say no at once.
    [[ -t 0 ]] || as_root=(sudo -n)
    say "installing takes root, so sudo may ask for a password"
  fi
  say "installing what is missing: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q
             -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  "${apt[@]}" update </dev/null ||
    fail 3 "could not update apt's lists; the reason stands above. As root, run: $install"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null ||
    fail 3 "could not install; the reason stands above. As root, run: $install"
}

# Jobs that fit: one for each core, and 1.5 GB of free memory for each.
build_jobs() {
  local cores kilobytes limit jobs
  cores=$(nproc)
  kilobytes=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)
  kilobytes=${kilobytes:-1572864}
  if [[ $limit =~ ^[0-9]+$ ]] && ((limit / 1024 < kilobytes)); then
    kilobytes=$((limit / 1024))
  fi
  jobs=$((kilobytes / 1572864))
  ((jobs < cores)) || jobs=$cores
  ((jobs > 0)) || jobs=1
  echo "$jobs"
}

# A checkout that was moved or copied with its build folder: CMake would refuse the old cache.
drop_foreign_cache() {
  local cache=build/release/CMakeCache.txt
  if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
    say "build/release was made for another folder; making it anew"
    rm -rf build/release
  fi
}

# set_up may|never [target...]: packages, configuration, build.
set_up() {
  local jobs build=(cmake --build --preset release)
  install_packages "$1"
  shift
  (($# == 0)) || build+=(--target "$@")
  drop_foreign_cache
  [[ ! -e build/release || -w build/release ]] ||
    fail 3 "build/release belongs to another user; remove it: sudo rm -r $root/build/release"
  if ! cmake --preset release; then
    has dpkg-query || name_packages
    fail 3 "CMake could not configure; its message stands above"
  fi
  jobs=$(build_jobs)
  say "building with $jobs jobs"
  "${build[@]}" --parallel "$jobs" ||
    fail 3 "the build failed; the compiler's message stands above"
}
