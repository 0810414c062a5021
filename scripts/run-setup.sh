#!/usr/bin/env bash
# What the playground's embedded model needs beyond Python. The site runs
# without it, so what is missing and may not be installed is only told.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh

has_openmp && exit 0
if may_install; then
    install libgomp1
else
    echo "The playground's own model needs the library libgomp1: $(by_hand libgomp1)" >&2
fi
