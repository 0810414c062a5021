#!/usr/bin/env bash
# Start the site's image as it is, and see that the wizard and the demo answer.
set -euo pipefail
image=$1
name=site-try-$$
trap 'docker logs "$name" | tail -n 40; docker rm -f "$name" >/dev/null' EXIT
docker run -d --name "$name" -p 127.0.0.1::8000 -e OFFLINE=1 "$image" >/dev/null
base=http://$(docker port "$name" 8000/tcp)
for _ in $(seq 60); do
    curl -fsS "$base/api/tags" 2>/dev/null | grep -q '"name"' && break
    sleep 1
done
curl -fsS "$base/healthz" | grep -q '"status": "ok"'
curl -fsS "$base/models/ollama/llama3.1:8b/deploy.yaml" | grep -q '^version: "2.0"'
curl -fsS "$base/api/generate" \
    -d '{"model":"oneclick-demo","prompt":"Hello","stream":false}' | grep -q '"done":true'
test "$(docker exec "$name" stat -c %u /proc/1)" = 10001
docker exec "$name" python -m inference.healthcheck
docker stop -t 40 "$name" >/dev/null
test "$(docker inspect -f '{{.State.ExitCode}}' "$name")" = 0
echo "The site's image answers, and serves as user 10001."
