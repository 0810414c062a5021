"""Bids with what is known of who bids, and which of them to take."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from dataclasses import dataclass

from django.core.cache import cache

from wizard.console.client import Console
from wizard.console.errors import ConsoleError
from wizard.console.values import Bid, BidState, LeaseId, Provider

logger = logging.getLogger(__name__)

# The first bids come within seconds; the cheapest is seldom the very first.
SETTLING_SECONDS = 15
FACTS_SECONDS = 600


@dataclass(frozen=True)
class Offered:
    """An open bid as a person compares it; unknown facts are None or empty."""

    id: LeaseId
    usd_per_hour: float | None
    host: str
    name: str
    region: str
    audited: bool | None
    uptime: float | None

    @property
    def uptime_percent(self) -> str:
        """``99.8 %``; never rounded up to a hundred."""
        return "" if self.uptime is None else f"{math.floor(self.uptime * 1000) / 10:g} %"


async def offered(console: Console, bids: tuple[Bid, ...]) -> tuple[Offered, ...]:
    """Open bids, cheapest first; facts that cannot be had are left out."""
    openly = [bid for bid in bids if bid.state is BidState.OPEN]
    known = await _facts(console, frozenset(bid.id.provider for bid in openly))
    rows = [_row(bid, known.get(bid.id.provider)) for bid in openly]
    return tuple(sorted(rows, key=lambda row: (_price(row), row.id.provider)))


def best(rows: tuple[Offered, ...]) -> Offered | None:
    """The cheapest of the audited. Nobody else is taken without being asked."""
    return next((row for row in rows if row.audited), None)


def _price(row: Offered) -> float:
    return float("inf") if row.usd_per_hour is None else row.usd_per_hour


def _row(bid: Bid, provider: Provider | None) -> Offered:
    return Offered(
        id=bid.id,
        usd_per_hour=bid.price.usd_per_hour,
        host=provider.host if provider else "",
        name=provider.name if provider else "",
        region=provider.region if provider else "",
        audited=provider.audited if provider else None,
        uptime=provider.uptime if provider else None,
    )


async def _facts(console: Console, addresses: frozenset[str]) -> dict[str, Provider]:
    """Facts by address. They are public, so the site keeps them for everyone."""
    known = await asyncio.to_thread(_kept, addresses)
    if missing := addresses - known.keys():
        known |= await _asked(console, missing)
    return known


async def _asked(console: Console, addresses: frozenset[str]) -> dict[str, Provider]:
    try:
        found = {provider.address: provider for provider in await console.providers(addresses)}
    except ConsoleError as error:
        logger.info("console: facts of %s providers: %s", len(addresses), error)
        return {}
    wanted = {address: found[address] for address in addresses & found.keys()}
    await asyncio.to_thread(_keep, wanted)
    return wanted


def _kept(addresses: frozenset[str]) -> dict[str, Provider]:
    found = cache.get_many([_key(address) for address in addresses])
    return {one.address: one for one in found.values() if isinstance(one, Provider)}


def _keep(found: dict[str, Provider]) -> None:
    cache.set_many({_key(address): one for address, one in found.items()}, FACTS_SECONDS)


def _key(address: str) -> str:
    return f"console-provider:{hashlib.sha256(address.encode()).hexdigest()}"
