"""From a deployment that was made to an endpoint that answers, for the command line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from wizard.console import accepting, bids, endpoint
from wizard.console.bids import SETTLING_SECONDS, Offered
from wizard.console.client import Console
from wizard.console.endpoint import Seen
from wizard.console.errors import ConsoleError
from wizard.console.progress import Progress, Stage, progress
from wizard.console.values import Created

Look = Progress | Seen | ConsoleError


class NoBids(ConsoleError):
    """Nobody wants the order."""

    exit_code = 5
    title = "No provider has bid in time"
    next_step = (
        "Let more providers in: several cards, a higher price ceiling, no region, no persistent "
        "volume (storage=ephemeral)."
    )


class NoAuditedBid(NoBids):
    title = "No audited provider has bid in time"
    next_step = "Take any provider with --any-provider, or try again later."


class NotStarted(ConsoleError):
    """The lease costs money, and the endpoint does not come."""

    exit_code = 6
    title = "The endpoint does not start"
    next_step = "Close it with --close, and deploy anew at another provider or with other choices."


class TooLate(NotStarted):
    exit_code = 7
    title = "The endpoint is not ready in time"
    next_step = "It may still come: run the command again with a longer --timeout, or --close it."


@dataclass(frozen=True)
class Patience:
    """Seconds: between looks, for bids, after the first bid, and for everything."""

    pause: float = 3.0
    bids: float = 180.0
    settling: float = SETTLING_SECONDS
    ready: float = 2400.0


@dataclass
class Follower:
    """Follows one deployment; ``any_provider`` takes bids of nobody audited too."""

    console: Console
    made: Created
    key: str
    any_provider: bool = False
    patience: Patience = Patience()
    _first_bid: float | None = field(default=None, init=False)

    async def until_ready(self) -> AsyncIterator[Look]:
        """Each look on the way; ends when the endpoint answers.

        A failure of the Console that may pass is a look too, one that stays is
        raised: ConsoleError.
        """
        began = time.monotonic()
        while (passed := time.monotonic() - began) <= self.patience.ready:
            for look in await self._turn(passed):
                yield look
                if isinstance(look, Seen) and look.phase == "ready":
                    return
            await asyncio.sleep(self.patience.pause)
        raise TooLate(f"{self.patience.ready / 60:.0f} minutes have passed.")

    async def _turn(self, passed: float) -> list[Look]:
        """Look where it stands, and do what is to be done there."""
        try:
            stands, rows = await self._look()
            if stands.stage in (Stage.BIDDING, Stage.CHOOSING):
                await self._maybe_take(rows, passed)
        except ConsoleError as error:
            # The next look shows whether there is a lease, and which bids are left.
            if error.is_passing:
                return [error]
            raise
        if stands.stage in (Stage.LOST, Stage.CLOSED):
            raise NotStarted(stands.trouble or "The deployment is closed.")
        return [stands, await self._seen(stands.uri)] if stands.uri else [stands]

    async def _look(self) -> tuple[Progress, tuple[Offered, ...]]:
        found = await self.console.deployment(self.made.dseq)
        rows: tuple[Offered, ...] = ()
        if found.is_active and found.lease is None:
            rows = await bids.offered(self.console, await self.console.bids(found.dseq))
        return progress(found, rows, datetime.now(UTC)), rows

    async def _seen(self, uri: str) -> Seen:
        seen = await endpoint.look(uri, self.key)
        if seen.phase == "failed":
            raise NotStarted(seen.sentence or "The endpoint says that it has failed.")
        return seen

    async def _maybe_take(self, rows: tuple[Offered, ...], passed: float) -> None:
        """Take the best bid when its time has come. Raises NoBids when there is none in time."""
        wanted = bids.best(rows) or (rows[0] if rows and self.any_provider else None)
        if rows and self._first_bid is None:
            self._first_bid = passed
        if wanted and passed - (self._first_bid or 0.0) >= self.patience.settling:
            await accepting.accept(self.console, wanted.id, self.made.manifest)
        if wanted or passed <= self.patience.bids:
            return
        if rows:
            raise NoAuditedBid(f"There are {len(rows)} bids, none of an audited provider.")
        raise NoBids(f"{passed / 60:.0f} minutes have passed.")
