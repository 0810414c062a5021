#!/usr/bin/env bash
# Hold a release's tag against what the code calls itself: scripts/check_release.sh v1.2.3
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(python3 -c 'from inference import __version__; print(__version__)')
[ "$1" = "v$version" ] || { echo "The tag is $1 and the code is $version: tag v$version, or raise the version." >&2; exit 1; }
grep -qE "^## $version — [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md || {
    echo "CHANGELOG.md has no day for $version: write '## $version — $(date +%F)'." >&2
    exit 1
}
echo "v$version is ready to be published."
