"""From a deployment that was made to an endpoint that answers, for the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from wizard.console import accepting, bids, endpoint, errors
from wizard.console.bids import SETTLING_SECONDS, Offered
from wizard.console.client import Console
from wizard.console.endpoint import Seen
from wizard.console.errors import ConsoleError
from wizard.console.progress import Progress, Stage, progress
from wizard.console.values import Created


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


@dataclass(frozen=True)
class Follower:
    """Follows one deployment; ``any_provider`` takes bids of nobody audited too."""

    console: Console
    made: Created
    key: str
    any_provider: bool = False
    patience: Patience = Patience()
    sleep: Callable[[float], None] = time.sleep

    def until_ready(self) -> Iterator[Progress | Seen]:
        """Each look on the way; ends when the endpoint answers. Raises ConsoleError."""
        began, first_bid, taken = time.monotonic(), 0.0, False
        while True:
            passed = time.monotonic() - began
            stands, rows = self._look()
            yield stands
            if rows and not first_bid:
                first_bid = time.monotonic()
            if stands.stage in (Stage.LOST, Stage.CLOSED):
                raise NotStarted(stands.trouble or "The deployment is closed.")
            if stands.stage in (Stage.BIDDING, Stage.CHOOSING):
                taken = self._maybe_take(rows, passed, first_bid)
            elif stands.uri:
                seen = endpoint.look(stands.uri, self.key)
                yield seen
                if seen.phase == "ready":
                    return
                if seen.phase == "failed":
                    raise NotStarted(seen.sentence or "The endpoint says that it has failed.")
            if passed > self.patience.ready:
                raise TooLate(f"{passed / 60:.0f} minutes have passed.")
            self.sleep(0 if taken else self.patience.pause)
            taken = False

    def _look(self) -> tuple[Progress, tuple[Offered, ...]]:
        found = self.console.deployment(self.made.dseq)
        rows: tuple[Offered, ...] = ()
        if found.is_active and found.lease is None:
            rows = bids.offered(self.console, self.console.bids(found.dseq))
        return progress(found, rows, datetime.now(UTC)), rows

    def _maybe_take(self, rows: tuple[Offered, ...], passed: float, first_bid: float) -> bool:
        """Take the best bid when the time has come; whether one was taken."""
        wanted = bids.best(rows) or (rows[0] if rows and self.any_provider else None)
        if wanted and time.monotonic() - first_bid >= self.patience.settling:
            self._accept(wanted)
            return True
        if passed <= self.patience.bids or wanted:
            return False
        if rows:
            raise NoAuditedBid(f"There are {len(rows)} bids, none of an audited provider.")
        raise NoBids(f"{passed / 60:.0f} minutes have passed.")

    def _accept(self, wanted: Offered) -> None:
        try:
            accepting.accept(self.console, wanted.id, self.made.manifest)
        except (errors.BidGone, errors.ConsoleSlow):
            # The next look shows whether there is a lease, and which bids are left.
            return
