"""What one worker's demo API holds: its upstreams, its session, its queue, its log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from oneclick_site.callers import caller
from oneclick_site.logs import hashed
from wizard.demo import client
from wizard.demo.catalogue import Catalogue
from wizard.demo.dispatch import Dispatcher
from wizard.demo.errors import Stopping, TimedOut
from wizard.demo.exchange import Exchange
from wizard.demo.lengths import Lengths
from wizard.demo.limiting import Limiter
from wizard.demo.values import Limits, Upstream, Work

RESTART_SECONDS = 5.0
_log = logging.getLogger("oneclick.access")


class Service:
    """Made in the worker's running loop, and closed there."""

    def __init__(
        self,
        upstreams: tuple[Upstream, ...],
        limits: Limits,
        *,
        redis_url: str = "",
        trusted_proxies: int = 0,
    ) -> None:
        self.limits = limits
        self.limiter = Limiter(limits, redis_url)
        self._trusted_proxies = trusted_proxies
        self.session = client.new_session()
        self.catalogue = Catalogue(upstreams, self.session)
        self.dispatcher = Dispatcher(upstreams, limits)
        self.lengths = Lengths()
        self._spending: set[asyncio.Task[None]] = set()
        self._deadlines: set[asyncio.Timeout] = set()
        self._is_ending = False
        self._watching = asyncio.create_task(self.dispatcher.health.watch(self.session))

    @asynccontextmanager
    async def deadline(self) -> AsyncGenerator[None]:
        """The time that an answer has. Raises TimedOut, and Stopping where the site ends before."""
        seconds = self.limits.deadline
        try:
            async with asyncio.timeout(0 if self._is_ending else seconds) as running:
                self._deadlines.add(running)
                try:
                    yield
                finally:
                    self._deadlines.discard(running)
        except TimeoutError:
            if self._is_ending:
                message = "the site stopped before this answer was whole: ask once more"
                raise Stopping(message, retry_after=RESTART_SECONDS) from None
            message = f"the answer took longer than the {seconds:g} s of this demo"
            raise TimedOut(message) from None

    def end_answers(self) -> None:
        """End what still runs, each answer with its last words."""
        self._is_ending = True
        for running in tuple(self._deadlines):
            if not running.expired():
                running.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """End what still runs, and let go of everything that is held in the loop."""
        self.end_answers()
        self._watching.cancel()
        await asyncio.wait((self._watching,))
        await self.session.close()
        if self._spending:
            await asyncio.wait(self._spending)
        await self.limiter.close()

    def caller(self, exchange: Exchange) -> str:
        """The address that an exchange is counted for."""
        forwarded = exchange.headers.get("x-forwarded-for", "")
        return caller(exchange.peer, forwarded, self._trusted_proxies)

    def spent(self, exchange: Exchange, work: Work, tokens: int) -> None:
        """Count an answer's tokens, also those of one that was left early."""
        exchange.facts |= {"model": work.model, "tokens": tokens}
        spending = asyncio.create_task(self.limiter.spend(tokens))
        self._spending.add(spending)
        spending.add_done_callback(self._spending.discard)

    def log(self, exchange: Exchange, seconds: float) -> None:
        """One line a request. Neither prompts nor answers are in it."""
        fields = {
            "method": exchange.method,
            "path": exchange.path,
            "status": exchange.status or 499,
            "ms": round(seconds * 1000, 1),
            "caller": hashed(self.caller(exchange)),
            **exchange.facts,
        }
        _log.info("request", extra={"fields": fields})
