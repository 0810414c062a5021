"""What one worker's demo API holds: its upstreams, its session, its queue, its log."""

from __future__ import annotations

import asyncio
import logging

from wizard.demo import client
from wizard.demo.catalogue import Catalogue
from wizard.demo.dispatch import Dispatcher
from wizard.demo.exchange import Exchange
from wizard.demo.values import Limits, Upstream, Work

_log = logging.getLogger("oneclick.demo")


class Service:
    """Made in the worker's running loop, and closed there."""

    def __init__(self, upstreams: tuple[Upstream, ...], limits: Limits) -> None:
        self.upstreams = upstreams
        self.limits = limits
        self.session = client.new_session()
        self.catalogue = Catalogue(upstreams, self.session)
        self.dispatcher = Dispatcher(upstreams, limits)
        self._watching = asyncio.create_task(self.dispatcher.health.watch(self.session))

    async def close(self) -> None:
        """Let go of everything that is held in the loop."""
        self._watching.cancel()
        await asyncio.wait((self._watching,))
        await self.session.close()

    def spent(self, exchange: Exchange, work: Work, tokens: int) -> None:
        """Count an answer's tokens, also those of one that was left early."""
        exchange.facts |= {"model": work.model, "tokens": tokens}

    def log(self, exchange: Exchange, seconds: float) -> None:
        """One line a request. Neither prompts nor answers are in it."""
        fields = {
            "method": exchange.method,
            "path": exchange.path,
            "status": exchange.status or 499,
            "ms": round(seconds * 1000, 1),
            **exchange.facts,
        }
        _log.info("request", extra={"fields": fields})
