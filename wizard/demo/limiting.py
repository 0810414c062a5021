"""How much each address, and all together, may ask.

The counters are in Redis where there is one, so that they hold across workers.
While it is out of reach every worker counts on its own, and says so once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from limits import RateLimitItem, RateLimitItemPerDay, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from wizard.demo.errors import Busy, TooManyRequests
from wizard.demo.values import Limits

REDIS_SECONDS = 0.5
TRY_REDIS_AGAIN_SECONDS = 10.0
SWEEP_SECONDS = 60.0
KEY_PREFIX = "oneclick:demo"
# Reading a slow body comes before an answer's deadline begins.
LEEWAY_SECONDS = 60
_EVERYBODY = "everybody"
_REDIS_OPTIONS: dict[str, Any] = {
    "socket_timeout": REDIS_SECONDS,
    "socket_connect_timeout": REDIS_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}
_log = logging.getLogger("oneclick.demo")
T = TypeVar("T")


@dataclass(frozen=True)
class Standing:
    """How an address stands with the limit that it will meet first. ``reset`` is seconds."""

    limit: int
    remaining: int
    reset: float

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset)),
        }


class OwnStorage(MemoryStorage):
    """Counts in this process, and forgets what is over once a minute.

    The library looks through every key at every request, in the loop: 8 ms at 100,000
    addresses (``MemoryStorage.incr`` of `limits <https://limits.readthedocs.io>`_).
    """

    _swept = 0.0

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        # Asking forgets what is over; nothing else runs until it is counted.
        count = await self.get(key) + amount
        now = time.time()
        self.storage[key] = count
        if count == amount:
            self.expirations[key] = now + expiry
        if not self._swept <= now < self._swept + SWEEP_SECONDS:
            self._sweep(now)
        return count

    def _sweep(self, now: float) -> None:
        self._swept = now
        for key in [key for key, ends in self.expirations.items() if ends <= now]:
            del self.expirations[key]
            self.storage.pop(key, None)
            self.locks.pop(key, None)


class _Counters:
    """The two ways of counting over one storage."""

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self.rate = SlidingWindowCounterRateLimiter(storage)
        self.budget = FixedWindowRateLimiter(storage)


class _SharedStreams:
    """How many answers each address has in all workers.

    Each has its own time, as long as an answer may take: what a worker that crashed
    left behind counts no more then, also where its address goes on asking.
    """

    def __init__(self, pool: ConnectionPool, deadline: float) -> None:
        self._seconds = math.ceil(deadline + LEEWAY_SECONDS)
        self._redis = Redis(connection_pool=pool)

    async def enter(self, address: str, answer: str) -> int:
        """Count one more; all that there are now. Raises RedisError."""
        key, now = _answers_key(address), time.time()
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zremrangebyscore(key, "-inf", now)
            pipeline.zadd(key, {answer: now + self._seconds})
            pipeline.zcard(key)
            pipeline.expire(key, self._seconds)
            _, _, count, _ = await pipeline.execute()
        return int(count)

    async def leave(self, address: str, answer: str) -> None:
        """Count one less, if Redis can be reached; it is forgotten in time otherwise."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.zrem(_answers_key(address), answer)


class Limiter:
    """The limits of one worker, or of all of them where there is a Redis."""

    def __init__(self, limits: Limits, redis_url: str = "") -> None:
        self._limits = limits
        self._rates = parse_many(limits.rates)
        self._global_rates = parse_many(limits.global_rates)
        self._budget = RateLimitItemPerDay(limits.tokens_per_day)
        self._own = _Counters(OwnStorage())
        self._pool = ConnectionPool.from_url(redis_url, **_REDIS_OPTIONS) if redis_url else None
        self._shared = _Counters(_storage(redis_url, self._pool)) if self._pool else None
        self._is_shared_away = False
        self._shared_again = 0.0
        self._streams: Counter[str] = Counter()
        self._shared_streams = _SharedStreams(self._pool, limits.deadline) if self._pool else None
        self._leaving: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Tell Redis of the answers that ended, and close every connection to it."""
        if self._leaving:
            await asyncio.wait(self._leaving)
        if self._pool:
            await self._pool.aclose()

    async def admit(self, address: str) -> Standing:
        """Count one request. Raises TooManyRequests for an address, Busy for all together."""
        standing = await self._counted(lambda counters: self._admit(counters, address))
        if isinstance(standing, Standing):
            return standing
        raise standing

    async def spend(self, tokens: int) -> None:
        """Take tokens from the day's budget, after they were used."""

        async def take(counters: _Counters) -> bool:
            return await counters.budget.hit(self._budget, _EVERYBODY, cost=tokens)

        if tokens > 0:
            await self._counted(take)

    @asynccontextmanager
    async def stream(self, address: str) -> AsyncGenerator[None]:
        """Hold one of an address's places. Raises TooManyRequests."""
        self._streams[address] += 1
        answer = secrets.token_hex(8)
        shared = None if self._is_away() else self._shared_streams
        try:
            running = self._streams[address]
            if shared:
                running = max(running, await self._entered(shared, address, answer))
            most = self._limits.streams_per_address
            if running > most:
                message = f"this demo answers {most} requests of an address at the same time"
                raise TooManyRequests(message, retry_after=2)
            yield
        finally:
            self._streams[address] -= 1
            if not self._streams[address]:
                del self._streams[address]
            if shared:
                # Also where it was not told in time that the answer was counted.
                self._later(shared.leave(address, answer))

    async def _entered(self, streams: _SharedStreams, address: str, answer: str) -> int:
        """How many answers the address has in all workers, this one included; 0 if unknown."""
        try:
            async with asyncio.timeout(REDIS_SECONDS * 2):
                return await streams.enter(address, answer)
        except (RedisError, OSError) as error:
            self._note_away(error)
            return 0

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what must be done although its request may be cancelled already."""
        task = asyncio.create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _is_away(self) -> bool:
        return self._is_shared_away and time.monotonic() < self._shared_again

    async def _counted(self, count: Callable[[_Counters], Awaitable[T]]) -> T:
        """Count in Redis, or here while that is out of reach."""
        if self._shared is None or self._is_away():
            return await count(self._own)
        try:
            async with asyncio.timeout(REDIS_SECONDS * 2):
                counted = await count(self._shared)
        except (RedisError, OSError) as error:
            self._note_away(error)
            return await count(self._own)
        if self._is_shared_away:
            self._is_shared_away = False
            _log.warning("Redis is back: limits hold across workers again")
        return counted

    def _note_away(self, error: Exception) -> None:
        self._shared_again = time.monotonic() + TRY_REDIS_AGAIN_SECONDS
        if not self._is_shared_away:
            self._is_shared_away = True
            message = "Redis is out of reach: each worker limits on its own until it is back"
            _log.error(message, extra={"fields": {"reason": type(error).__name__}})

    async def _admit(self, counters: _Counters, address: str) -> Standing | TooManyRequests | Busy:
        if not await counters.budget.test(self._budget, _EVERYBODY):
            reset, _ = await counters.budget.get_window_stats(self._budget, _EVERYBODY)
            return Busy("the demo's budget of today is used up", retry_after=reset - time.time())
        standings = []
        for item in self._rates:
            is_within = await counters.rate.hit(item, "address", address)
            standing = await _standing(counters, item, "address", address)
            if not is_within:
                return TooManyRequests(
                    f"too many requests from your address: {item} is what this demo gives",
                    retry_after=standing.reset,
                    headers=Standing(standing.limit, 0, standing.reset).headers,
                )
            standings.append(standing)
        for item in self._global_rates:
            if not await counters.rate.hit(item, _EVERYBODY):
                standing = await _standing(counters, item, _EVERYBODY)
                return Busy("too many people use this demo just now", retry_after=standing.reset)
        return min(standings, key=lambda standing: standing.remaining / standing.limit)


async def _standing(counters: _Counters, item: RateLimitItem, *who: str) -> Standing:
    reset, remaining = await counters.rate.get_window_stats(item, *who)
    # A sliding window gives its first place back a share of itself after the reset.
    wait = max(reset - time.time(), 0) + item.get_expiry() / item.amount
    return Standing(item.amount, remaining, wait)


def _answers_key(address: str) -> str:
    return f"{KEY_PREFIX}:answers:{address}"


def _storage(url: str, pool: ConnectionPool) -> RedisStorage:
    options: dict[str, Any] = {"implementation": "redispy", "connection_pool": pool}
    return RedisStorage(f"async+{url}", key_prefix=KEY_PREFIX, **options)
