"""USD per hour and the SDL's amount per block, with the arithmetic in words.

1 ACT is 1 USD and 1,000,000 uact. A block takes about 6.1 seconds; 600 blocks
an hour is the rounding that Akash's own tools use, and it errs upwards.
"""

from __future__ import annotations

import math

BLOCKS_PER_HOUR = 600
UACT_PER_USD = 1_000_000
MAX_AMOUNT = 10_000_000
MAX_USD_PER_HOUR = MAX_AMOUNT * BLOCKS_PER_HOUR / UACT_PER_USD
LEAST_DEPOSIT, MOST_DEPOSIT = 5, 1000
FIRST_HOURS = 2


def uact_per_block(usd_per_hour: float) -> int:
    """The amount for a price in USD per hour, rounded up, within the chain's limits."""
    if not math.isfinite(usd_per_hour):
        return MAX_AMOUNT
    # Nine digits are enough for any price, and drop what binary fractions add.
    amount = math.ceil(round(usd_per_hour * UACT_PER_USD / BLOCKS_PER_HOUR, 9))
    return min(max(amount, 1), MAX_AMOUNT)


def usd_per_hour(amount: float) -> float:
    """The price in USD per hour of an amount in uact per block."""
    return amount * BLOCKS_PER_HOUR / UACT_PER_USD


def first_deposit(usd_per_hour: float | None) -> int:
    """USD to begin with: enough until the largest model has been downloaded and has answered.

    A deployment whose deposit is used up is closed, and its volume deleted.
    """
    wanted = math.ceil(FIRST_HOURS * (usd_per_hour or 0))
    return min(max(wanted, LEAST_DEPOSIT), MOST_DEPOSIT)


def _usd(price: float) -> str:
    return f"${price:,.2f}" if price >= 0.01 or price == 0 else f"${price:.4f}"


def explain_ceiling(market: float | None, ceiling: float, units: int = 1) -> str:
    """How the price ceiling comes about, in words.

    ``market`` is the going price in USD per hour of one unit (a replica, or a
    node), ``ceiling`` the most that a provider may ask for it.
    """
    amount = uact_per_block(ceiling)
    sum_ = (
        f"{_usd(ceiling)} an hour × 1,000,000 ÷ {BLOCKS_PER_HOUR} blocks an hour "
        f"= {amount:,} uact per block"
    )
    each = f" for each of {units}" if units > 1 else ""
    if market is None or market <= 0:
        return f"The ceiling is {sum_}{each}. Providers bid below it, and you choose the bid."
    above = round((ceiling / market - 1) * 100)
    if above < 0:
        return (
            f"The ceiling is {sum_}{each}. That is {-above} % below the market's "
            f"{_usd(market)}: there may be no bids."
        )
    # A percentage of several hundreds says less than a factor does.
    how_far = f"{ceiling / market:.0f} times that" if above > 150 else f"{above} % above that"
    return (
        f"What the file names costs up to about {_usd(market)} an hour; the ceiling is {how_far}, "
        f"so that more providers bid: {sum_}{each}. You pay the bid that you choose, "
        "not the ceiling."
    )
