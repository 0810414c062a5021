#!/usr/bin/env bash
# A virtual environment: scripts/venv.sh PYTHON FOLDER. Debian and Ubuntu keep
# what it takes in a package of its own, which is installed where it may be.
set -euo pipefail
source "$(dirname "$0")/packages.sh"
python=$1 folder=$2

command -v "$python" >/dev/null || { echo "There is no $python here: OneClickLLM needs Python 3.11 or newer."; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "OneClickLLM needs Python 3.11 or newer, this is $("$python" -V); PYTHON=/path/to/python3.12 make run names another."
    exit 1
}
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    may_install || { echo "Python's venv module is missing: $(by_hand "python$version-venv")"; exit 1; }
    install "python$version-venv"
fi
"$python" -m venv "$folder" || { rm -rf "$folder"; exit 1; }
