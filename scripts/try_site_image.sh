#!/usr/bin/env bash
# Start the site's image as it is, and see that the wizard and the demo answer.
set -euo pipefail
image=$1
name=site-try-$$
trap 'docker logs "$name" | tail -n 40; docker rm -f "$name" >/dev/null' EXIT
docker run -d --name "$name" -p 127.0.0.1::8000 -e OFFLINE=1 "$image" >/dev/null
base=http://$(docker port "$name" 8000/tcp)
# The demo lists its model before it is loaded, and answers 503 until then.
ask() { curl -fsS "$base/api/generate" -d '{"model":"oneclick-demo","prompt":"Hello","stream":false}'; }
for _ in $(seq 60); do
    ask >/dev/null 2>&1 && break
    sleep 1
done
ask | grep -q '"done":true'
curl -fsS "$base/healthz" | grep -q '"status": "ok"'
curl -fsS "$base/models/ollama/llama3.1:8b/deploy.yaml" | grep -q '^version: "2.0"'
test "$(docker exec "$name" stat -c %u /proc/1)" = 10001
docker exec "$name" python -m inference.healthcheck
docker stop -t 40 "$name" >/dev/null
test "$(docker inspect -f '{{.State.ExitCode}}' "$name")" = 0
echo "The site's image answers, and serves as user 10001."
