#!/usr/bin/env bash
# What the tests need beyond Python, on a bare Debian or Ubuntu: Node with the
# judges from npm, Chromium, and the servers that tests start for themselves:
# Redis, nginx and an OCI registry. Installs what is missing where it may.
set -euo pipefail
cd "$(dirname "$0")/.."

install() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "The tests need $*; install it: sudo apt-get install $*" >&2
            exit 1
        fi
        as_root=(sudo -n)
    fi
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

has_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
has_chromium >/dev/null || missing+=(chromium)
command -v redis-server >/dev/null || missing+=(redis-server)
PATH=$PATH:/usr/sbin command -v nginx >/dev/null || missing+=(nginx-light)
command -v docker-registry >/dev/null || missing+=(docker-registry)
[ ${#missing[@]} = 0 ] || install "${missing[@]}"

if [ tests/judge/package-lock.json -nt tests/judge/node_modules/.package-lock.json ]; then
    npm ci --prefix tests/judge --no-audit --no-fund --silent
fi
