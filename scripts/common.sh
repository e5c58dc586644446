# Sourced by scripts/test and scripts/reproduce: what both need before they can start.
# Sets `root`, the top of the checkout, and works from there; `from` is where the caller stands.

from=$PWD
name=scripts/$(basename "$(readlink -f "$0")")
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
cd "$root"

# What must be there, a command or what a function below looks for, and the Debian or Ubuntu package
# that brings it. This is what a build takes.
tools=(c++:g++ cmake:cmake ninja:ninja-build pkg-config:pkg-config gnuplot:gnuplot-nox
       python3:python3)
libraries=(libeigen3-dev libtbb-dev librandom123-dev libboost-program-options-dev
           libboost-context-dev libfmt-dev nlohmann-json3-dev libssl-dev libutf8proc-dev zlib1g-dev
           libgtest-dev
           libgmock-dev fonts-dejavu-core)
# And this what the tests take besides.
test_tools=(clang++:clang clang_runtime:libclang-rt-dev curl:curl doxygen:doxygen venv:python3-venv)
test_libraries=(ca-certificates)

# Labels of heavy tests (tests/heavy.cmake has why each is one); of each the minutes it takes on 2
# cores, the packages that it alone needs, COMMAND:PACKAGE or that of a library, and what it runs of
# build/release.
heavy=(compilers sanitized exhaustive tier2)
declare -A heavy_minutes=([compilers]=25 [sanitized]=20 [exhaustive]=15 [tier2]=160)
declare -A heavy_packages=()
declare -A heavy_targets=([exhaustive]=math_exhaustive_test [tier2]=norm-harness)

say() { printf '%s: %s\n' "$name" "$*"; }

# Ends with a code and a sentence: 2 for wrong usage, 3 for what could not be done.
fail() {
  local code=$1
  shift
  printf '%s: %s\n' "$name" "$*" >&2
  exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }

# What Clang's sanitizers and libFuzzer link.
has_clang_runtime() {
  has clang++ && compgen -G "$(clang++ -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a" >/dev/null
}

# Debian's Python comes without what a virtual environment is filled with.
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

is_there() {
  if declare -F "has_$1" >/dev/null; then "has_$1"; else has "$1"; fi
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_packages() {
  local pair library
  for pair in "${tools[@]}"; do
    is_there "${pair%%:*}" || echo "${pair#*:}"
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
  # Before Debian 12 the package clang has it, and apt knows no such name.
  if ! apt-cache show libclang-rt-dev >/dev/null 2>&1; then
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | grep -vx libclang-rt-dev)
  fi
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null ||
    fail 3 "could not install; the reason stands above. As root, run: $install"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) ||
    fail 3 "installed, and yet something of these is missing: ${missing[*]}"
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

# configure [option of CMake...]
configure() {
  drop_foreign_cache
  [[ ! -e build/release || -w build/release ]] ||
    fail 3 "build/release belongs to another user; remove it: sudo rm -r $root/build/release"
  if ! cmake --preset release "$@"; then
    has dpkg-query || name_packages
    fail 3 "CMake could not configure; its message stands above"
  fi
}

# build [target...]: these, or all.
build() {
  local jobs targets=()
  (($# == 0)) || targets=(--target "$@")
  jobs=$(build_jobs)
  say "building with $jobs jobs"
  cmake --build --preset release "${targets[@]}" --parallel "$jobs" ||
    fail 3 "the build failed; the compiler's message stands above"
}
