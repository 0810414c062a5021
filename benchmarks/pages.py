"""Requests a second, p50 and p95 of the wizard's pages, beside the bare server.

    python benchmarks/pages.py [--seconds 5] [--clients 4]

Starts the site with one worker as `make run` does and asks each page again and
again from a few clients on the same machine: once with the bundled catalogue
only, once with stand-in registries whose answers are in the cache. The last
column is the page's rate over that of `/healthz` in the same run, which is
what the server itself costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.site.live import LiveSite
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.ollama import OllamaStandIn

FLOOR = "/healthz"
PAGES = (
    ("first page", "/"),
    ("search", "/?q=qwen3"),
    ("model, Hugging Face", "/models/hf/Qwen/Qwen3-8B-GGUF/"),
    ("model, Ollama", "/models/ollama/llama3.1:8b/"),
    ("configuration", "/models/ollama/llama3.1:8b/configure/"),
    ("deploy.yaml", "/models/ollama/llama3.1:8b/deploy.yaml"),
    ("plan.json", "/models/ollama/llama3.1:8b/plan.json"),
)


@dataclass(frozen=True)
class Figure:
    """What one page did: requests a second, and milliseconds."""

    rate: float
    p50: float
    p95: float


async def measure(url: str, seconds: float, clients: int) -> Figure:
    """Ask ``url`` from ``clients`` connections for ``seconds``; any status but 200 is an error."""
    times: list[float] = []
    async with aiohttp.ClientSession() as session:
        await _ask(session, url)
        deadline = time.perf_counter() + seconds
        await asyncio.gather(*[_client(session, url, deadline, times) for _ in range(clients)])
    quantiles = statistics.quantiles(times, n=20)
    return Figure(len(times) / seconds, statistics.median(times) * 1000, quantiles[18] * 1000)


async def _client(
    session: aiohttp.ClientSession, url: str, deadline: float, times: list[float]
) -> None:
    while (started := time.perf_counter()) < deadline:
        await _ask(session, url)
        times.append(time.perf_counter() - started)


async def _ask(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url) as response:
        body = await response.read()
        if response.status != 200:
            sys.exit(f"{url} answered {response.status}: {body[:300]!r}")


def table(title: str, site: LiveSite, seconds: float, clients: int) -> None:
    print(f"\n{title}\n")
    print("| page | requests/s | p50 ms | p95 ms | × bare server |")
    print("| --- | ---: | ---: | ---: | ---: |")
    floor = asyncio.run(measure(site.url + FLOOR, seconds, clients))
    for name, path in (("bare server (/healthz)", FLOOR), *PAGES):
        figure = asyncio.run(measure(site.url + path, seconds, clients))
        cells = (
            name,
            f"{figure.rate:,.0f}",
            f"{figure.p50:.1f}",
            f"{figure.p95:.1f}",
            f"{figure.rate / floor.rate:.2f}",
        )
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, 1 worker, {options.clients} clients on the same machine")
    with LiveSite(LOG_LEVEL="WARNING") as site:
        table("From the bundled catalogue", site, options.seconds, options.clients)
    with HuggingFaceStandIn() as hub, OllamaStandIn() as ollama:
        registries = {
            "OFFLINE": "0",
            "CHECK_IMAGES": "0",
            "HUGGING_FACE_URL": hub.url,
            "OLLAMA_URL": ollama.url,
            "OLLAMA_REGISTRY_URL": ollama.registry_url,
        }
        with LiveSite(LOG_LEVEL="WARNING", **registries) as site:
            table("From live registries, answers cached", site, options.seconds, options.clients)


if __name__ == "__main__":
    main()
