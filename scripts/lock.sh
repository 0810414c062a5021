#!/usr/bin/env bash
# Compile the locked requirements from the .in files, for every platform, with hashes.
# Extras stay in the lines: where a package asks for `coverage[toml]` and the lock
# has `coverage` alone, older pips take the newest one and refuse it for want of a
# hash (https://github.com/pypa/pip/issues/9644).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "Install uv first: pipx install uv" >&2; exit 1; }
for name in requirements requirements-dev; do
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
        "$name.in" --output-file "$name.txt" "$@"
done
