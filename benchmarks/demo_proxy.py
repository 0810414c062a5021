"""What the demo's proxy adds to each token, beside the upstream alone, nginx and LiteLLM.

    python -m benchmarks.demo_proxy [--streams 20 50 200] [--seconds 10] [--litellm PROGRAM]
    python -m benchmarks.demo_proxy --below 100 [--streams 10 20 50 …] [--litellm PROGRAM]
    python -m benchmarks.demo_proxy --closing 3

The upstream sends a token each 100 ms on every stream, with the moment of its
sending inside; the caller takes the difference when it arrives. Proxies run on
one core, upstream and caller on another; they take turns, and each one's best
round counts. Tokens a second of one core are worked out from the CPU that the
proxy used, which other work on the machine moves less than it moves delays. A
proxy that has not begun all streams in time is measured with those that it has.

``--below`` takes the numbers of streams one after the other, for each way by itself,
and tells the last at which all began and 95 of 100 tokens took less than so many
milliseconds. ``--closing`` measures how long upstreams are held after their clients are gone.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import aiohttp

from benchmarks import demo_closing
from benchmarks.demo_upstream import INTERVAL, MODEL
from benchmarks.demo_ways import LOAD_CORE, Way, ways

_SENT = re.compile(rb'"(?:content|response)":\s?"(\d+)')


@dataclass(frozen=True)
class Result:
    """Delays in milliseconds, microseconds of the proxy's CPU for a token, tokens a second."""

    held: int
    delays: list[float]
    cpu: float
    rate: float

    @property
    def p50(self) -> float:
        return self.percentile(0.5)

    def percentile(self, share: float) -> float:
        """Endless where no token came."""
        ordered = sorted(self.delays)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.inf


@dataclass
class _Run:
    """What all streams of a measurement share."""

    begun: int = 0
    counts: bool = False
    delays: list[float] = field(default_factory=list)


async def measure(way: Way, streams: int, seconds: float, starting: float) -> Result:
    """Hold streams for some seconds; what arrived before all of them ran does not count."""
    run = _Run()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        holding = [asyncio.create_task(_hold(session, way, run)) for _ in range(streams)]
        deadline = time.monotonic() + starting
        while run.begun < streams and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        cpu = way.cpu()
        run.counts = True
        await asyncio.sleep(seconds)
        used, held = way.cpu() - cpu, run.begun
        for task in holding:
            task.cancel()
        ended = await asyncio.gather(*holding, return_exceptions=True)
    failures = [found for found in ended if not isinstance(found, asyncio.CancelledError)]
    if failures:
        raise SystemExit(f"{way.name}: {failures[:1]}")
    tokens = len(run.delays)
    return Result(held, run.delays, used / tokens * 1e6 if tokens else 0.0, tokens / seconds)


async def _hold(session: aiohttp.ClientSession, way: Way, run: _Run) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": MODEL, "messages": messages, "stream": True}
    address = f"http://127.0.0.1:{way.port}{way.path}"
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


def _table(found: list[Way], streams: int, told: argparse.Namespace) -> None:
    print(f"\n{streams} streams, {streams / INTERVAL:g} tokens/s\n")
    print("| way | held | p50 ms | p95 ms | p99 ms | added | tokens/s | CPU a token | of a core |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    results = [
        [asyncio.run(measure(way, streams, told.seconds, told.starting)) for way in found]
        for _ in range(told.rounds)
    ]
    best = [min(taken, key=lambda result: result.p50) for taken in zip(*results, strict=True)]
    for way, result in zip(found, best, strict=True):
        tail = f"{result.percentile(0.95):.2f} | {result.percentile(0.99):.2f}"
        added = f"{result.p50 - best[0].p50:+.2f} ms"
        cpu = f"{result.cpu:.0f} µs | {1e6 / result.cpu:.0f}/s" if result.cpu else "| "
        print(
            f"| {way.name} | {result.held} | {result.p50:.2f} | {tail} | {added} "
            f"| {result.rate:.0f} | {cpu} |",
            flush=True,
        )


def _most(found: list[Way], told: argparse.Namespace) -> None:
    """The most streams that each way holds, and what the next number did to it."""
    print("| way | most streams | p50 ms | p95 ms | CPU a token | at the next |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for way in found:
        most, best, after = 0, Result(0, [], 0.0, 0.0), ""
        for streams in told.streams:
            result = _best_of(way, streams, told)
            p95 = result.percentile(0.95)
            if result.held < streams or p95 >= told.below:
                after = f"{streams}: {result.held} begun, p95 {p95:.0f} ms"
                break
            most, best = streams, result
        print(
            f"| {way.name} | {most} | {best.p50:.2f} | {best.percentile(0.95):.2f} "
            f"| {best.cpu:.0f} µs | {after} |",
            flush=True,
        )


def _best_of(way: Way, streams: int, told: argparse.Namespace) -> Result:
    """The round in which most streams began, and the quickest of those."""
    taken = (
        asyncio.run(measure(way, streams, told.seconds, told.starting)) for _ in range(told.rounds)
    )
    return min(taken, key=lambda result: (-result.held, result.percentile(0.95)))


def _closings(found: list[Way], rounds: int) -> None:
    upstream, _, demo, *_ = found
    print("| unread streams | closed after, s | CPU of the site, s | waited for a core, s |")
    print("| --- | ---: | ---: | ---: |")
    for name, at_rest in (("at rest", True), ("still filling up", False)):
        for _ in range(rounds):
            taken = demo_closing.measure(upstream, demo, at_rest=at_rest)
            print(
                f"| {name} | {taken.seconds:.3f} | {taken.cpu:.2f} | {taken.waited:.2f} |",
                flush=True,
            )


def main() -> None:
    """Print a table for each number of streams, or for the closing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--starting", type=float, default=60, help="seconds for all to begin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--litellm", default="", help="the program litellm of a virtualenv")
    parser.add_argument("--below", type=float, default=0, help="ms: the most streams within it")
    parser.add_argument("--closing", type=int, default=0, help="rounds of this instead")
    told = parser.parse_args()
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with ExitStack() as stack:
        found = ways(stack, told.litellm)
        if told.closing:
            _closings(found, told.closing)
            return
        if told.below:
            _most(found, told)
            return
        for streams in told.streams:
            _table(found, streams, told)


if __name__ == "__main__":
    main()
