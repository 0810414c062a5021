"""Limits as callers meet them: bursts, many addresses, spoofed headers, workers, Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
import redis

from tests.documented import Documented
from tests.site.live import LiveSite
from tests.site.redis_server import redis_server
from tests.standins.ports import free_port
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import demo_site, wait_until
from wizard.demo import limiting
from wizard.demo.errors import TooManyRequests
from wizard.demo.limiting import Limiter, OwnStorage
from wizard.demo.openapi.document import document
from wizard.demo.values import Limits

DOCUMENTED = Documented(document(Limits()))
BODY = {"model": "on-runtime", "prompt": "Hi", "stream": False}
LIMIT = 5
TIGHT = {"DEMO_RATE": f"{LIMIT}/hour", "TRUSTED_PROXIES": "1"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def tight(upstream: Upstream) -> Iterator[LiveSite]:
    """A few requests an hour from one address, behind one proxy."""
    with demo_site({"runtime": upstream}, **TIGHT) as site:
        yield site


def _ask(site: LiveSite, forwarded: str = "", path: str = "/api/generate") -> httpx2.Response:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return httpx2.post(f"{site.url}{path}", json=BODY, headers=headers, timeout=60)


def _statuses(site: LiveSite, addresses: list[str]) -> list[int]:
    return [_ask(site, address).status_code for address in addresses]


def test_it_works(tight: LiveSite) -> None:
    answers = [_ask(tight, "192.0.2.1") for _ in range(LIMIT + 2)]
    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429] * 2
    remaining = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert remaining == [4, 3, 2, 1, 0, 0, 0]
    assert answers[0].headers["X-RateLimit-Limit"] == str(LIMIT)
    refused = answers[-1]
    DOCUMENTED.check("post", "/api/generate", refused)
    assert 0 < int(refused.headers["Retry-After"]) <= 3600 + 3600 // LIMIT
    assert refused.json() == {
        "error": "too many requests from your address: 5 per 1 hour is what this demo gives"
    }
    assert refused.headers["Access-Control-Allow-Origin"] == "*"


def test_openais_clients_are_told_in_their_shape(tight: LiveSite) -> None:
    for _ in range(LIMIT):
        _ask(tight, "192.0.2.2")
    refused = _ask(tight, "192.0.2.2", "/v1/chat/completions")
    assert refused.status_code == 429
    DOCUMENTED.check("post", "/v1/chat/completions", refused)
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


def test_a_burst_at_once_gets_no_more(tight: LiveSite) -> None:
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: _ask(tight, "192.0.2.3").status_code, range(20)))
    assert sorted(found) == [200] * LIMIT + [429] * 15


def test_many_addresses_do_not_disturb_each_other(tight: LiveSite) -> None:
    assert set(_statuses(tight, [f"198.51.100.{number}" for number in range(20)])) == {200}


def test_what_a_caller_puts_into_the_header_does_not_count(tight: LiveSite) -> None:
    """The proxy appends the address that it saw; what stands left of it is invented."""
    spoofed = [f"203.0.113.{number}, 192.0.2.4" for number in range(LIMIT + 1)]
    assert _statuses(tight, spoofed) == [200] * LIMIT + [429]


def test_without_a_trusted_proxy_the_header_is_nothing(upstream: Upstream) -> None:
    with demo_site({"runtime": upstream}, DEMO_RATE=f"{LIMIT}/hour") as site:
        spoofed = [f"203.0.113.{number}" for number in range(LIMIT + 1)]
        assert _statuses(site, spoofed) == [200] * LIMIT + [429]


def test_one_ipv6_network_is_one_caller(tight: LiveSite) -> None:
    within = [f"2001:db8:0:1::{number:x}" for number in range(1, LIMIT + 2)]
    assert _statuses(tight, within) == [200] * LIMIT + [429]
    assert _ask(tight, "2001:db8:0:2::1").status_code == 200


def test_an_address_has_so_many_answers_at_once(upstream: Upstream) -> None:
    with demo_site({"runtime": upstream}, DEMO_STREAMS_PER_ADDRESS="1") as site:
        body = {**BODY, "prompt": "endless", "stream": True}
        with httpx2.stream("POST", f"{site.url}/api/generate", json=body, timeout=60) as first:
            assert first.status_code == 200
            second = _ask(site)
        assert second.status_code == 429
        assert "at the same time" in second.json()["error"]
        wait_until(lambda: _ask(site).status_code == 200)


def test_all_together_have_a_limit_too(upstream: Upstream) -> None:
    settings = {"DEMO_GLOBAL_RATE": "3/hour", "TRUSTED_PROXIES": "1"}
    with demo_site({"runtime": upstream}, **settings) as site:
        answers = [_ask(site, f"192.0.2.{number}") for number in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 503]
    assert int(answers[-1].headers["Retry-After"]) > 0
    DOCUMENTED.check("post", "/api/generate", answers[-1])


def test_a_days_tokens_run_out(upstream: Upstream) -> None:
    with demo_site({"runtime": upstream}, DEMO_TOKENS_PER_DAY="15") as site:
        wait_until(lambda: _ask(site).status_code == 503)
        refused = _ask(site)
        assert "budget of today" in refused.json()["error"]
        assert int(refused.headers["Retry-After"]) > 80_000


def test_what_is_over_is_forgotten_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "SWEEP_SECONDS", 1e9)

    async def counted() -> tuple[list[int], set[str], int]:
        storage = OwnStorage()
        counts = [await storage.incr(key, ends) for key, ends in (("a", -1), ("b", 60), ("b", 60))]
        await storage.incr("c", -1)
        return counts, set(storage.storage), await storage.get("c")

    # The first count looked through all; the third was over at once, and counts no more.
    assert asyncio.run(counted()) == ([1, 1, 2], {"b", "c"}, 0)


def test_workers_share_one_bucket_on_redis(upstream: Upstream, tmp_path: Path) -> None:
    with redis_server(free_port(), tmp_path) as url:
        shared = {**TIGHT, "CACHE_URL": url, "WORKERS": "2"}
        with demo_site({"runtime": upstream}, **shared) as site:
            found = _statuses(site, ["192.0.2.5"] * 20)
        with demo_site({"runtime": upstream}, **shared) as another:
            elsewhere = _ask(another, "192.0.2.5")
    assert found.count(200) == LIMIT
    assert elsewhere.status_code == 429


def test_workers_share_an_addresss_answers_on_redis(upstream: Upstream, tmp_path: Path) -> None:
    body = {**BODY, "prompt": "endless", "stream": True}
    with redis_server(free_port(), tmp_path) as url:
        shared = {"CACHE_URL": url, "DEMO_STREAMS_PER_ADDRESS": "1"}
        with (
            demo_site({"runtime": upstream}, **shared) as one,
            demo_site({"runtime": upstream}, **shared) as other,
        ):
            with httpx2.stream("POST", f"{one.url}/api/generate", json=body, timeout=60) as first:
                assert first.status_code == 200
                assert _ask(other).status_code == 429
            wait_until(lambda: _ask(other).status_code == 200)


def test_a_redis_that_goes_is_told_once(upstream: Upstream, tmp_path: Path) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(redis_server(free_port(), tmp_path))
        settings = {**TIGHT, "CACHE_URL": url}
        site = stack.enter_context(demo_site({"runtime": upstream}, **settings))
        assert _statuses(site, ["192.0.2.6"] * LIMIT) == [200] * LIMIT
        with redis.Redis.from_url(url) as client:
            client.shutdown(nosave=True)
        again = _statuses(site, ["192.0.2.6"] * (LIMIT + 2))
        told = site.log.read_text().count("Redis is out of reach")
    assert again == [200] * LIMIT + [429] * 2
    assert told == 1


def test_no_connection_to_redis_is_left_open(tmp_path: Path) -> None:
    async def answer(url: str) -> int:
        limiter = Limiter(Limits(), url)
        await limiter.admit("192.0.2.7")
        await limiter.spend(9)
        async with limiter.stream("192.0.2.7"):
            during = len(client.client_list())
        await limiter.close()
        async with asyncio.timeout(30):
            while len(client.client_list()) > 1:
                await asyncio.sleep(0.02)
        return during

    with redis_server(free_port(), tmp_path) as url, redis.Redis.from_url(url) as client:
        assert asyncio.run(answer(url)) > 1
        assert not client.exists("oneclick:demo:answers:192.0.2.7")


def test_what_a_dead_worker_held_is_free_again_although_its_address_goes_on_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wizard.demo.limiting.LEEWAY_SECONDS", 0)

    async def ask(url: str) -> None:
        limits = Limits(deadline=1, streams_per_address=1)
        dead, other = Limiter(limits, url), Limiter(limits, url)
        async with dead.stream("192.0.2.8"), asyncio.timeout(60):
            while not await _is_let_in(other, "192.0.2.8"):
                await asyncio.sleep(0.05)
        await asyncio.gather(dead.close(), other.close())

    with redis_server(free_port(), tmp_path) as url:
        asyncio.run(ask(url))


async def _is_let_in(limiter: Limiter, address: str) -> bool:
    try:
        async with limiter.stream(address):
            return True
    except TooManyRequests:
        return False
