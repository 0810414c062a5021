"""What a card costs an hour: live from Akash Console's API, else the bundled list.

``GET /v1/gpu-prices`` needs no key. The price shown is the median (``med``) of
what providers ask: ``min`` is often one machine in use, ``avg`` is moved by one
that asks ten times as much.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import httpx2
from django.conf import settings
from django.core.cache import cache

from wizard.hardware import gpus
from wizard.hardware.values import Gpu, PriceList

logger = logging.getLogger(__name__)

PATH = "/v1/gpu-prices"
FRESH_SECONDS = 600
STALE_SECONDS = 7 * 24 * 3600
RETRY_SECONDS = 60
# As long as prices may be old while somebody asks for newer ones, and not be told as old.
STILL_GOOD_SECONDS = 3600
_MAX_BYTES = 1 << 20
_MAX_MODELS = 1000
_MAX_USD = 1000.0
_FRESH, _STALE, _DOWN, _ASKING = (
    f"gpu-prices:{name}:1" for name in ("fresh", "stale", "down", "asking")
)
_OUT_OF_REACH = "Akash's live prices are out of reach."

# model, ram label → median USD an hour (None where unknown) and cards free.
_Quotes = dict[tuple[str, str], tuple[float | None, int]]


class PricesUnavailable(Exception):
    """The price API did not answer, or not in the form that it documents."""


def price_list() -> PriceList:
    """GPUs with their prices. Never raises: falls back to the last seen, then the bundled list.

    Prices that are no longer fresh are asked for by whoever comes first; the others get the
    last seen meanwhile, unless there are none.
    """
    if settings.OFFLINE:
        return bundled_price_list("The site runs offline.")
    key = settings.CONSOLE_API_URL
    fresh = cache.get(_FRESH + key)
    if isinstance(fresh, PriceList):
        return _held(fresh)
    seen = cache.get(_STALE + key)
    if cache.get(_DOWN + key):
        return _last_seen(seen, _OUT_OF_REACH)
    # Connecting, the first byte and the rest may each take as long as the time-out.
    is_first = cache.add(_ASKING + key, True, int(settings.REGISTRY_TIMEOUT * 3) + 1)
    if isinstance(seen, PriceList) and not is_first:
        return _while_asked(seen)
    try:
        return _asked(key, seen)
    finally:
        if is_first:
            cache.delete(_ASKING + key)


def _asked(key: str, seen: object) -> PriceList:
    try:
        found = _held(_live())
    except PricesUnavailable as error:
        logger.warning("gpu prices: %s", error)
        cache.set(_DOWN + key, True, RETRY_SECONDS)
        return _last_seen(seen, _OUT_OF_REACH)
    cache.set(_FRESH + key, found, FRESH_SECONDS)
    cache.set(_STALE + key, found, STALE_SECONDS)
    return found


def _while_asked(seen: PriceList) -> PriceList:
    is_good = (datetime.now(UTC) - seen.as_of).total_seconds() < STILL_GOOD_SECONDS
    return _held(seen) if is_good else _last_seen(seen, "Akash's live prices are being asked for.")


@lru_cache(maxsize=4)
def _held(found: PriceList) -> PriceList:
    """The list that is equal: what was worked out for it is then found by identity."""
    return found


def bundled_price_list(why: str) -> PriceList:
    """The list that comes with the project, with its date in the notice."""
    day = f"{gpus.PRICES_AS_OF.day} {gpus.PRICES_AS_OF:%B %Y}"
    notice = f"{why} Prices are Akash's published “starting at” prices of {day}."
    return PriceList(gpus.bundled(), gpus.PRICES_AS_OF, live=False, notice=notice)


def _last_seen(seen: object, why: str) -> PriceList:
    if not isinstance(seen, PriceList):
        return bundled_price_list(why)
    when = f"{seen.as_of.day} {seen.as_of:%B, %H:%M} UTC"
    return replace(_held(seen), live=False, notice=f"{why} These were seen on {when}.")


def _live() -> PriceList:
    quotes = _parse(_fetch())
    if not quotes:
        raise PricesUnavailable("the answer names no NVIDIA card")
    return PriceList(
        tuple(_with_quote(gpu, quotes) for gpu in gpus.bundled()), datetime.now(UTC), live=True
    )


def _fetch() -> bytes:
    """The answer's body. Raises PricesUnavailable."""
    timeout = httpx2.Timeout(settings.REGISTRY_TIMEOUT)
    url = settings.CONSOLE_API_URL.rstrip("/") + PATH
    try:
        with (
            httpx2.Client(timeout=timeout, follow_redirects=False) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != 200:
                raise PricesUnavailable(f"status {response.status_code}")
            return _bounded(response)
    except httpx2.HTTPError as error:
        raise PricesUnavailable(type(error).__name__) from error


def _bounded(response: httpx2.Response) -> bytes:
    """The body, no longer than allowed, no slower than the time-out in all."""
    deadline = time.monotonic() + settings.REGISTRY_TIMEOUT
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise PricesUnavailable("the answer is too long")
        if time.monotonic() > deadline:
            raise PricesUnavailable("the answer came too slowly")
    return bytes(body)


def _parse(body: bytes) -> _Quotes:
    """Quotes by model and memory label. Raises PricesUnavailable for another form."""
    try:
        document = json.loads(body)
        models = document["models"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise PricesUnavailable("the answer is not the JSON that is documented") from error
    if not isinstance(models, list):
        raise PricesUnavailable("“models” is not a list")
    quotes: _Quotes = {}
    for item in models[:_MAX_MODELS]:
        _add(quotes, item)
    return quotes


def _add(quotes: _Quotes, item: Any) -> None:
    """Add one model's quote; interfaces of one card are put together, the cheaper price counts."""
    if not isinstance(item, dict) or item.get("vendor") != "nvidia":
        return
    model, ram = item.get("model"), item.get("ram")
    if not isinstance(model, str) or not isinstance(ram, str):
        return
    price, available = _price(item.get("price")), _available(item.get("availability"))
    before_price, before = quotes.get((model, ram), (None, 0))
    prices = [known for known in (price, before_price) if known is not None]
    quotes[(model, ram)] = (min(prices, default=None), before + available)


def _price(value: Any) -> float | None:
    if not isinstance(value, dict) or value.get("currency") != "USD":
        return None
    candidates = (value.get(figure) for figure in ("med", "weightedAverage", "avg", "min"))
    return next((price for price in candidates if _is_price(price)), None)


def _is_price(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value <= _MAX_USD


def _available(value: Any) -> int:
    count = value.get("available") if isinstance(value, dict) else None
    if isinstance(count, bool) or not isinstance(count, int):
        return 0
    return max(0, count)


def _with_quote(gpu: Gpu, quotes: _Quotes) -> Gpu:
    """The card with its live price; the published one stays where nobody quotes it now."""
    if gpu.ram_label:
        found = quotes.get((gpu.model, gpu.ram_label))
    else:
        rows = [quote for (model, _), quote in quotes.items() if model == gpu.model]
        prices = [price for price, _ in rows if price is not None]
        found = (min(prices, default=None), sum(free for _, free in rows)) if rows else None
    if found is None:
        return replace(gpu, available=0)
    price, available = found
    return replace(gpu, usd_per_hour=price or gpu.usd_per_hour, available=available)
