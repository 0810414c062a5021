"""Arithmetic: what so many visits a day need, from what one request was measured to take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# The request whose calls to others are limited by them.
SEARCH = "search, as it is typed"

DAY = 86_400
# The busiest minute of a day against its mean.
PEAK = 3
# How much of a core is to be in use at the peak: queues grow steeply beyond.
USED = 0.6
# Of a worker that has seen many models, in bytes; the table of workers shows it.
WORKER = 130 * 2**20
# What the site's own SDL asks for, and the most that it pays for that, USD an hour.
SDL_CORES, SDL_USD = 2, 0.05

# Assumptions about visitors, which no measurement here can give: how many of the
# typed searches nobody has asked for within the cache's time, and how many visits
# try the demo, with how many tokens.
FRESH_SEARCHES = 0.1
DEMO_VISITS = 0.05
DEMO_TOKENS = 3 * 400

# Anonymous calls of one address in five minutes: https://huggingface.co/docs/hub/rate-limits
HUB_CALLS, HUB_SECONDS = 500, 300
# The default of `DEMO_TOKENS_PER_DAY`.
DEMO_TOKENS_A_DAY = 2_000_000


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

    def one(self, name: str) -> Request:
        """The request of that name."""
        return next(request for request in self.requests if request.name == name)

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


@dataclass(frozen=True)
class Limit:
    """Something that gives no more, and the visits a day at which it is reached."""

    name: str
    gives: str
    visits_a_day: float


def limits(measured: Measured) -> list[Limit]:
    """What is reached, the first of them first.

    Akash Console's screening is not among them: see `benchmarks.screening`.
    """
    searches = measured.one(SEARCH)
    hub = searches.count * searches.calls["Hugging Face"] * FRESH_SEARCHES
    found = [
        Limit(
            "Hugging Face's API",
            f"{HUB_CALLS} calls in {HUB_SECONDS // 60} minutes without a token",
            _visits(HUB_CALLS / HUB_SECONDS, hub),
        ),
        Limit(
            "the demo's budget",
            f"{DEMO_TOKENS_A_DAY:,} tokens a day",
            DEMO_TOKENS_A_DAY / (DEMO_VISITS * DEMO_TOKENS),
        ),
        Limit(
            "one replica of the site's SDL",
            f"{SDL_CORES} cores, used to {USED:.0%}",
            _visits(SDL_CORES * USED, measured.a_visit("cpu")),
        ),
        Limit(
            "one Redis",
            f"{measured.redis_gets:,.0f} commands a second",
            _visits(measured.redis_gets, measured.a_visit("redis_commands")),
        ),
    ]
    return sorted(found, key=lambda limit: limit.visits_a_day)


def _visits(a_second: float, a_visit: float) -> float:
    """Visits a day whose busiest minute asks for so much a second."""
    return a_second / a_visit / PEAK * DAY


def tables(measured: Measured, loads: Iterable[int]) -> Iterator[str]:
    """The model as lines of Markdown."""
    yield (
        f"A visit: {measured.a_visit('cpu') * 1000:.0f} ms of CPU, "
        f"{measured.a_visit('size') / 1000:.0f} kB, "
        f"{measured.a_visit('redis_commands'):.0f} Redis commands with "
        f"{measured.a_visit('redis_bytes') / 1000:.0f} kB."
    )
    yield ""
    names = ("visits a day", "a second, peak", "cores", "workers", "GiB", "Redis commands/s")
    yield f"| {' | '.join(names)} | of one Redis | Mbit/s | USD/h at most |"
    yield f"|{' ---: |' * 9}"
    for load in loads:
        one = need(measured, load)
        yield (
            f"| {load:,} | {one.visits_a_second:.1f} | {one.cores:.1f} | {one.workers} | "
            f"{one.memory / 2**30:.1f} | {one.redis_commands:,.0f} | {one.redis_share:.1%} | "
            f"{one.bytes_a_second * 8 / 1e6:.0f} | {-(-one.cores // SDL_CORES) * SDL_USD:.2f} |"
        )
    yield ""
    yield "| what is reached | what it gives | at visits a day |"
    yield "| --- | --- | ---: |"
    for limit in limits(measured):
        yield f"| {limit.name} | {limit.gives} | {_rounded(limit.visits_a_day)} |"


def _rounded(number: float) -> str:
    """Two digits: the assumptions carry no more."""
    return f"{float(f'{number:.2g}'):,.0f}"
