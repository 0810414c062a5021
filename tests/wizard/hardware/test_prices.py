"""Live prices, and what is shown without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from tests.standins.console_prices import DEFAULT, PATH, ConsolePrices, model
from tests.standins.server import Reply, Request, text
from tests.standins.server import json as as_json
from wizard.hardware import prices
from wizard.hardware.gpus import PRICES_AS_OF
from wizard.hardware.values import Gpu, PriceList


@pytest.fixture
def console(settings: Settings) -> Iterator[ConsolePrices]:
    with ConsolePrices() as server:
        settings.OFFLINE = False
        settings.CONSOLE_API_URL = server.url
        settings.REGISTRY_TIMEOUT = 60.0
        yield server


def card(found: PriceList, name: str, ram: str = "") -> Gpu:
    return next(gpu for gpu in found.gpus if gpu.model == name and ram in ("", gpu.ram_label))


def forget_fresh(console: ConsolePrices) -> None:
    cache.delete(f"gpu-prices:fresh:1{console.url}")


def test_it_works(console: ConsolePrices) -> None:
    found = prices.price_list()
    assert found.live
    assert not found.notice
    assert card(found, "rtx3090").usd_per_hour == 0.21
    assert card(found, "rtx3090").available == 11
    assert card(found, "rtx4090").available == 0


def test_interfaces_of_a_card_are_put_together(console: ConsolePrices) -> None:
    found = card(prices.price_list(), "a100", "80Gi")
    assert (found.usd_per_hour, found.available) == (0.9, 7)


def test_a_card_without_a_label_is_found_by_its_model(console: ConsolePrices) -> None:
    assert card(prices.price_list(), "l40s").usd_per_hour == 0.75


def test_a_card_that_nobody_quotes_keeps_the_published_price(console: ConsolePrices) -> None:
    found = card(prices.price_list(), "t4")
    assert (found.usd_per_hour, found.available) == (0.15, 4)
    assert card(prices.price_list(), "h100").available == 0


def test_one_request_for_many_pages(console: ConsolePrices) -> None:
    for _ in range(3):
        prices.price_list()
    assert console.count(PATH) == 1


def _asked_meanwhile(console: ConsolePrices) -> list[PriceList]:
    """What other pages show while one of them asks for new prices."""
    found: list[PriceList] = []

    def answer(_request: Request) -> Reply:
        found.extend(prices.price_list() for _ in range(3))
        return as_json({"models": list(DEFAULT)})

    forget_fresh(console)
    console.route("GET", PATH, answer)
    prices.price_list()
    return found


def test_one_page_asks_and_the_others_show_what_is_known(console: ConsolePrices) -> None:
    seen = prices.price_list()
    for times in (2, 3):
        assert _asked_meanwhile(console) == [seen] * 3
        assert console.count(PATH) == times
        seen = prices.price_list()


def test_what_is_known_for_long_is_told_as_old(console: ConsolePrices) -> None:
    seen = prices.price_list()
    old = replace(seen, as_of=seen.as_of - timedelta(hours=2))
    cache.set(f"gpu-prices:stale:1{console.url}", old)
    for found in _asked_meanwhile(console):
        assert not found.live
        assert "are being asked for. These were seen on" in found.notice


def test_offline_asks_nobody(console: ConsolePrices, settings: Settings) -> None:
    settings.OFFLINE = True
    found = prices.price_list()
    assert not found.live
    assert found.as_of == PRICES_AS_OF
    assert "20 September 2026" in found.notice
    assert console.count() == 0


def test_a_failure_is_not_waited_for_twice(console: ConsolePrices) -> None:
    console.fail(PATH, text("down", 503))
    first, second = prices.price_list(), prices.price_list()
    assert not first.live
    assert "out of reach" in first.notice
    assert second == first
    assert console.count(PATH) == 1


def test_last_seen_prices_are_better_than_the_bundled(console: ConsolePrices) -> None:
    seen = prices.price_list()
    forget_fresh(console)
    console.fail(PATH, text("down", 503))
    found = prices.price_list()
    assert not found.live
    assert found.gpus == seen.gpus
    assert "These were seen on" in found.notice


def test_silence_is_bounded(console: ConsolePrices, settings: Settings) -> None:
    settings.REGISTRY_TIMEOUT = 0.2
    console.hang(PATH)
    assert not prices.price_list().live


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"models": 7}',
        b'{"models": []}',
        b'{"models": [null, 3, {"vendor": "nvidia"}, {"vendor": "amd", "model": "x", "ram": "y"}]}',
        b"[" * 100_000,
        b'{"models": "' + b"x" * (1 << 20) + b'"}',
        b"\xff\xfe",
    ],
    ids=["empty", "html", "list", "number", "none", "others", "deep", "long", "bytes"],
)
def test_another_form_is_refused(console: ConsolePrices, body: bytes) -> None:
    console.route("GET", PATH, Reply(200, body))
    assert not prices.price_list().live


@pytest.mark.parametrize("price", ["1e400", "NaN", "-1", "0", "true", '"0.2"', "1" + "0" * 400])
def test_nonsense_prices_are_passed_over(console: ConsolePrices, price: str) -> None:
    entry = json.dumps(model("t4", "16Gi", 0.5)).replace('"med": 0.5', f'"med": {price}')
    body = f'{{"models": [{entry}]}}'.encode()
    console.route("GET", PATH, Reply(200, body))
    assert card(prices.price_list(), "t4").usd_per_hour == pytest.approx(0.6)


def test_prices_in_another_currency_are_passed_over(console: ConsolePrices) -> None:
    entry = model("t4", "16Gi", 0.5)
    entry["price"] = {"currency": "EUR", "med": 0.5}
    console.serve([entry])
    assert card(prices.price_list(), "t4").usd_per_hour == 0.15


def test_a_redirect_is_not_followed(console: ConsolePrices) -> None:
    console.route("GET", PATH, Reply(302, b"", {"Location": "http://127.0.0.1:9/"}))
    assert not prices.price_list().live


def test_a_dropped_connection(console: ConsolePrices) -> None:
    console.drop(PATH)
    assert not prices.price_list().live
    assert console.count(PATH) == 1
