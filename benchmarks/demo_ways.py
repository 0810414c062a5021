"""The ways to an upstream that ``demo_proxy`` compares, each a process on a core of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.demo_upstream import MODEL
from benchmarks.servers import cpu_seconds, free_port

ROOT = Path(__file__).resolve().parent.parent
PROXY_CORE, LOAD_CORE = "0", "1"
STARTING = 240.0
OPENAI = "/v1/chat/completions"
_NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 300s;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Way:
    """A way to the upstream: where, and the process that stands between (0 for none)."""

    name: str
    port: int
    path: str = OPENAI
    pid: int = 0

    @property
    def pids(self) -> list[int]:
        """The process and its children."""
        return _family(self.pid) if self.pid else []

    def cpu(self) -> float:
        """Seconds of CPU that they used so far."""
        return sum(map(cpu_seconds, self.pids))


def ways(stack: ExitStack, litellm: str) -> list[Way]:
    """Everything that is measured, started; the upstream alone comes first."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    upstream = free_port()
    command = [sys.executable, "-m", "benchmarks.demo_upstream", str(upstream)]
    stack.enter_context(_running(command, LOAD_CORE, upstream))
    site, nginx = _site(stack, upstream, folder), _nginx(stack, upstream, folder)
    found = [
        Way("upstream alone", upstream),
        Way("nginx", *nginx),
        Way("demo, OpenAI to OpenAI", *site),
        Way("demo, Ollama to OpenAI", site[0], "/api/chat", site[2]),
    ]
    if litellm:
        found.append(Way("LiteLLM's proxy", *_litellm(stack, litellm, upstream, folder)))
    return found


def _site(stack: ExitStack, upstream: int, folder: str) -> tuple[int, str, int]:
    port = free_port()
    offered = {"url": f"http://127.0.0.1:{upstream}", "kind": "openai", "models": [MODEL]}
    settings = {
        "PORT": str(port),
        "CACHE_DIR": folder,
        "STATIC_DIR": f"{folder}/static",
        "LOG_LEVEL": "ERROR",
        "DEMO_UPSTREAMS": json.dumps([{**offered, "parallel": 1024}]),
        **dict.fromkeys(("DEMO_RATE", "DEMO_GLOBAL_RATE"), "1000000/minute"),
        **dict.fromkeys(("DEMO_STREAMS", "DEMO_STREAMS_PER_ADDRESS"), "1000"),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
    return port, OPENAI, stack.enter_context(_running(command, PROXY_CORE, port, **settings))


def _nginx(stack: ExitStack, upstream: int, folder: str) -> tuple[int, str, int]:
    port, config = free_port(), Path(folder) / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
    command = ["nginx", "-c", str(config), "-e", f"{folder}/error.log"]
    return port, OPENAI, stack.enter_context(_running(command, PROXY_CORE, port))


def _litellm(stack: ExitStack, program: str, upstream: int, folder: str) -> tuple[int, str, int]:
    port, config = free_port(), Path(folder) / "litellm.yaml"
    base = f"http://127.0.0.1:{upstream}/v1"
    params = {"model": f"openai/{MODEL}", "api_base": base, "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": MODEL, "litellm_params": params}]}))
    command = [program, "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    keyless = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    return port, OPENAI, stack.enter_context(_running(command, PROXY_CORE, port, **keyless))


@contextmanager
def _running(command: list[str], core: str, port: int, **environ: str) -> Iterator[int]:
    """A program on one core; its process id, once its port is open."""
    with subprocess.Popen(
        ["taskset", "-c", core, *command],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(port, process)
            yield process.pid
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"{process.args!r} does not listen")


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(found for child in children for found in _family(int(child)))]
