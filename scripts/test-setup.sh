#!/usr/bin/env bash
# What the tests need beyond Python, on a bare Debian or Ubuntu: Node with the
# judges from npm, Chromium, a C compiler, and the servers that tests start for
# themselves: Redis, nginx and an OCI registry. Installs what is missing where it may.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/packages.sh

has_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
has_chromium >/dev/null || missing+=(chromium)
command -v curl >/dev/null || missing+=(curl)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v openssl >/dev/null || missing+=(openssl)
command -v cc >/dev/null || missing+=(gcc libc6-dev)
PATH=$PATH:/usr/sbin command -v nginx >/dev/null || missing+=(nginx-light)
command -v docker-registry >/dev/null || missing+=(docker-registry)
has_openmp || missing+=(libgomp1)
if [ ${#missing[@]} != 0 ]; then
    may_install || { echo "The tests need ${missing[*]}: $(by_hand "${missing[@]}")" >&2; exit 1; }
    install "${missing[@]}"
fi

# The judges need Node 20; Debian 12 and Ubuntu 24.04 bring 18, and get 24. `make test` puts
# this folder first on the path.
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ] && [ ! -x var/node/bin/node ]; then
    package=node-linux-$(node -p process.arch)
    npm install --prefix var/node --no-save --no-audit --no-fund --silent "$package@24.22.3"
    ln -sfn "node_modules/$package/bin" var/node/bin
fi

if [ tests/judge/package-lock.json -nt tests/judge/node_modules/.package-lock.json ]; then
    npm ci --prefix tests/judge --no-audit --no-fund --silent
fi
