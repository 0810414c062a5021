from __future__ import annotations

import gzip
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from tests.standins import server
from tests.standins.server import Reply, Request, Sparse, StandIn
from wizard.registry import http
from wizard.registry.errors import (
    RateLimited,
    RegistryDown,
    RegistryError,
    RegistryTimeout,
    UnreadableHeader,
)


@pytest.fixture
def registry(settings: Settings) -> Iterator[StandIn]:
    settings.OFFLINE = False
    settings.REGISTRY_TIMEOUT = 60.0
    with StandIn() as standin:
        settings.HUGGING_FACE_URL = standin.url
        standin.route("GET", r"/fine", server.text("fine"))
        yield standin


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with http.client("The registry") as opened:
        yield opened


def test_it_works(registry: StandIn, client: httpx2.Client) -> None:
    response = client.get(f"{registry.url}/fine")
    assert (response.status_code, response.text) == (200, "fine")
    assert "OneClickLLM" in registry.requests[0].headers["user-agent"]


def test_offline_asks_nobody(registry: StandIn, client: httpx2.Client, settings: Settings) -> None:
    settings.OFFLINE = True
    with pytest.raises(RegistryDown, match="offline"):
        client.get(f"{registry.url}/fine")
    assert registry.count() == 0


def test_a_passing_error_is_tried_again(registry: StandIn, client: httpx2.Client) -> None:
    registry.fail("/fine", Reply(503), times=1)
    registry.drop("/fine", times=1)
    assert client.get(f"{registry.url}/fine").text == "fine"
    assert registry.count("/fine") == 3


def test_a_lasting_error_is_given_up(registry: StandIn, client: httpx2.Client) -> None:
    registry.fail("/fine", Reply(502))
    with pytest.raises(RegistryDown, match="error 502"):
        client.get(f"{registry.url}/fine")
    assert registry.count("/fine") == http.RETRIES + 1


def test_one_broken_page_does_not_close_the_registry(
    registry: StandIn, client: httpx2.Client
) -> None:
    registry.fail("/broken", Reply(500))
    with pytest.raises(RegistryDown):
        client.get(f"{registry.url}/broken")
    assert client.get(f"{registry.url}/fine").text == "fine"


def test_a_registry_out_of_reach_is_left_alone(client: httpx2.Client, settings: Settings) -> None:
    settings.OFFLINE = False
    with StandIn() as gone:
        url = settings.HUGGING_FACE_URL = gone.url
    with pytest.raises(RegistryDown, match="out of reach") as first:
        client.get(f"{url}/fine")
    with pytest.raises(RegistryDown, match="a moment ago") as second:
        client.get(f"{url}/fine")
    assert first.value.retry_after == http.REST_SECONDS[0]
    assert 0 < (second.value.retry_after or 0) <= http.REST_SECONDS[0]


def test_a_registry_rests_longer_the_more_often_it_failed(
    client: httpx2.Client, settings: Settings
) -> None:
    settings.OFFLINE = False
    with StandIn() as registry:
        url, host = registry.url, urlsplit(registry.url).netloc
        settings.HUGGING_FACE_URL = url
        registry.route("GET", "/fine", server.text("fine"))
        client.get(f"{url}/fine")
    rests = []
    for _ in range(4):
        with pytest.raises(RegistryDown, match="out of reach") as raised:
            client.get(f"{url}/fine")
        rests.append(raised.value.retry_after)
        cache.delete(f"registry-down:{host}")
    assert rests == [5, 15, 45, 45]


def test_an_answer_forgives_earlier_failures(registry: StandIn, client: httpx2.Client) -> None:
    host = urlsplit(registry.url).netloc
    cache.set(f"registry-failures:{host}", 2, 60)
    assert client.get(f"{registry.url}/fine").text == "fine"
    assert cache.get(f"registry-failures:{host}") is None


def test_a_silent_registry_times_out_once(
    registry: StandIn, client: httpx2.Client, settings: Settings
) -> None:
    settings.REGISTRY_TIMEOUT = 0.2
    registry.hang("/fine")
    with pytest.raises(RegistryTimeout, match=r"within 0\.2 seconds"):
        client.get(f"{registry.url}/fine")
    with pytest.raises(RegistryDown, match="a moment ago"):
        client.get(f"{registry.url}/fine")
    assert registry.count("/fine") == 1


def test_a_rate_limit_is_waited_for(registry: StandIn, client: httpx2.Client) -> None:
    registry.rate_limit("/api/", wait=77)
    for _ in range(2):
        with pytest.raises(RateLimited, match="wait for") as raised:
            client.get(f"{registry.url}/api/models")
        assert 70 < (raised.value.retry_after or 0) <= 78
    assert registry.count("/api/") == 1


def test_the_files_have_a_quota_of_their_own(registry: StandIn, client: httpx2.Client) -> None:
    registry.rate_limit("/api/")
    with pytest.raises(RateLimited):
        client.get(f"{registry.url}/api/models")
    assert client.get(f"{registry.url}/fine").text == "fine"


def test_a_used_up_quota_is_heeded_before_it_hurts(
    registry: StandIn, client: httpx2.Client
) -> None:
    registry.route("GET", "/last", server.text("ok", headers={"RateLimit": '"pages";r=0;t=30'}))
    assert client.get(f"{registry.url}/last").text == "ok"
    with pytest.raises(RateLimited):
        client.get(f"{registry.url}/fine")
    assert registry.count("/fine") == 0


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}])
def test_a_rate_limit_without_a_figure(
    registry: StandIn, client: httpx2.Client, headers: dict[str, str]
) -> None:
    registry.fail("/fine", Reply(429, b"", headers))
    with pytest.raises(RateLimited) as raised:
        client.get(f"{registry.url}/fine")
    assert raised.value.retry_after == http.REST_SECONDS[-1]


def test_an_endless_wait_is_cut(registry: StandIn, client: httpx2.Client) -> None:
    registry.fail("/fine", Reply(429, b"", {"Retry-After": "999999999"}))
    with pytest.raises(RateLimited) as raised:
        client.get(f"{registry.url}/fine")
    assert raised.value.retry_after == http.MAX_WAIT_SECONDS


def test_a_body_beyond_the_limit_is_refused(registry: StandIn, client: httpx2.Client) -> None:
    registry.route("GET", "/large", lambda _: Reply(200, Sparse(b"", 1 << 40)))
    with pytest.raises(RegistryError, match="more than 1 MiB"):
        client.get(f"{registry.url}/large", extensions={http.LIMIT: 1 << 20})


def test_a_packed_body_is_unpacked_within_the_limit(
    registry: StandIn, client: httpx2.Client
) -> None:
    packed = gzip.compress(bytes(8 << 20))
    registry.route("GET", "/bomb", Reply(200, packed, {"Content-Encoding": "gzip"}))
    assert len(client.get(f"{registry.url}/bomb").content) == 8 << 20
    with pytest.raises(RegistryError, match="more than 1 MiB"):
        client.get(f"{registry.url}/bomb", extensions={http.LIMIT: 1 << 20})


@pytest.mark.parametrize(
    ("encoding", "sentence"), [("gzip", "cannot be unpacked"), ("br", "packed as 'br'")]
)
def test_a_body_packed_badly_is_refused(
    registry: StandIn, client: httpx2.Client, encoding: str, sentence: str
) -> None:
    registry.fail("/fine", Reply(200, b"not packed", {"Content-Encoding": encoding}))
    with pytest.raises(RegistryError, match=sentence):
        client.get(f"{registry.url}/fine")


def test_a_body_cut_short_counts_as_out_of_reach(registry: StandIn, client: httpx2.Client) -> None:
    registry.cut_short("/fine")
    with pytest.raises(RegistryDown):
        client.get(f"{registry.url}/fine")


def test_a_circle_of_redirects_ends(registry: StandIn, client: httpx2.Client) -> None:
    registry.route("GET", "/round", server.redirect("/round"))
    with pytest.raises(httpx2.TooManyRedirects):
        client.get(f"{registry.url}/round")
    assert registry.count("/round") == http.MAX_REDIRECTS + 1


def test_a_token_stays_with_its_host(registry: StandIn, client: httpx2.Client) -> None:
    with StandIn() as elsewhere:
        elsewhere.route("GET", "/file", server.text("x"))
        registry.route("GET", "/file", server.redirect(f"{elsewhere.url}/file"))
        client.get(f"{registry.url}/file", headers={"Authorization": "Bearer hf_x"})
        assert "authorization" in registry.requests[0].headers
        assert "authorization" not in elsewhere.requests[0].headers


def test_a_range_through_a_redirect(registry: StandIn, client: httpx2.Client) -> None:
    registry.route("GET", "/cdn", lambda request: server.content(request, b"0123456789"))
    registry.route("GET", "/file", server.redirect("/cdn"))
    assert http.read_range(client, f"{registry.url}/file", 2, 5).content == b"234"


def test_a_server_that_ignores_ranges_is_cut_off(registry: StandIn, client: httpx2.Client) -> None:
    whole = Sparse(b"0123456789", 1 << 40)
    registry.route("GET", "/file", lambda _: Reply(200, whole))
    assert http.read_range(client, f"{registry.url}/file", 2, 5).content == b"234"


def test_another_range_than_asked_is_refused(registry: StandIn, client: httpx2.Client) -> None:
    headers = {"Content-Range": "bytes 7-9/10"}
    registry.route("GET", "/file", Reply(206, b"789", headers))
    with pytest.raises(UnreadableHeader, match="other bytes"):
        http.read_range(client, f"{registry.url}/file", 2, 5)


def test_a_range_s_failure_is_left_to_the_caller(registry: StandIn, client: httpx2.Client) -> None:
    assert http.read_range(client, f"{registry.url}/none", 0, 5).status_code == 404


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused(registry: StandIn, client: httpx2.Client, body: bytes) -> None:
    registry.route("GET", "/json", Reply(200, body))
    with pytest.raises(RegistryError, match="not JSON"):
        http.read_json(client.get(f"{registry.url}/json"), "The registry")


def test_cache_keys_differ_by_every_part() -> None:
    keys = {http.cache_key("a", "b"), http.cache_key("ab"), http.cache_key("a", "c")}
    assert len(keys) == 3


def test_the_stand_in_records_what_it_was_asked(registry: StandIn, client: httpx2.Client) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Reply:
        seen.append(request)
        return server.json({"ok": True})

    registry.route("GET", r"/q/(?P<name>.+)", answer)
    client.get(f"{registry.url}/q/a%20b?x=1&x=2")
    assert (seen[0].args["name"], seen[0].query["x"]) == ("a b", ["1", "2"])
