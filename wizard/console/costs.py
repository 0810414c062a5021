"""What a deployment has cost so far, and how long its deposit lasts.

The chain moves money only when something happens to the account. What has run
up since that block is worked out from the leases' prices, as Akash Console's
own pages do it (``useRealTimeLeft`` of https://github.com/akash-network/console).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wizard.console.values import Coin, Deployment


@dataclass(frozen=True)
class Costs:
    """USD, and hours until the deposit is used up; None where it cannot be told.

    ``is_settled`` is false while part of the cost is worked out.
    """

    spent: float | None
    left: float | None
    hours_left: float | None
    is_settled: bool

    @property
    def lasts(self) -> str:
        """``26 hours``: how long the deposit lasts, or empty."""
        if self.hours_left is None:
            return ""
        if self.hours_left > 72:
            return f"{self.hours_left / 24:.0f} days"
        if self.hours_left >= 2:
            return f"{self.hours_left:.0f} hours"
        return f"{self.hours_left * 60:.0f} minutes"


def costs(deployment: Deployment, now: datetime) -> Costs:
    """What it has cost at this moment."""
    settled, funds = _usd(deployment.spent), _usd(deployment.funds)
    since = _since_settled(deployment, now)
    if settled is None or funds is None:
        return Costs(settled, funds, None, is_settled=True)
    running = min(since, funds)
    left = funds - running
    return Costs(settled + running, left, _hours(deployment, left), is_settled=running == 0)


def _since_settled(deployment: Deployment, now: datetime) -> float:
    """USD that the leases have cost since the account was settled."""
    block = deployment.block_at(now)
    prices = _usd(tuple(lease.price for lease in deployment.leases if lease.is_active))
    if not deployment.is_active or block is None or prices is None:
        return 0.0
    return prices * max(block - deployment.settled, 0)


def _hours(deployment: Deployment, left: float) -> float | None:
    lease = deployment.lease
    price = lease.price.usd_per_hour if lease and lease.is_active else None
    return left / price if price and deployment.is_active else None


def _usd(coins: tuple[Coin, ...]) -> float | None:
    """The sum; None where there are coins, and none of them is tied to USD."""
    known = [coin.usd for coin in coins if coin.usd is not None]
    return sum(known) if known or not coins else None
