#!/usr/bin/env bash
# Fuzz every target for a while: benchmarks/fuzz/run.sh [SECONDS=60] [TARGET…]
# Needs Linux or macOS; makes its own environment in var/fuzz, beside the project's.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
shift || true
python=var/fuzz/venv/bin/python
if ! $python -c 'import atheris' 2>/dev/null; then
    python3 -m venv var/fuzz/venv
    $python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
    $python -m pip install --quiet --disable-pip-version-check atheris==3.0.0 schemathesis==4.32.5
fi

export OFFLINE=1 LOG_LEVEL=ERROR CACHE_DIR=var/fuzz/cache PYTHONHASHSEED=0
mkdir -p var/fuzz/{corpus,finds,logs}
$python -m benchmarks.fuzz.seeds var/fuzz/corpus
targets=("$@")
[ ${#targets[@]} != 0 ] || mapfile -t targets < <(ls var/fuzz/corpus)

failed=0
for target in "${targets[@]}"; do
    log=var/fuzz/logs/$target.log
    nice -n 10 $python -m benchmarks.fuzz "$target" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="var/fuzz/finds/$target-" "var/fuzz/corpus/$target" >"$log" 2>&1 || failed=1
    awk -v target="$target" '
        /INITED/ && match($0, /rss: [0-9]+/) { first = substr($0, RSTART + 5, RLENGTH - 5) }
        /number_of_executed_units/ { runs = $2 }
        /peak_rss_mb/ { peak = $2 }
        /SUMMARY|Uncaught/ { find = find " " $0 }
        END { printf "%-18s %9d inputs, memory %d MB at first, %d MB at most%s\n",
              target, runs, first, peak, find ? " FIND:" find : "" }' "$log"
done
exit $failed
