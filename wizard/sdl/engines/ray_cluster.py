"""How several nodes become one Ray cluster for vLLM: what each container runs first.

The head is a service of its own, whose port the workers reach by its name; the
workers are one service with a ``count``. Everything else goes from pod to pod,
which a lease's network allows on any port.
https://docs.vllm.ai/en/stable/serving/parallelism_scaling/

vLLM's image has had no Ray since 0.18, so each container installs it, pinned,
before it starts (https://github.com/vllm-project/vllm/issues/33445). A container
in which a process ends is started again by the provider: the head then makes a
new cluster, and the workers, whose raylet ends with the old one, join it.
"""

from __future__ import annotations

from wizard.sdl.engines.values import Text

PORT = 6379
RAY_VERSION = "2.58.0"

# The address is the pod's own: a node tells it to the others.
_PREPARE = f"""\
set -eu
export VLLM_HOST_IP="$(hostname -i | cut -d ' ' -f 1)"
export PIP_BREAK_SYSTEM_PACKAGES=1
command -v ray > /dev/null || python3 -m pip install --no-cache-dir ray=={RAY_VERSION}
"""

# `"$@"` are the service's args: no name is ever part of a script.
HEAD_SCRIPT = Text(
    f"""\
{_PREPARE}\
ray start --head --port {PORT} --node-ip-address "$VLLM_HOST_IP" --num-gpus "$NODE_GPUS" \\
  --include-dashboard false --disable-usage-stats
python3 - <<'END'
import os, time, ray
ray.init(address="auto", log_to_driver=False)
wanted = int(os.environ["NODES"])
while (found := sum(node["Alive"] for node in ray.nodes())) < wanted:
    print(f"{{found}} of {{wanted}} nodes are here", flush=True)
    time.sleep(5)
END
exec vllm serve "$@"
"""
)
WORKER_SCRIPT = Text(
    f"""\
{_PREPARE}\
until ray health-check --address "$HEAD_SERVICE:{PORT}" > /dev/null 2>&1; do
  echo "waiting for the head node"
  sleep 5
done
exec ray start --address "$HEAD_SERVICE:{PORT}" --node-ip-address "$VLLM_HOST_IP" \\
  --num-gpus "$NODE_GPUS" --disable-usage-stats --block
"""
)
