"""Tokens a second and first token through both dialects, beside the bare engine.

    python benchmarks/runtime_overhead.py MODEL.gguf [--streams 1 4 8 16] [--tokens 128]

The runtime and the engine run in this process's children; the bare engine is
the very same child, asked directly, so that a ratio compares nothing but the
layer between. Routes take turns within a round, and the best round counts.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from inference import application
from inference.engine.client import new_session
from inference.engine.pool import Pool
from inference.library import Library
from inference.runtime import Runtime
from inference.server import start_up
from inference.settings import Settings, load

PROMPT = "Tell a long story about a lighthouse, its keeper, and the ships that pass by at night. "
ROUTES = ("engine", "openai", "ollama")


@dataclass(frozen=True)
class Result:
    """One measurement: tokens a second over all streams, seconds to the first token (median)."""

    speed: float
    first: float


@dataclass(frozen=True)
class Target:
    """Where a route is asked, and with what."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[tuple[Runtime, str]]:
    async with new_session() as session:
        runtime = Runtime(settings, session, Library(settings), Pool(settings, session))
        runner = web.AppRunner(application.build(runtime), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        failure = await start_up(runtime)
        if failure:
            raise SystemExit(failure.sentence)
        try:
            yield runtime, f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
            await runtime.pool.close()


def _targets(runtime: Runtime, url: str, tokens: int) -> dict[str, Target]:
    (loaded,) = runtime.pool.loaded()
    engine, (name, _) = loaded.engine, runtime.library.names()[0]
    messages = [{"role": "user", "content": PROMPT}]
    same = {"model": name, "messages": messages, "stream": True}
    openai = {**same, "max_tokens": tokens, "temperature": 0.8, "top_p": 0.9, "ignore_eos": True}
    options = {"num_predict": tokens, "temperature": 0.8, "top_p": 0.9}
    return {
        "engine": Target(f"{engine.url}/v1/chat/completions", engine.headers, openai),
        "openai": Target(f"{url}/v1/chat/completions", {}, openai),
        "ollama": Target(f"{url}/api/chat", {}, {**same, "options": options}),
    }


async def _stream(session: aiohttp.ClientSession, target: Target) -> tuple[int, float]:
    """Tokens of one answer, and seconds to its first one."""
    began, first, count = time.perf_counter(), 0.0, 0
    async with session.post(
        target.url, data=orjson.dumps(target.body), headers=target.headers
    ) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            is_token = b'"content":"' in line and b'"content":""' not in line
            if is_token:
                count += 1
                first = first or time.perf_counter() - began
    return count, first


async def _measured(target: Target, streams: int) -> Result:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        began = time.perf_counter()
        told = await asyncio.gather(*(_stream(session, target) for _ in range(streams)))
        took = time.perf_counter() - began
    tokens = sum(count for count, _ in told)
    return Result(tokens / took, statistics.median(first for _, first in told))


async def _run(options: argparse.Namespace) -> None:
    flags = ["--model", str(options.model.resolve()), "--slots", str(max(options.streams))]
    flags += ["--context-length", "1024", "--threads", str(options.threads), "--embeddings", "off"]
    if options.engine_binary:
        flags += ["--engine-binary", str(options.engine_binary)]
    async with _serving(load(flags, {})) as (runtime, url):
        targets = _targets(runtime, url, options.tokens)
        await _measured(targets["engine"], 1)
        print("| streams | route | tokens/s | of the engine | first token |")
        print("| ---: | --- | ---: | ---: | ---: |")
        for streams in options.streams:
            rounds = [
                {route: await _measured(targets[route], streams) for route in ROUTES}
                for _ in range(options.rounds)
            ]
            _print(streams, rounds)


def _print(streams: int, rounds: list[dict[str, Result]]) -> None:
    best = {route: max(r[route].speed for r in rounds) for route in ROUTES}
    for route in ROUTES:
        first = min(r[route].first for r in rounds)
        ratio = best[route] / best["engine"]
        print(f"| {streams} | {route} | {best[route]:.0f} | {ratio:.3f} | {first * 1000:.0f} ms |")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model", type=Path)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engine-binary", type=Path)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
