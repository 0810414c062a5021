# Sourced by the other scripts: Debian's packages, where they may be installed.
# shellcheck shell=bash

may_install() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }

# What to type where it may not. A bare Debian has no sudo, and a fresh image no lists of packages.
by_hand() {
    local sudo="" whose="as root, "
    if command -v sudo >/dev/null; then sudo="sudo " whose=""; fi
    echo "$whose${sudo}apt-get update && ${sudo}apt-get install --no-install-recommends $*"
}

install() {
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The engine's wheel is linked against GNU OpenMP and does not bring it.
has_openmp() { [ "$(uname -s)" != Linux ] || "${1:-python3}" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; }
