"""USD per hour to uact per block and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard.sdl import pricing


@pytest.mark.parametrize(
    ("usd", "amount"), [(3.0, 5000), (0.6, 1000), (0.0006, 1), (0.0, 1), (-1.0, 1), (1e9, 10**7)]
)
def test_it_works(usd: float, amount: int) -> None:
    assert pricing.uact_per_block(usd) == amount


@pytest.mark.parametrize("price", [float("inf"), float("nan")])
def test_what_is_no_price_is_the_limit(price: float) -> None:
    assert pricing.uact_per_block(price) == pricing.MAX_AMOUNT


@pytest.mark.parametrize(
    ("usd", "deposit"), [(None, 5), (0.1, 5), (2.6, 6), (24.32, 49), (900.0, 1000)]
)
def test_a_deposit_lasts_until_the_model_is_there(usd: float | None, deposit: int) -> None:
    assert pricing.first_deposit(usd) == deposit


@given(st.floats(0.001, pricing.MAX_USD_PER_HOUR))
def test_an_amount_is_never_below_the_price(usd: float) -> None:
    back = pricing.usd_per_hour(pricing.uact_per_block(usd))
    assert usd - 1e-6 <= back <= usd + 0.0006 + 1e-6


def test_the_ceiling_is_explained_with_its_arithmetic() -> None:
    words = pricing.explain_ceiling(2.0, 3.0)
    assert "$3.00 an hour × 1,000,000 ÷ 600 blocks an hour = 5,000 uact per block" in words
    assert "50 % above" in words


def test_far_above_the_market_is_told_as_a_factor() -> None:
    words = pricing.explain_ceiling(0.02, 0.1)
    assert "the ceiling is 5 times that" in words
    assert "%" not in words


def test_a_ceiling_below_the_market_is_warned_of() -> None:
    assert "25 % below the market's $2.00: there may be no bids" in pricing.explain_ceiling(2, 1.5)


def test_an_unknown_market_is_not_made_up() -> None:
    assert "market" not in pricing.explain_ceiling(None, 3.0, units=2)
