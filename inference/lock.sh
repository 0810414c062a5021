#!/usr/bin/env bash
# Compile the images' locked requirements from the .in files, with hashes.
set -euo pipefail
cd "$(dirname "$0")"
for name in requirements requirements-cpu; do
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links "$name.in" --output-file "$name.txt" "$@"
done
