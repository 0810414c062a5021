"""Who may call what of the runtime: every route of its own table, with every kind of key."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterator

import httpx
import pytest

from inference import auth
from tests.inference.endpoint import KEY, Endpoint
from tests.inference.routes import routes
from tests.security import raw

OPEN, LOCKED = "open", "locked"
ANY = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

# What a route shows or does decides; a route that is missing here fails the first test.
ACCESS = {
    **dict.fromkeys(
        ("/", "/static/{name}", "/status", "/healthz", "/health", "/v1/health", "/readyz"), OPEN
    ),
    **dict.fromkeys(
        (
            "/metrics",
            "/openapi.json",
            "/props",
            "/slots",
            "/cors-proxy",
            "/models",
            "/v1/models",
            "/v1/models/{model}",
            "/api/blobs/{digest}",
        ),
        LOCKED,
    ),
    **dict.fromkeys(
        (
            *("/api/version", "/api/tags", "/api/ps", "/api/show", "/api/generate", "/api/chat"),
            *("/api/embed", "/api/embeddings", "/api/pull", "/api/delete", "/api/create"),
            *("/api/copy", "/api/push", "/v1/chat/completions", "/v1/completions"),
            *("/v1/chat/completions/input_tokens", "/v1/embeddings", "/v1/responses"),
            *("/v1/responses/input_tokens", "/v1/messages", "/v1/messages/count_tokens"),
            *("/completion", "/completions", "/chat/completions", "/responses", "/infill"),
            *("/chat/completions/input_tokens", "/embedding"),
            *("/embeddings", "/rerank", "/reranking", "/v1/rerank", "/v1/reranking"),
            *("/tokenize", "/detokenize", "/apply-template"),
        ),
        LOCKED,
    ),
}
VALUES = {"{name}": "status.css", "{digest}": "sha256:" + "0" * 64, "{model}": "a/b"}

RIGHT = (
    {"Authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer   {KEY}"},
    {"AUTHORIZATION": f"BEARER {KEY}"},
    {"x-api-key": KEY},
    {"X-API-Key": KEY},
    {"Authorization": "Bearer", "x-api-key": KEY},
    {"Authorization": "Basic dXNlcjpwYXNz", "x-api-key": KEY},
)
WRONG: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Bearer {KEY}x"},
    {"Authorization": f"Bearer {KEY[:-1]}"},
    {"Authorization": f"Bearer {KEY.upper()}"},
    {"Authorization": f"Bearer {KEY} {KEY}"},
    {"Authorization": f"Bearer x, Bearer {KEY}"},
    {"Authorization": f"Bearer,{KEY}"},
    {"Authorization": f"Bearer={KEY}"},
    {"Authorization": f"Bearer\u00a0{KEY}"},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": KEY},
    {"Authorization": "Bearer " + "x" * 5000},
    {"Authorization": "Bearer wrong", "x-api-key": KEY},
    {"x-api-key": KEY[::-1]},
    {"x-api-key": f'"{KEY}"'},
    {"api-key": KEY},
    {"X-Goog-Api-Key": KEY},
    {"Proxy-Authorization": f"Bearer {KEY}"},
    {"X-Forwarded-Authorization": f"Bearer {KEY}"},
    {"Cookie": f"key={KEY}; Authorization=Bearer {KEY}"},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    {"Host": "localhost", "Forwarded": "for=127.0.0.1"},
    {"X-Original-URL": "/health", "X-Rewrite-URL": "/health"},
    {"X-HTTP-Method-Override": "OPTIONS", "X-Method-Override": "OPTIONS"},
    {"Origin": "http://localhost", "Access-Control-Request-Method": "POST"},
)


ROUTES = routes()


@pytest.fixture(scope="module")
def http(runtime: Endpoint) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=runtime.url, timeout=60) as client:
        yield client


def _calls(access: str) -> list[tuple[str, str]]:
    found = []
    for method, path in ROUTES:
        if ACCESS.get(path) != access:
            continue
        for name, value in VALUES.items():
            path = path.replace(name, value)  # noqa: PLW2901  (each placeholder in turn)
        found += [(each, path) for each in (ANY if method == "*" else (method,))]
    return found


def test_every_route_is_in_the_table() -> None:
    assert {path for _method, path in ROUTES} == set(ACCESS)


def test_what_the_code_calls_open_is_what_the_table_calls_open() -> None:
    plain = {path for path, access in ACCESS.items() if access == OPEN and "{" not in path}
    assert plain == set(auth.OPEN_PATHS)
    assert auth.OPEN_FOLDER == "/static/"


@pytest.mark.parametrize(("method", "path"), _calls(LOCKED), ids=" ".join)
def test_a_locked_route_opens_to_the_key_alone(
    http: httpx.Client, runtime: Endpoint, method: str, path: str
) -> None:
    for headers in WRONG:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        assert http.request(method, path, headers=sent).status_code == _refusal(method, headers)
    for query in (f"?key={KEY}", f"?api_key={KEY}", f"?access_token={KEY}"):
        assert http.request(method, path + query).status_code == _refusal(method, {})
    for headers in RIGHT:
        answer = http.request(method, path, headers=headers, content=b"{")
        assert answer.status_code != 401
        assert "invalid_api_key" not in answer.text


def _refusal(method: str, headers: dict[str, str]) -> int:
    """A preflight comes without a key by its nature, and is told nothing but what is allowed."""
    if method == "OPTIONS":
        return 200 if "Origin" in headers else 501
    return 401


@pytest.mark.parametrize(("method", "path"), _calls(OPEN), ids=" ".join)
def test_an_open_route_is_open_and_tells_nothing_of_the_inside(
    http: httpx.Client, method: str, path: str
) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 200
    for word in ("last_lines", "failures", "uptime", KEY):
        assert word not in answer.text


@pytest.mark.parametrize("path", ["/", "/status", "/health", "/static/status.css"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FROB"])
def test_an_open_path_is_open_to_reading_only(runtime: Endpoint, method: str, path: str) -> None:
    assert raw.send(runtime.url, raw.request(path, method=method)).statuses in ((401,), (400,))


TARGETS = (
    *("//api/tags", "/api//tags", "///api/tags", "/./api/tags", "/x/../api/tags", "/api/./tags"),
    *("/%61pi/tags", "/api/%74ags", "/%2e/api/tags", "/%2e%2e/api/tags", "/api%2ftags"),
    *("/api/tags/", "/api/tags%00", "/api/tags%20", "/api/tags;x", "/api/tags?/health"),
    *("/api/tags#/health", "/API/TAGS", "/Api/Tags", "/api\\tags", "/\\api/tags"),
    *("/api/tags%0d%0a", "/v1/./models"),
    *("/health/../api/tags", "/health/%2e%2e/api/tags", "/health;/../api/tags"),
    *("/health%2f..%2fapi", "/healthz%00/api/tags"),
    *("/static/../api/tags", "/static/%2e%2e/api/tags", "/static/..%2fapi%2ftags", "/static/"),
    *("/static/%2e%2e%2fapplication.py", "/static/..%5capplication.py"),
    *("/static/status.css/../../x", "/static//api/tags"),
    *("/static/..", "/static/%2e%2e", "/static/%252e%252e/api/tags", "/static/status.css%00.py"),
    *("http://x/api/tags", "http://health/api/tags", "http://x//api/tags", "HTTP://X/api/tags"),
    *("http://x@y/api/tags", "http://x/static/../api/tags", "https://x:1/api/tags", "ws://x/api/tags"),
    *("*", "x:443", "api/tags", "?x", "/v1/models/..%2f..%2fhealth", "/v1/models/../health"),
    *("/metrics/", "/metrics%2f", "/%6detrics", "/metrics;", "//metrics", "/healthz/../metrics"),
    *("/props?model=x", "/slots", "/slots/0?action=save", "/lora-adapters", "/models/load"),
    *("/cors-proxy", "/v1/x"),
    *("/v1/files", "/tools", "/exit", "/debug", "/.env", "/api/blobs/../tags", "/api/blobs/x"),
)  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_no_spelling_of_a_path_gets_past_the_key(runtime: Endpoint, target: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        answer = raw.send(runtime.url, raw.request(target, method=method))
        assert answer.statuses, "no answer at all"
        assert set(answer.statuses) <= {400, 401, 404}


HEADERS = (
    (f"Authorization: Bearer {KEY}\x00",),
    (f"Authorization: Bearer \x00{KEY}",),
    (f"Authorization:\x0bBearer {KEY}",),
    (f"Authorization : Bearer {KEY}",),
    (f" Authorization: Bearer {KEY}",),
    ("X: y", f"\tAuthorization: Bearer {KEY}"),
    ("X: y", f" Authorization: Bearer {KEY}"),
    (f"Authorization\x00: Bearer {KEY}",),
    ("Authorization: Bearer wrong", f"Authorization: Bearer {KEY}"),
    ("Authorization: Bearer wrong", f"authorization: bearer {KEY}"),
    (f"X\nAuthorization: Bearer {KEY}",),
    (f"X: y\nAuthorization:\x01 Bearer {KEY}",),
    (f"Authorization_: Bearer {KEY}",),
    (f"x_api_key: {KEY}",),
    (f"HTTP_X_API_KEY: {KEY}",),
    ("x-api-key: wrong", f"x-api-key: {KEY}"),
    (f"Authorization: Digest {KEY}",),
    (f"Authorization: Bearer\r\n {KEY}x",),
    ("Authorization: " + "Bearer " * 2000 + KEY,),
)


@pytest.mark.parametrize("lines", HEADERS, ids=range(len(HEADERS)))
def test_no_oddity_of_a_header_gets_past_the_key(runtime: Endpoint, lines: tuple[str, ...]) -> None:
    answer = raw.send(runtime.url, raw.request("/api/tags", *lines))
    assert set(answer.statuses) <= {400, 401}
    assert answer.statuses


HIDDEN = "GET /api/tags HTTP/1.1\r\nHost: x\r\n\r\n"
KEYED = f"GET /api/version HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n\r\n"
SMUGGLED = {
    "both lengths": f"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "two lengths": f"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
    f"Content-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    "two encodings": "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    f"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n{HIDDEN}",
    "an encoding with a tab": "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked\r\n"
    f"Content-Length: 3\r\n\r\n0\r\n\r\n{HIDDEN}",
    "an encoding misspelt": "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n"
    f"Content-Length: 0\r\n\r\n{HIDDEN}",
    "a signed length": f"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n{HIDDEN}",
    "a chunk too long": "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    f"ffffffffffffffff0\r\n{HIDDEN}",
    "bare line feeds": f"GET /health HTTP/1.1\nHost: x\n\n{HIDDEN}",
    "after a keyed one": KEYED + HIDDEN,
    "the body of a read": f"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: {len(HIDDEN)}"
    f"\r\n\r\n{HIDDEN}",
    "after an upgrade": "GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    f"Upgrade: h2c\r\n\r\n{HIDDEN}",
    "HTTP/0.9": "GET /api/tags\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("data", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_a_request_hidden_in_another_needs_its_own_key(runtime: Endpoint, data: str) -> None:
    answer = raw.send(runtime.url, data.encode("latin-1"), patience=5)
    assert b'"name":' not in answer.data


def test_the_key_is_compared_in_constant_time_and_by_its_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[str, str]] = []

    def watching(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("inference.auth.hmac.compare_digest", watching)
    hashes = ("a" * 64, "b" * 64)
    assert not auth.is_known("wrong", hashes)
    assert len(compared) == 2, "every hash is compared, whichever matches"
    tree = ast.parse(inspect.getsource(auth.is_known))
    equals = [node for node in ast.walk(tree) if isinstance(node, ast.Eq | ast.NotEq)]
    assert not equals, "a key is compared with == somewhere"


def test_a_long_key_is_compared_to_its_last_character() -> None:
    key = "k" * 5000
    known = [hashlib.sha256(key.encode()).hexdigest()]
    assert auth.is_known(key, known)
    assert not auth.is_known(key + "k", known)
    assert not auth.is_known("k", known)


def test_the_key_is_in_no_log(runtime: Endpoint, http: httpx.Client) -> None:
    for lines in HEADERS:
        raw.send(runtime.url, raw.request("/api/tags", *lines))
    http.get(f"/api/tags?key={KEY}", headers={"Authorization": f"Bearer {KEY}"})
    http.get(f"/{KEY}", headers={"x-api-key": KEY})
    logged = runtime.logged()
    assert "a request was no HTTP" in logged
    assert KEY not in logged
