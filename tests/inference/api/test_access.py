"""Keys, origins, and sizes."""

from __future__ import annotations

import httpx
import pytest

from tests.inference.endpoint import KEY, Endpoint


@pytest.fixture
def stranger(endpoint: Endpoint) -> httpx.Client:
    return httpx.Client(base_url=endpoint.url)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"x-api-key": KEY},
    ],
)
def test_it_works(stranger: httpx.Client, headers: dict[str, str]) -> None:
    assert stranger.get("/api/tags", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"x-api-key": KEY[:-1]},
        {"x-api-key": "\u00e9"},
    ],
)
@pytest.mark.parametrize("path", ["/api/tags", "/v1/models", "/metrics", "/nowhere"])
def test_others_are_turned_away(stranger: httpx.Client, headers: dict[str, str], path: str) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = stranger.get(path, headers=raw)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert stranger.head(path, headers=raw).status_code == 401


def test_each_api_tells_it_its_way(stranger: httpx.Client) -> None:
    assert "key" in stranger.post("/api/chat", json={}).json()["error"]
    openai = stranger.post("/v1/chat/completions", json={}).json()["error"]
    assert (openai["type"], openai["code"]) == ("authentication_error", "invalid_api_key")
    assert stranger.post("/v1/messages", json={}).json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("path", ["/", "/health", "/v1/health", "/healthz", "/readyz", "/status"])
def test_health_is_open(stranger: httpx.Client, path: str) -> None:
    assert stranger.get(path).status_code == 200


def test_an_allowed_origin_may_call(http: httpx.Client, stranger: httpx.Client) -> None:
    origin = {"Origin": "https://pages.example"}
    wanted = "authorization, content-type, x-a-header-of-some-client"
    asked = {
        **origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }
    preflight = stranger.options("/api/chat", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://pages.example"
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, POST, DELETE, OPTIONS"
    assert preflight.headers["Access-Control-Allow-Headers"] == wanted
    assert preflight.headers["Access-Control-Allow-Credentials"] == "true"
    streamed = http.post("/api/generate", json={"model": "tiny"}, headers=origin)
    assert streamed.headers["Access-Control-Allow-Origin"] == "https://pages.example"


def test_another_origin_may_not(stranger: httpx.Client) -> None:
    answer = stranger.options("/api/chat", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_body_beyond_the_limit_is_refused(http: httpx.Client) -> None:
    answer = http.post("/api/generate", content=b"x" * ((32 << 20) + 1))
    assert answer.status_code == 413
    assert "larger than" in answer.json()["error"]


@pytest.mark.parametrize(("lists", "status"), [(1_000_000, 200), (1_100_000, 413)])
def test_a_body_of_more_values_than_are_worth_reading_is_refused(
    http: httpx.Client, lists: int, status: int
) -> None:
    """Each list is two values: what stands before one is counted."""
    body = b'{"model": "tiny", "input": "", "z": [' + b"[]," * lists + b"0]}"
    answer = http.post("/api/embed", content=body)
    assert answer.status_code == status
    assert status == 200 or "send it in several requests" in answer.json()["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"[" * 5000])
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_what_is_no_object_is_refused(http: httpx.Client, body: bytes, path: str) -> None:
    answer = http.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
