# Sourced by the scripts: installing, configuring and building.
# Sets `root`, the top of the checkout, and works from there; `from` is the caller's folder.

from=$PWD
name=scripts/$(basename "$(readlink -f "$0")")
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
cd "$root"

# COMMAND:PACKAGE: a command, or a name that a function has_NAME below checks, and the Debian or
# Ubuntu package that has it. A build needs these.
tools=(c++:g++ cmake:cmake ninja:ninja-build pkg-config:pkg-config gnuplot:gnuplot-nox
       python3:python3)
libraries=(libeigen3-dev libtbb-dev librandom123-dev libboost-program-options-dev
           libboost-context-dev libfmt-dev nlohmann-json3-dev libssl-dev libtomlplusplus-dev
           libutf8proc-dev zlib1g-dev libgtest-dev libgmock-dev fonts-dejavu-core)
# The tests also need these.
test_tools=(clang++:clang clang_runtime:libclang-rt-dev curl:curl doxygen:doxygen venv:python3-venv)
test_libraries=(ca-certificates python3-dev)

# Labels of heavy tests (tests/heavy.cmake). For each: minutes on 2 cores; packages that it alone
# needs, as COMMAND:PACKAGE or the package of a library; and targets of build/release that it runs.
heavy=(compilers sanitized exhaustive cluster torch browser tex tier2)
declare -A heavy_minutes=([compilers]=25 [sanitized]=25 [exhaustive]=18 [cluster]=15 [torch]=15
                          [browser]=3 [tex]=3 [tier2]=160)
declare -A heavy_packages=([cluster]="slurm-wlm munge" [browser]="chromium tidy"
                           [tex]="texlive-latex-base texlive-latex-recommended")
declare -A heavy_targets=([exhaustive]="math_exhaustive_test null_studies_test" [cluster]=norm-harness
                          [torch]=norm-harness [browser]=norm-harness [tex]=norm-harness
                          [tier2]=norm-harness)

say() { printf '%s: %s\n' "$name" "$*"; }

# Ends with a code and a sentence: 2 for wrong usage, 3 if something could not be done.
fail() {
  local code=$1
  shift
  printf '%s: %s\n' "$name" "$*" >&2
  exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }

# The libraries of Clang's sanitizers and of libFuzzer.
has_clang_runtime() {
  has clang++ && compgen -G "$(clang++ -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a" >/dev/null
}

# Debian's Python lacks the modules that create a virtual environment.
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

# Without dpkg only CMake can tell which libraries are there.
name_packages() {
  printf 'The packages of Debian and Ubuntu that are needed:\n  %s\n  %s\n' \
    "${tools[*]#*:}" "${libraries[*]}" >&2
}

# install_packages may|never
install_packages() {
  local missing install as_root=()
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  if ! has apt-get || ! has dpkg-query; then
    name_packages
    fail 3 "this system has no apt-get, and these packages are missing: ${missing[*]}." \
      "Install them under the names that they have here, and start again."
  fi
  install="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  [[ $1 == may ]] ||
    fail 3 "packages are missing, and --no-install was given. As root, run: $install"
  if ((EUID != 0)); then
    has sudo ||
      fail 3 "packages are missing; installing needs root, and there is no sudo here." \
        "As root, run: $install"
    as_root=(sudo)
    # Without a terminal nobody can type a password, so sudo must not ask.
    [[ -t 0 ]] || as_root=(sudo -n)
    say "installing needs root, so sudo may ask for a password"
  fi
  say "installing missing packages: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q
             -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  "${apt[@]}" update </dev/null ||
    fail 3 "could not update apt's lists; see the reason above. As root, run: $install"
  # Before Debian 12 the package clang contains it, and apt does not know this name.
  if ! apt-cache show libclang-rt-dev >/dev/null 2>&1; then
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | grep -vx libclang-rt-dev)
  fi
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null ||
    fail 3 "could not install; see the reason above. As root, run: $install"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) ||
    fail 3 "these are still missing after the installation: ${missing[*]}"
}

# clang-format in the version that counts, in a virtual environment. Fails where it cannot be had.
formatter=build/clang-format/bin/clang-format
# get_formatter may|never
get_formatter() {
  local pinned
  pinned=$(<tests/lint/requirements.txt)
  [[ $("$formatter" --version 2>/dev/null) != *"version ${pinned#*==}"* ]] || return 0
  rm -rf build/clang-format
  [[ $1 == may ]] || return 1
  say "getting $pinned from PyPI"
  python3 -m venv build/clang-format &&
    build/clang-format/bin/pip install --quiet --disable-pip-version-check --no-deps --retries 2 \
      --requirement tests/lint/requirements.txt </dev/null
}

# get_environment ENVIRONMENT REQUIREMENTS may|never: a virtual environment with the packages of a file
# from PyPI, and the packages themselves in its `wheelhouse`. Fails where they cannot be had.
get_environment() {
  local environment=$1 requirements=$2 pip=("$1/bin/pip" --disable-pip-version-check --quiet)
  ! cmp -s "$requirements" "$environment/requirements.txt" || return 0
  rm -rf "$environment"
  [[ $3 == may ]] || return 1
  say "getting the packages of $requirements from PyPI"
  if python3 -m venv "$environment" &&
    "${pip[@]}" download --retries 2 --dest "$environment/wheelhouse" --requirement "$requirements" \
      </dev/null &&
    "${pip[@]}" install --no-index --find-links "$environment/wheelhouse" \
      --requirement "$requirements" </dev/null; then
    cp "$requirements" "$environment/requirements.txt"
  else
    rm -rf "$environment"
    return 1
  fi
}

# What builds and tests the Python package, and torch for the heavy tests of it.
get_python() { get_environment build/python-env tests/python/requirements.txt "$1"; }
get_torch() { get_environment build/python-torch tests/python/requirements-torch.txt "$1"; }

# The number of jobs: one for each core, but at least 1.5 GB of free memory for each.
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

# CMake refuses the cache of a checkout that was moved or copied with its build folder.
drop_foreign_cache() {
  local cache=build/release/CMakeCache.txt
  if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
    say "build/release was made for another folder; creating it again"
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
    fail 3 "CMake could not configure; see its message above"
  fi
}

# build [target...]: these, or all.
build() {
  local jobs targets=()
  (($# == 0)) || targets=(--target "$@")
  jobs=$(build_jobs)
  say "building with $jobs jobs"
  cmake --build --preset release "${targets[@]}" --parallel "$jobs" ||
    fail 3 "the build failed; see the compiler's message above"
}
