"""What the demo's proxy adds to each token, beside the upstream alone, nginx and LiteLLM.

    python -m benchmarks.demo_proxy [--streams 50 200] [--seconds 10] [--litellm PROGRAM]

The upstream sends a token each 100 ms on every stream, with the moment of its
sending inside; the caller takes the difference when it arrives. Proxies run on
one core, upstream and caller on another; they take turns, and each one's best
round counts. Chunks a second of one core are worked
out from the CPU that the proxy used, which other work on the machine moves
less than it moves delays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks.servers import cpu_seconds, free_port

ROOT = Path(__file__).resolve().parent.parent
INTERVAL = 0.1
PROXY_CORE, LOAD_CORE = "0", "1"
STARTING = 240.0
MODEL = "bench"
_SENT = re.compile(rb'"(?:content|response)":\s?"(\d+)')
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
class Target:
    """A way to the upstream: where, and the process that stands between (0 for none)."""

    name: str
    port: int
    path: str
    pid: int = 0

    def cpu(self) -> float:
        """Seconds of CPU of the process and its children."""
        return sum(map(cpu_seconds, _family(self.pid))) if self.pid else 0.0


@dataclass(frozen=True)
class Result:
    """Delays in milliseconds, microseconds of the proxy's CPU for a chunk, chunks a second."""

    delays: list[float]
    cpu: float
    rate: float

    @property
    def p50(self) -> float:
        return statistics.median(self.delays)

    def percentile(self, share: float) -> float:
        return sorted(self.delays)[min(len(self.delays) - 1, int(len(self.delays) * share))]


@dataclass
class _Run:
    """What all streams of a measurement share."""

    begun: int = 0
    counts: bool = False
    delays: list[float] = field(default_factory=list)


def serve(port: int) -> None:
    """The upstream: OpenAI's events, one each interval, until the caller leaves."""

    async def chat(request: web.Request) -> web.StreamResponse:
        await request.read()
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        while True:
            delta = {"content": str(time.monotonic_ns())}
            event = {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1_795_000_000,
                "model": MODEL,
                "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
            }
            text = json.dumps(event, separators=(",", ":"))
            await answer.write(f"data: {text}\n\n".encode())
            await asyncio.sleep(INTERVAL)

    async def fine(_request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", fine)
    web.run_app(
        app, host="127.0.0.1", port=port, print=None, handler_cancellation=True, backlog=4096
    )


async def measure(target: Target, streams: int, seconds: float) -> Result:
    """Hold streams for some seconds; what arrived before all of them ran does not count."""
    run = _Run()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        holding = [asyncio.create_task(_hold(session, target, run)) for _ in range(streams)]
        deadline = time.monotonic() + STARTING
        while run.begun < streams and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        cpu = target.cpu()
        run.counts = True
        await asyncio.sleep(seconds)
        used = target.cpu() - cpu
        for task in holding:
            task.cancel()
        ended = await asyncio.gather(*holding, return_exceptions=True)
    failures = [found for found in ended if not isinstance(found, asyncio.CancelledError)]
    if failures or not run.delays:
        raise SystemExit(f"{target.name}: {failures[:1] or 'no tokens came'}")
    return Result(run.delays, used / len(run.delays) * 1e6, len(run.delays) / seconds)


async def _hold(session: aiohttp.ClientSession, target: Target, run: _Run) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": MODEL, "messages": messages, "stream": True}
    address = f"http://127.0.0.1:{target.port}{target.path}"
    async with session.post(address, json=body) as answer:
        answer.raise_for_status()
        is_first = True
        async for chunk in answer.content.iter_any():
            now = time.monotonic_ns()
            run.begun += is_first
            is_first = False
            if run.counts:
                run.delays += [(now - int(sent)) / 1e6 for sent in _SENT.findall(chunk)]
    raise RuntimeError("the stream ended")


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


def _site(stack: ExitStack, upstream: int, folder: str) -> tuple[int, int]:
    port = free_port()
    offered = {"url": f"http://127.0.0.1:{upstream}", "kind": "openai", "models": [MODEL]}
    settings = {
        "PORT": str(port),
        "CACHE_DIR": folder,
        "LOG_LEVEL": "ERROR",
        "DEMO_UPSTREAMS": json.dumps([{**offered, "parallel": 1024}]),
        **dict.fromkeys(("DEMO_RATE", "DEMO_GLOBAL_RATE"), "1000000/minute"),
        **dict.fromkeys(("DEMO_STREAMS", "DEMO_STREAMS_PER_ADDRESS"), "1000"),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
    return port, stack.enter_context(_running(command, PROXY_CORE, port, **settings))


def _nginx(stack: ExitStack, upstream: int, folder: str) -> tuple[int, int]:
    port, config = free_port(), Path(folder) / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
    command = ["nginx", "-c", str(config), "-e", f"{folder}/error.log"]
    return port, stack.enter_context(_running(command, PROXY_CORE, port))


def _litellm(stack: ExitStack, program: str, upstream: int, folder: str) -> tuple[int, int]:
    port, config = free_port(), Path(folder) / "litellm.yaml"
    base = f"http://127.0.0.1:{upstream}/v1"
    params = {"model": f"openai/{MODEL}", "api_base": base, "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": MODEL, "litellm_params": params}]}))
    command = [program, "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    keyless = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    return port, stack.enter_context(_running(command, PROXY_CORE, port, **keyless))


def targets(stack: ExitStack, litellm: str) -> list[Target]:
    """Everything that is measured, started."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    upstream, path = free_port(), "/v1/chat/completions"
    command = [sys.executable, "-m", "benchmarks.demo_proxy", "--serve", str(upstream)]
    stack.enter_context(_running(command, LOAD_CORE, upstream))
    site, nginx = _site(stack, upstream, folder), _nginx(stack, upstream, folder)
    found = [
        Target("upstream alone", upstream, path),
        Target("nginx", nginx[0], path, nginx[1]),
        Target("demo, OpenAI to OpenAI", site[0], path, site[1]),
        Target("demo, Ollama to OpenAI", site[0], "/api/chat", site[1]),
    ]
    if litellm:
        port, pid = _litellm(stack, litellm, upstream, folder)
        found.append(Target("LiteLLM's proxy", port, path, pid))
    return found


def main() -> None:
    """Print a table for each number of streams."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--litellm", default="", help="the program litellm of a virtualenv")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with ExitStack() as stack:
        found = targets(stack, options.litellm)
        for streams in options.streams:
            _table(found, streams, options.seconds, options.rounds)


def _table(found: list[Target], streams: int, seconds: float, rounds: int) -> None:
    print(f"\n{streams} streams, {streams / INTERVAL:g} chunks/s\n")
    print("| way | p50 ms | p95 ms | p99 ms | added at p50 | chunks/s | CPU a chunk | of a core |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    results = [
        [asyncio.run(measure(target, streams, seconds)) for target in found] for _ in range(rounds)
    ]
    best = [min(taken, key=lambda result: result.p50) for taken in zip(*results, strict=True)]
    for target, result in zip(found, best, strict=True):
        tail = f"{result.percentile(0.95):.2f} | {result.percentile(0.99):.2f}"
        added = f"{result.p50 - best[0].p50:+.2f} ms"
        cpu = f"{result.cpu:.0f} µs | {1e6 / result.cpu:.0f}/s" if result.cpu else "| "
        print(
            f"| {target.name} | {result.p50:.2f} | {tail} | {added} | {result.rate:.0f} | {cpu} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
