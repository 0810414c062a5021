"""What a deployment has cost, also between two settlements of its account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wizard.console.costs import Costs, costs
from wizard.console.values import Coin, Deployment, Lease, LeaseId

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MADE = str(int(NOW.timestamp() * 1000))
LEASE = Lease(LeaseId(MADE, 1, 1, "akash1sound"), "active", Coin("uact", 500.0), None, block=1000)
RUNNING = Deployment(
    MADE,
    "active",
    "h",
    (LEASE,),
    spent=(Coin("uact", 0.0),),
    funds=(Coin("uact", 5e6),),
    block=990,
    settled=1000,
)


def at(hours: float, deployment: Deployment = RUNNING) -> Costs:
    return costs(deployment, NOW + hours * HOUR)


def test_it_works() -> None:
    told = at(10)
    # 590 blocks of 6.1 seconds an hour, 500 millionths of a USD each.
    assert told.spent == pytest.approx(10 * 590 * 500 / 1e6, rel=0.01)
    assert told.left == pytest.approx(5 - 2.95, rel=0.01)
    assert told.hours_left == pytest.approx(2.05 / 0.3, rel=0.01)
    assert not told.is_settled


def test_what_the_chain_has_settled_counts() -> None:
    settled = replace(RUNNING, spent=(Coin("uact", 2e6),), funds=(Coin("uact", 3e6),), settled=6890)
    told = at(10, settled)
    assert told.spent == pytest.approx(2, abs=0.01)
    assert told.left == pytest.approx(3, abs=0.01)


def test_no_more_is_spent_than_there_is() -> None:
    told = at(100)
    assert (told.spent, told.left, told.hours_left) == (5, 0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "closed"},
        {"leases": ()},
        {"leases": (replace(LEASE, state="closed"),)},
        {"block": 0},
        {"dseq": "21345678"},
        {"settled": 10**9},
    ],
    ids=["closed", "no-lease", "lease-ended", "no-block", "old-number", "settled-later"],
)
def test_where_nothing_runs_or_is_known_the_chain_s_figures_stand(
    changes: dict[str, object],
) -> None:
    told = at(10, replace(RUNNING, **changes))  # type: ignore[arg-type]
    assert (told.spent, told.left, told.is_settled) == (0, 5, True)


def test_money_of_another_coin_is_not_called_dollars() -> None:
    other = replace(RUNNING, funds=(Coin("uakt", 5e6),))
    assert (at(1, other).left, at(1, other).lasts) == (None, "")
    priced = replace(RUNNING, leases=(replace(LEASE, price=Coin("uakt", 5.0)),))
    assert (at(1, priced).spent, at(1, priced).lasts) == (0, "")


@pytest.mark.parametrize(
    ("funds", "words"),
    [(60.0, "8 days"), (15.0, "50 hours"), (0.3, "60 minutes"), (0.0, "0 minutes")],
)
def test_how_long_it_lasts(funds: float, words: str) -> None:
    assert at(0, replace(RUNNING, funds=(Coin("uact", funds * 1e6),))).lasts == words
