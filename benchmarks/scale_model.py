"""Arithmetic: what so many visits a day need, from what one request was measured to take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

DAY = 86_400
# The busiest minute of a day against its mean.
PEAK = 3
# How much of a core is to be in use at the peak: queues grow steeply beyond.
USED = 0.6
# Of a worker that has seen many models, in bytes; the table of workers shows it.
WORKER = 130 * 2**20
# Anonymous calls of one address in five minutes: https://huggingface.co/docs/hub/rate-limits
HUB_CALLS, HUB_SECONDS = 500, 300
SCREENINGS_A_MINUTE = 120


@dataclass(frozen=True)
class Request:
    """One kind of request: how often a visit makes it, and what one takes.

    CPU is in seconds, ``cold_cpu`` the first time in a process. ``size`` is the
    body's bytes on the wire. ``calls`` are those to each registry where the
    answer is in no cache.
    """

    name: str
    count: int
    cold_cpu: float
    cpu: float
    size: int
    redis_commands: float
    redis_bytes: float
    calls: Mapping[str, int]


@dataclass(frozen=True)
class Measured:
    """A visit's requests, and what a Redis on the same machine answers a second."""

    requests: Sequence[Request]
    redis_gets: float

    def a_visit(self, name: str) -> float:
        """One figure of all requests of a visit together."""
        return float(sum(getattr(one, name) * one.count for one in self.requests))


@dataclass(frozen=True)
class Need:
    """What a load needs at its peak; bytes, and seconds of CPU a second."""

    visits_a_day: int
    visits_a_second: float
    cores: float
    workers: int
    memory: int
    redis_commands: float
    redis_share: float
    bytes_a_second: float


def need(measured: Measured, visits_a_day: int) -> Need:
    """What so many visits a day need in their busiest minute."""
    peak = visits_a_day / DAY * PEAK
    cores = peak * measured.a_visit("cpu") / USED
    workers = max(1, round(cores + 0.5))
    commands = peak * measured.a_visit("redis_commands")
    return Need(
        visits_a_day=visits_a_day,
        visits_a_second=peak,
        cores=cores,
        workers=workers,
        memory=workers * WORKER,
        redis_commands=commands,
        redis_share=commands / measured.redis_gets,
        bytes_a_second=peak * measured.a_visit("size"),
    )


def fresh_searches_a_second() -> float:
    """Searches that the Hub's anonymous quota leaves room for, when each is one call."""
    return HUB_CALLS / HUB_SECONDS


def tables(measured: Measured, loads: Iterable[int]) -> Iterator[str]:
    """The model as lines of Markdown."""
    yield (
        f"A visit: {measured.a_visit('cpu') * 1000:.0f} ms of CPU, "
        f"{measured.a_visit('size') / 1000:.0f} kB, "
        f"{measured.a_visit('redis_commands'):.0f} Redis commands with "
        f"{measured.a_visit('redis_bytes') / 1000:.0f} kB."
    )
    yield ""
    names = (
        "visits a day | a second, peak | cores | workers | GiB | Redis commands/s | of one Redis"
    )
    yield f"| {names} | Mbit/s |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for load in loads:
        one = need(measured, load)
        yield (
            f"| {load:,} | {one.visits_a_second:.1f} | {one.cores:.1f} | {one.workers} | "
            f"{one.memory / 2**30:.1f} | {one.redis_commands:,.0f} | {one.redis_share:.1%} | "
            f"{one.bytes_a_second * 8 / 1e6:.0f} |"
        )
