#!/usr/bin/env bash
# Start an image with the demo model on a fresh volume, and see that it is locked and answers.
set -euo pipefail
image=$1
key=a-key-for-this-try-only
name=runtime-try-$$
trap 'docker logs "$name" | tail -n 40; docker rm -f "$name" >/dev/null; docker volume rm "$name" >/dev/null' EXIT
model=$(docker run --rm --entrypoint sh "$image" -c \
    'ls /opt/oneclickllm/inference/demo_model/*.gguf | grep -v mmproj | head -n 1')
docker volume create "$name" >/dev/null
docker run -d --name "$name" -p 127.0.0.1::8080 -v "$name:/models" -e API_KEY="$key" \
    -e MODEL="$model" -e MODEL_ALIASES=demo "$image" >/dev/null
base=http://$(docker port "$name" 8080/tcp)
for _ in $(seq 60); do
    curl -fsS "$base/readyz" >/dev/null 2>&1 && break
    sleep 1
done
curl -fsS "$base/readyz" >/dev/null
test "$(curl -s -o /dev/null -w '%{http_code}' "$base/v1/models")" = 401
curl -fsS -H "Authorization: Bearer $key" "$base/v1/chat/completions" \
    -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}],"max_tokens":8}' | grep -q '"content"'
curl -fsS -H "Authorization: Bearer $key" "$base/api/generate" \
    -d '{"model":"demo","prompt":"Hello","stream":false}' | grep -q '"done":true'
test "$(docker exec "$name" stat -c %u /models)" = 10001
test "$(docker exec "$name" stat -c %u /proc/1)" = 10001
docker exec "$name" python -m inference.healthcheck
docker stop -t 30 "$name" >/dev/null
test "$(docker inspect -f '{{.State.ExitCode}}' "$name")" = 0
echo "The image answers, is locked, and serves as user 10001."
