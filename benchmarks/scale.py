"""What a visit costs, what workers cost, and from both what many visits cost.

    python -m benchmarks.scale [--workers 1 2 4 8 16 32 64] [--seconds 5] [--visits 10000 1000000]

The site runs as its own SDL has it, with a Redis of its own and stand-ins for
the registries and Akash Console. First each request of a visit is measured on
one worker: CPU, bytes on the wire, Redis commands and bytes, and the calls to
registries that it makes when its answer is in no cache. Then workers are added.
Then `benchmarks.scale_model` works out what so many visits a day need.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import redis

from benchmarks.browser import collect
from benchmarks.pages import CONFIGURE, HTMX, Page, cpu_seconds, registries, row
from benchmarks.scale_model import SEARCH, Measured, Request, tables
from benchmarks.servers import children, free_port
from tests.site.live import LiveSite
from tests.site.redis_server import redis_server
from tests.standins.console import ConsoleApi
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.ollama import OllamaStandIn
from tests.standins.server import StandIn

# A whole visit: somebody who searches, looks, tries four choices and takes the file.
# Files: what a first visit loads beside the page (`-m benchmarks.browser` lists them).
VISIT: tuple[tuple[Page, int], ...] = (
    (Page("first page", "/"), 1),
    (Page("a static file", "static"), 21),
    (Page(SEARCH, "/?q=qwen3", HTMX), 3),
    (Page("model", "/models/ollama/llama3.1:8b/"), 1),
    (Page("configuration", CONFIGURE), 1),
    (Page("a choice changed", f"{CONFIGURE}?slots=2", HTMX), 4),
    (Page("who can host the plan", "/models/ollama/llama3.1:8b/screening?slots=2"), 5),
    (Page("who can host each card", "/models/ollama/llama3.1:8b/screening/0?slots=2"), 5),
    (Page("deploy.yaml", "/models/ollama/llama3.1:8b/deploy.yaml"), 1),
)
_AGENT = {"Accept-Encoding": "gzip"}
WARM = 200


class Outside:
    """What the site asks: stand-ins that count."""

    def __init__(self) -> None:
        self.hub, self.ollama, self.console = HuggingFaceStandIn(), OllamaStandIn(), ConsoleApi()

    def __enter__(self) -> Outside:
        for server in (self.hub, self.ollama, self.console):
            server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for server in (self.hub, self.ollama, self.console):
            server.__exit__(*error)

    @property
    def settings(self) -> dict[str, str]:
        return {**registries(self.hub, self.ollama), "CONSOLE_API_URL": self.console.url}

    def calls(self) -> dict[str, int]:
        """How many calls each has had."""
        servers: Mapping[str, Sequence[StandIn]] = {
            "Hugging Face": (self.hub.hub,),
            "Ollama": (self.ollama.site, self.ollama.registry),
            "Console": (self.console,),
        }
        return {name: sum(len(one.requests) for one in every) for name, every in servers.items()}


@contextmanager
def site_with_redis(outside: Outside, workers: int = 1) -> Iterator[tuple[LiveSite, Any]]:
    """The site as its SDL runs it, static files collected, and a client of its Redis."""
    folder = tempfile.TemporaryDirectory()
    with folder as kept, redis_server(free_port(), Path(kept)) as url:
        settings = {"CACHE_URL": url, "WORKERS": str(workers), "LOG_LEVEL": "WARNING"}
        live = collect(f"{kept}/static", **outside.settings, **settings)
        with live as site, redis.Redis.from_url(url) as client:
            yield site, client


def memory(pid: int) -> int:
    """Bytes of a process, shared pages counted by their share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


async def _ask(session: aiohttp.ClientSession, url: str, page: Page) -> int:
    """Bytes of the answer's body as they cross the wire."""
    async with session.get(url, headers={**_AGENT, **page.headers}) as response:
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
        if response.status != 200:
            sys.exit(f"{url} answered {response.status}")
        return size


async def _times(url: str, page: Page, count: int) -> int:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        sizes = [await _ask(session, url, page) for _ in range(count)]
    return sizes[-1]


def _stand(client: Any) -> tuple[int, int]:
    """Commands that Redis has had, and bytes both ways."""
    found = client.info("stats")
    moved = found["total_net_input_bytes"] + found["total_net_output_bytes"]
    return found["total_commands_processed"], moved


def measure_request(outside: Outside, page: Page, count: int) -> Request:
    """One kind of request on a worker of its own, the first time and then `WARM` times."""
    with site_with_redis(outside) as (site, client):
        url = site.url + (_static(site) if page.path == "static" else page.path)
        (worker,) = children(site.process.pid)
        known = outside.calls()
        cold = cpu_seconds(worker)
        asyncio.run(_times(url, page, 1))
        cold = cpu_seconds(worker) - cold
        asked = {name: calls - known[name] for name, calls in outside.calls().items()}
        asyncio.run(_times(url, page, 5))
        commands, moved = _stand(client)
        warm = cpu_seconds(worker)
        size = asyncio.run(_times(url, page, WARM))
        warm = cpu_seconds(worker) - warm
        after = _stand(client)
    # INFO itself is a command of some four kilobytes, once.
    return Request(
        name=page.name,
        count=count,
        cold_cpu=cold,
        cpu=warm / WARM,
        size=size,
        redis_commands=(after[0] - commands - 1) / WARM,
        redis_bytes=max(0, after[1] - moved - 4096) / WARM,
        calls=asked,
    )


def _static(site: LiveSite) -> str:
    """A stylesheet of the first page, by its hashed name."""
    return asyncio.run(_first_sheet(site.url))


async def _first_sheet(base: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(base) as response:
        text = await response.text()
    return text.partition('rel="stylesheet" href="')[2].partition('"')[0]


def measure_workers(outside: Outside, workers: int, seconds: float) -> tuple[str, ...]:
    """A row: what so many workers take, and what they give on this machine's cores."""
    with site_with_redis(outside, workers) as (site, client):
        started = _all_up(site, workers)
        pids = children(site.process.pid)
        _visit_all(site, pids)
        rates, times = zip(*(asyncio.run(_visited(site.url, 16, seconds)) for _ in range(2)),
                           strict=True)  # fmt: skip
        found = [memory(pid) for pid in pids]
        connections = client.info("clients")["connected_clients"] - 1
    every = sorted(times[0] + times[1])
    return (
        str(workers),
        f"{started:.1f}",
        f"{statistics.mean(rates):,.0f}",
        f"{statistics.median(every) * 1000:.0f}",
        f"{every[int(len(every) * 0.95)] * 1000:.0f}",
        f"{sum(found) / 2**20:,.0f}",
        f"{statistics.median(found) / 2**20:.0f}",
        str(connections),
    )


def _visit_all(site: LiveSite, pids: Sequence[int]) -> None:
    """Ask until every worker has made each page: some are luckier than others."""
    for _ in range(10):
        before = [cpu_seconds(pid) for pid in pids]
        asyncio.run(_visited(site.url, 8 * len(pids), seconds=0))
        idle = [cpu_seconds(pid) - used < 0.01 for pid, used in zip(pids, before, strict=True)]
        if not any(idle):
            return


def _all_up(site: LiveSite, workers: int) -> float:
    """Seconds of CPU until every worker has loaded: none uses much any more."""
    pids = children(site.process.pid)
    while len(pids) < workers:
        time.sleep(0.2)
        pids = children(site.process.pid)
    used, before = 0.0, -1.0
    while used - before > 0.05:
        before = used
        time.sleep(1.0)
        used = sum(map(cpu_seconds, pids))
    return used


async def _visited(base: str, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Pages of a visit by turns, each on a connection of its own, so that workers share them."""
    pages = [
        page for page, _ in VISIT if page.path.startswith("/") and "screening" not in page.path
    ]
    times: list[float] = []
    deadline = time.perf_counter() + seconds

    async def client(session: aiohttp.ClientSession, place: int) -> None:
        while True:
            page = pages[place % len(pages)]
            started = time.perf_counter()
            await _ask(session, base + page.path, page)
            times.append(time.perf_counter() - started)
            place += 1
            if time.perf_counter() >= deadline:
                return

    connector = aiohttp.TCPConnector(force_close=True, limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(client(session, place) for place in range(clients)))
    return len(times) / max(seconds, 0.001), times


def redis_limit(size: int) -> float:
    """Gets a second of values of so many bytes that a Redis on this machine answers."""
    program = shutil.which("redis-benchmark")
    if not program:
        sys.exit("No redis-benchmark here: apt-get install redis-tools.")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with redis_server(port, Path(folder)):
            words = ["-p", str(port), "-t", "set,get", "-n", "100000", "-d", str(size), "--csv"]
            told = subprocess.run([program, *words], check=True, capture_output=True, text=True)
    (line,) = (line for line in told.stdout.splitlines() if line.startswith('"GET"'))
    return float(line.split(",")[1].strip('"'))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--visits", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    with Outside() as outside:
        requests = tuple(measure_request(outside, page, count) for page, count in VISIT)
        print_requests(requests)
        for line in worker_rows(outside, options.workers, options.seconds):
            print(line, flush=True)
    gets = redis_limit(2000)
    print(f"\nRedis on this machine: {gets:,.0f} gets of 2,000 bytes a second\n")
    print("\n".join(tables(Measured(requests, gets), options.visits)))


def print_requests(requests: Sequence[Request]) -> None:
    names = list(requests[0].calls)
    print(row("request", "a visit", "CPU ms, first", "CPU ms, again", "bytes", "Redis commands",
              "Redis bytes", *(f"calls to {name}, first" for name in names)))  # fmt: skip
    print(row("---", *(["---:"] * (6 + len(names)))))
    for one in requests:
        print(row(one.name, str(one.count), f"{one.cold_cpu * 1000:.0f}", f"{one.cpu * 1000:.1f}",
                  f"{one.size:,}", f"{one.redis_commands:.1f}", f"{one.redis_bytes:,.0f}",
                  *(str(one.calls[name]) for name in names)))  # fmt: skip


def worker_rows(outside: Outside, counts: Sequence[int], seconds: float) -> Iterator[str]:
    yield ""
    yield row("workers", "CPU s to start", "pages/s", "p50 ms", "p95 ms", "MiB", "MiB a worker",
              "Redis connections")  # fmt: skip
    yield row(*(["---:"] * 8))
    for workers in counts:
        yield row(*measure_workers(outside, workers, seconds))


if __name__ == "__main__":
    main()
