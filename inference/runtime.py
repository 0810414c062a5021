"""What all routes share: the models, the engines, the counts, and where the start stands."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from aiohttp import web

from inference.engine.pool import Lease, Pool
from inference.errors import InferenceError
from inference.library import Library
from inference.metrics import Metrics
from inference.models import LocalModel
from inference.settings import Settings

KEPT_FAILURES = 20


class Phase(StrEnum):
    """Where the start stands."""

    PULLING = "pulling"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    STOPPING = "stopping"


class TooBusy(InferenceError):
    """The queue is full."""

    status = 503
    default_next_step = "Try again in a few seconds."


class Stopping(InferenceError):
    """The server ends while the answer is under way."""

    status = 503
    default_next_step = "Ask again: it is back in a moment, or another one answers."


@dataclass
class Runtime:
    """One server's state; ``started`` is of the monotonic clock, ``started_at`` of the wall's."""

    settings: Settings
    session: aiohttp.ClientSession
    library: Library
    pool: Pool
    metrics: Metrics = field(default_factory=Metrics)
    phase: Phase = Phase.PULLING
    failure: str = ""
    started: float = field(default_factory=time.monotonic)
    started_at: float = field(default_factory=time.time)
    running: Counter[str] = field(default_factory=Counter)
    failures: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_FAILURES))
    _deadlines: set[asyncio.Timeout] = field(default_factory=set)
    _arrivals: set[asyncio.Timeout] = field(default_factory=set)

    @property
    def in_flight(self) -> int:
        """Requests that have or wait for a slot."""
        return self.running.total()

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """The longest time for one request.

        Raises TimeoutError when it is over, and Stopping where the server ends before.
        """
        async with self._within(
            self._deadlines, "The server stopped before this answer was whole."
        ):
            yield

    @asynccontextmanager
    async def arrival(self) -> AsyncIterator[None]:
        """As `deadline`, for a request that is still being sent."""
        async with self._within(
            self._arrivals, "The server stopped before this request was whole."
        ):
            yield

    def end_answers(self) -> None:
        """End what still runs, each answer with its last words."""
        _end(self._deadlines)

    def end_arrivals(self) -> None:
        """Wait no longer for requests that are not whole."""
        _end(self._arrivals)

    @asynccontextmanager
    async def _within(self, those: set[asyncio.Timeout], sentence: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.settings.request_timeout) as running:
                those.add(running)
                try:
                    yield
                finally:
                    those.discard(running)
        except TimeoutError:
            if self.phase is Phase.STOPPING and running.expired():
                raise Stopping(sentence) from None
            raise

    @asynccontextmanager
    async def engine(
        self, model: LocalModel, keep_alive: float | None = None
    ) -> AsyncIterator[Lease]:
        """Have a model's engine for one request, within the queue's bound.

        Raises TooBusy or EngineError.
        """
        self._check_room(model.name)
        self.running[model.name] += 1
        try:
            async with self.pool.use(model, keep_alive) as lease:
                yield lease
        finally:
            self.running[model.name] -= 1

    def _check_room(self, name: str) -> None:
        if self.phase is Phase.STOPPING:
            raise TooBusy("The server is stopping.")
        loaded = self.pool.find(name)
        slots = loaded.engine.config.slots if loaded else 1
        if self.running[name] >= slots + self.settings.max_queue:
            self.metrics.refused += 1
            raise TooBusy("server busy, please try again: too many requests are waiting.")


def _end(those: set[asyncio.Timeout]) -> None:
    now = asyncio.get_running_loop().time()
    for running in tuple(those):
        if not running.expired():
            running.reschedule(now)


KEY = web.AppKey("runtime", Runtime)


def of(request: web.Request) -> Runtime:
    """The runtime that a request came to."""
    return request.app[KEY]
