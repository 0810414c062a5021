"""Each stage of a deployment, from what the Console tells of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wizard.console.bids import Offered, best
from wizard.console.progress import Progress, Stage, StepState, progress
from wizard.console.values import Coin, Deployment, Lease, LeaseId, ServiceStatus

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MADE = str(int((NOW - timedelta(seconds=30)).timestamp() * 1000))
ID = LeaseId(MADE, 1, 1, "akash1soundsoundsoundsound")
FRESH = Deployment(MADE, "active", "h", (), (), (Coin("uact", 5e6),))
GATEWAY = ServiceStatus("gateway", 1, 1, ("abc.example.com",))
MODEL = ServiceStatus("llm", 1, 0, ())


def bid(name: str = "a", price: float | None = 0.2, audited: bool | None = True) -> Offered:
    return Offered(replace(ID, provider=name), price, "", "", "", audited, None)


def leased(*services: ServiceStatus, state: str = "active", known: bool = True) -> Deployment:
    lease = Lease(ID, state, Coin("uact", 400.0), services if known else None, "lease_closed")
    return replace(FRESH, leases=(lease,))


def at(deployment: Deployment, *bids: Offered, after: float = 0) -> Progress:
    return progress(deployment, bids, NOW + timedelta(seconds=after))


@pytest.mark.parametrize(
    ("deployment", "bids", "stage", "current"),
    [
        (FRESH, (), Stage.BIDDING, "bids"),
        (FRESH, (bid(),), Stage.CHOOSING, "bids"),
        (leased(known=False), (), Stage.LEASED, "lease"),
        (leased(), (), Stage.LEASED, "lease"),
        (leased(GATEWAY, MODEL), (), Stage.STARTING, "container"),
        (leased(replace(GATEWAY, uris=())), (), Stage.STARTING, "container"),
        (leased(GATEWAY, replace(MODEL, ready=1)), (), Stage.RUNNING, ""),
        (leased(GATEWAY, state="closed"), (), Stage.LOST, ""),
        (replace(FRESH, state="closed"), (), Stage.CLOSED, ""),
    ],
    ids=[
        "bidding",
        "choosing",
        "leased",
        "empty",
        "starting",
        "no-uri",
        "running",
        "lost",
        "closed",
    ],
)
def test_it_works(
    deployment: Deployment, bids: tuple[Offered, ...], stage: Stage, current: str
) -> None:
    found = at(deployment, *bids)
    assert found.stage is stage
    assert [step.name for step in found.steps if step.state is StepState.NOW] == [current][
        : bool(current)
    ]
    assert found.waited == pytest.approx(30, abs=0.01)


def test_what_is_behind_is_done() -> None:
    states = {step.name: step.state for step in at(leased(GATEWAY, MODEL)).steps}
    assert states == {
        "created": StepState.DONE,
        "bids": StepState.DONE,
        "lease": StepState.DONE,
        "container": StepState.NOW,
    }


def test_the_address_is_the_first_public_one() -> None:
    assert at(leased(MODEL, GATEWAY)).uri == "https://abc.example.com"


def test_no_bids_in_time_is_told() -> None:
    assert not at(FRESH, after=60).trouble
    late = at(FRESH, after=120)
    assert "two minutes" in late.trouble
    assert "several cards" in late.way_out
    assert "deposit comes back" in late.way_out


def test_a_slow_start_is_told() -> None:
    assert not at(leased(GATEWAY, MODEL), after=600).trouble
    assert "fifteen minutes" in at(leased(GATEWAY, MODEL), after=900).trouble


def test_a_provider_that_does_not_take_the_file_is_told() -> None:
    assert not at(leased(known=False), after=800).trouble
    assert "not taken the file" in at(leased(known=False), after=900).trouble


def test_who_takes_time_to_choose_is_not_told_of_a_slow_start() -> None:
    """The quarter of an hour begins with the lease, and blocks tell when that was."""
    chosen_late = leased(GATEWAY, MODEL)
    (lease,) = chosen_late.leases
    hour = 590
    late = replace(chosen_late, block=1000, leases=(replace(lease, block=1000 + hour),))
    assert not at(late, after=3600 + 600).trouble
    assert "fifteen minutes" in at(late, after=3600 + 960).trouble


def test_a_lost_lease_says_why() -> None:
    assert "lease_closed" in at(leased(state="closed")).trouble


@pytest.mark.parametrize("number", ["21345678", "9" * 20])
def test_a_number_that_is_no_millisecond_has_no_date(number: str) -> None:
    old = replace(FRESH, dseq=number)
    assert old.created is None
    assert at(old, after=9999).waited is None
    assert not at(old, after=9999).trouble


def test_which_service_is_waited_for() -> None:
    step = at(leased(GATEWAY, MODEL)).steps[-1]
    assert step.sentence.endswith(": llm.")


def test_the_cheapest_audited_is_the_best() -> None:
    rows = (bid("a", 0.1, audited=False), bid("b", 0.2), bid("c", 0.3))
    assert best(rows) == rows[1]
    assert best(rows[:1]) is None
    assert best(()) is None
    assert best((bid("d", audited=None),)) is None


def test_money_of_another_coin_is_not_called_dollars() -> None:
    assert Coin("uakt", 5e6).usd is None
    assert Coin("uakt", 400).usd_per_hour is None
