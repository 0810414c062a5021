#!/usr/bin/env bash
# The site against its own OpenAPI document: benchmarks/fuzz/http.sh [EXAMPLES=300]
# Starts the site offline, lets schemathesis ask every operation, and ends it.
set -euo pipefail
cd "$(dirname "$0")/../.."

examples=${1:-300}
port=${PORT:-8765}
mkdir -p var/fuzz/logs
[ -x var/fuzz/venv/bin/schemathesis ] || { echo "Run benchmarks/fuzz/run.sh 1 names first." >&2; exit 1; }
PORT=$port OFFLINE=1 DEMO_EMBEDDED=0 CACHE_DIR=var/fuzz/cache LOG_LEVEL=ERROR \
    var/fuzz/venv/bin/gunicorn -c gunicorn.conf.py >var/fuzz/logs/site.log 2>&1 &
site=$!
trap 'kill $site' EXIT
for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$port/healthz" >/dev/null && break
    sleep 0.2
done
rss() { ps -o rss= -p "$(pgrep -P "$site" | head -1)" | awk '{ printf "%d MB\n", $1 / 1024 }'; }
before=$(rss)
status=0
checks=not_a_server_error,content_type_conformance,response_schema_conformance
for config in "" "--config-file=benchmarks/fuzz/schemathesis.toml"; do
    nice -n 10 var/fuzz/venv/bin/schemathesis $config run \
        "http://127.0.0.1:$port/api/openapi.json" --max-examples "$examples" --checks "$checks" \
        --mode all --generation-deterministic --suppress-health-check all || status=$?
done
echo "The worker's memory: $before before, $(rss) after."
exit $status
