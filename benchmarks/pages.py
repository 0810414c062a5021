"""Requests a second, p50 and p95 of the wizard's pages, cold and warm, beside the bare server.

    python -m benchmarks.pages [--seconds 5] [--clients 4]

Each page is asked of a site of its own with one worker, as `make run` starts
it: once cold, the first page that the process makes, and then again and again
from a few clients on the same machine. Once with the bundled catalogue only,
once with stand-in registries, whose answers are in the cache after the first
time. CPU is what the worker used for a warm request; the last column is the
page's rate over that of `/healthz` in the same run, which is what the server
itself costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.servers import children
from tests.site.live import LiveSite
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.ollama import OllamaStandIn

HTMX = {"HX-Request": "true"}


@dataclass(frozen=True)
class Page:
    """What is asked for, and how."""

    name: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


FLOOR = Page("bare server (/healthz)", "/healthz")
CONFIGURE = "/models/ollama/llama3.1:8b/configure/"
PAGES = (
    Page("first page", "/"),
    Page("search", "/?q=qwen3"),
    Page("search, as it is typed", "/?q=qwen3", HTMX),
    Page("model, Hugging Face", "/models/hf/Qwen/Qwen3-8B-GGUF/"),
    Page("model, Ollama", "/models/ollama/llama3.1:8b/"),
    Page("configuration", CONFIGURE),
    Page("configuration, a choice changed", f"{CONFIGURE}?slots=2", HTMX),
    Page("deploy.yaml", "/models/ollama/llama3.1:8b/deploy.yaml"),
    Page("plan.json", "/models/ollama/llama3.1:8b/plan.json"),
    Page("check an SDL", "/check/"),
    Page("help", "/docs/"),
    Page("playground", "/playground/"),
)


@dataclass(frozen=True)
class Figure:
    """What one page did when warm: requests a second, milliseconds, CPU of one request."""

    rate: float
    p50: float
    p95: float
    cpu: float


def cpu_seconds(pid: int) -> float:
    """CPU that a process used so far, threads that have ended included.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def once(site: LiveSite, page: Page) -> float:
    """Milliseconds of one request."""
    async with aiohttp.ClientSession() as session:
        started = time.perf_counter()
        await _ask(session, site.url, page)
        return (time.perf_counter() - started) * 1000


async def measure(site: LiveSite, page: Page, seconds: float, clients: int) -> Figure:
    """Ask for a page from ``clients`` connections for ``seconds``; any status but 200 ends it."""
    workers = children(site.process.pid)
    times: list[float] = []
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            await _ask(session, site.url, page)
        before = sum(map(cpu_seconds, workers))
        deadline = time.perf_counter() + seconds
        await asyncio.gather(
            *[_client(session, site.url, page, deadline, times) for _ in range(clients)]
        )
    cpu = sum(map(cpu_seconds, workers)) - before
    p95 = statistics.quantiles(times, n=20)[18] if len(times) > 1 else times[0]
    return Figure(
        rate=len(times) / seconds,
        p50=statistics.median(times) * 1000,
        p95=p95 * 1000,
        cpu=cpu * 1000 / len(times),
    )


async def _client(
    session: aiohttp.ClientSession, base: str, page: Page, deadline: float, times: list[float]
) -> None:
    while (started := time.perf_counter()) < deadline:
        await _ask(session, base, page)
        times.append(time.perf_counter() - started)


async def _ask(session: aiohttp.ClientSession, base: str, page: Page) -> None:
    async with session.get(base + page.path, headers=page.headers) as response:
        body = await response.read()
        if response.status != 200:
            sys.exit(f"{page.path} answered {response.status}: {body[:300]!r}")


def table(title: str, settings: Mapping[str, str], seconds: float, clients: int) -> None:
    print(f"\n{title}\n")
    print("| page | cold ms | p50 ms | p95 ms | requests/s | CPU ms | × bare server |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    floor = None
    for page in (FLOOR, *PAGES):
        with LiveSite(LOG_LEVEL="WARNING", **settings) as site:
            cold = asyncio.run(once(site, page))
            warm = asyncio.run(measure(site, page, seconds, clients))
        floor = floor or warm
        figures = (cold, warm.p50, warm.p95)
        print(row(page.name, *(f"{figure:.1f}" for figure in figures), f"{warm.rate:,.0f}",
                  f"{warm.cpu:.1f}", f"{warm.rate / floor.rate:.2f}"))  # fmt: skip


def row(*cells: str) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def registries(hub: HuggingFaceStandIn, ollama: OllamaStandIn) -> dict[str, str]:
    """Settings of a site that asks stand-ins."""
    return {
        "OFFLINE": "0",
        "CHECK_IMAGES": "0",
        "HUGGING_FACE_URL": hub.url,
        "OLLAMA_URL": ollama.url,
        "OLLAMA_REGISTRY_URL": ollama.registry_url,
    }


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args(arguments)
    print(f"{os.cpu_count()} cores, 1 worker, {options.clients} clients on the same machine")
    table("From the bundled catalogue", {}, options.seconds, options.clients)
    with HuggingFaceStandIn() as hub, OllamaStandIn() as ollama:
        live = registries(hub, ollama)
        table("From live registries, answers cached", live, options.seconds, options.clients)


if __name__ == "__main__":
    main()
