"""Who runs where and who waits: one queue for a worker, in the order of arrival."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wizard.demo.errors import Busy, DemoError, ModelNotFound, UpstreamFailed
from wizard.demo.health import Health
from wizard.demo.values import Dialect, Limits, Upstream

TRY_AGAIN_SECONDS = 5.0
STARTING_SECONDS = 2.0
Told = Callable[[int], Awaitable[None]]


@dataclass(eq=False)
class _Waiter:
    model: str
    dialect: Dialect
    failed: Mapping[str, UpstreamFailed]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    granted: Upstream | None = None
    failure: DemoError | None = None


class Dispatcher:
    """Gives each request an upstream, the least loaded that has its model and room."""

    def __init__(self, upstreams: tuple[Upstream, ...], limits: Limits) -> None:
        self._upstreams = upstreams
        self._limits = limits
        self._running: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []
        self.health = Health(upstreams, self._go_on)

    @property
    def running(self) -> int:
        return self._running.total()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def having(self, model: str) -> list[Upstream]:
        """The upstreams that offer a model. Raises ModelNotFound."""
        found = [upstream for upstream in self._upstreams if upstream.offers_it(model)]
        if not found:
            raise ModelNotFound(_not_found(model, self._upstreams), param="model")
        return found

    @asynccontextmanager
    async def place(
        self, model: str, dialect: Dialect, failed: Mapping[str, UpstreamFailed], told: Told
    ) -> AsyncGenerator[Upstream]:
        """An upstream to ask, once there is room. ``told`` gets the place in the queue.

        ``failed`` are those that this request has been to, by name, and how
        they failed. Raises Busy where too many wait or nobody can be reached,
        and UpstreamFailed where all that can failed.
        """
        waiter = _Waiter(model, dialect, failed)
        self._waiting.append(waiter)
        self._go_on()
        try:
            yield await self._granted(waiter, told)
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if waiter.granted:
                self._running[waiter.granted.name] -= 1
            self._go_on()

    async def _granted(self, waiter: _Waiter, told: Told) -> Upstream:
        if not waiter.granted and not waiter.failure and self.waiting > self._limits.queue:
            raise Busy("the demo is busy and its queue is full", retry_after=TRY_AGAIN_SECONDS)
        place = 0
        while not waiter.granted:
            if waiter.failure:
                raise waiter.failure
            waiter.changed.clear()
            now = self._waiting.index(waiter) + 1
            if now != place:
                place = now
                await told(place)
            else:
                await waiter.changed.wait()
        if place:
            await told(0)
        return waiter.granted

    def _go_on(self) -> None:
        """Give everyone in the queue who can run an upstream, and tell the others."""
        for waiter in tuple(self._waiting):
            candidates = self._candidates(waiter)
            if not candidates:
                waiter.failure = self._nobody(waiter)
            elif self.running < self._limits.streams:
                waiter.granted = self._least_loaded(candidates, waiter.dialect)
            if waiter.granted:
                self._running[waiter.granted.name] += 1
            if waiter.granted or waiter.failure:
                self._waiting.remove(waiter)
            waiter.changed.set()

    def _candidates(self, waiter: _Waiter) -> list[Upstream]:
        return [
            upstream
            for upstream in self.having(waiter.model)
            if upstream.name not in waiter.failed and self.health.is_up(upstream)
        ]

    def _least_loaded(self, candidates: list[Upstream], dialect: Dialect) -> Upstream | None:
        free = [item for item in candidates if self._running[item.name] < item.parallel]
        if not free:
            return None
        return min(free, key=lambda item: (self._load(item), not item.speaks(dialect)))

    def _load(self, upstream: Upstream) -> float:
        return self._running[upstream.name] / upstream.parallel

    def _nobody(self, waiter: _Waiter) -> DemoError:
        for failure in waiter.failed.values():
            if not failure.is_down:
                return failure
        if all(self.health.is_starting(upstream) for upstream in self.having(waiter.model)):
            return Busy(
                "the model is starting: try again in a moment", retry_after=STARTING_SECONDS
            )
        return Busy(
            f"model '{waiter.model}' cannot be reached at the moment", retry_after=TRY_AGAIN_SECONDS
        )


def _not_found(model: str, upstreams: tuple[Upstream, ...]) -> str:
    """Ollama's words, and what there is instead."""
    names = dict.fromkeys(offer.alias for upstream in upstreams for offer in upstream.offers)
    offered = f"; this demo offers {', '.join(names)}" if names else ""
    return f"model '{model}' not found{offered}"
