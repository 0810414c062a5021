#!/usr/bin/env bash
# The runtime against its own OpenAPI document: benchmarks/fuzz/runtime.sh [EXAMPLES=100]
# Serves two tiny models with the real engine, lets schemathesis ask every route, and ends it.
set -euo pipefail
cd "$(dirname "$0")/../.."

examples=${1:-100}
port=${PORT:-8766}
python=var/fuzz/venv/bin/python
models=var/fuzz/models
key=a-key-for-the-fuzzer
mkdir -p var/fuzz/logs "$models"
[ -x var/fuzz/venv/bin/schemathesis ] || { echo "Run benchmarks/fuzz/run.sh 1 names first." >&2; exit 1; }
$python -c 'import sys
from pathlib import Path
from tests.inference import tiny_gguf
folder = Path(sys.argv[1])
tiny_gguf.write_model(folder / "tiny.gguf", template=tiny_gguf.WITH_TOOLS)
tiny_gguf.write_model(folder / "thinker.gguf", template=tiny_gguf.WITH_THINKING, seed=3)
tiny_gguf.write_projector(folder / "projector.gguf")' "$models"
$python -m inference serve --port "$port" --api-key "$key" --models-dir "$models" --slots 4 \
    --context-length 256 --model "$models/tiny.gguf" --model "$models/thinker.gguf" \
    --projector "$models/projector.gguf" >var/fuzz/logs/runtime.log 2>&1 &
runtime=$!
trap 'kill $runtime' EXIT
for _ in $(seq 300); do
    curl -sf "http://127.0.0.1:$port/readyz" >/dev/null && break
    sleep 0.2
done
rss() { ps -o rss= -p "$runtime" | awk '{ printf "%d MB\n", $1 / 1024 }'; }
before=$(rss)
status=0
checks=no_fault_of_the_server,each_line_has_its_shape,content_type_conformance
checks+=,response_schema_conformance,status_code_conformance
SCHEMATHESIS_HOOKS=benchmarks.fuzz.checks PYTHONPATH=. nice -n 10 \
    var/fuzz/venv/bin/schemathesis --config-file=benchmarks/fuzz/runtime.toml run \
    "http://127.0.0.1:$port/openapi.json" -H "Authorization: Bearer $key" \
    --max-examples "$examples" --checks "$checks" --mode all --generation-deterministic \
    --request-timeout 60 --suppress-health-check all --continue-on-failure || status=$?
if grep '"a request failed"' var/fuzz/logs/runtime.log; then status=1; fi
echo "The runtime's memory: $before before, $(rss) after."
exit $status
