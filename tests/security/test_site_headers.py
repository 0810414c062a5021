"""What every address of the site sends, made from the URLconf itself, over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx2
import pytest
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from oneclick_site.middleware import HEADERS
from tests.security import raw
from tests.site.live import LiveSite
from wizard.demo.application import ROUTES
from wizard.views.addresses import page_after_rename

SAMPLES = {
    **{"user": "Qwen", "repo": "Qwen3-8B-GGUF", "namespace": "library", "name": "llama3.1:8b"},
    **{"dseq": "12345", "number": "0"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Pages that watch an endpoint which they have deployed, or that a visitor names.
ASK_OTHERS = re.compile(r"connect-src 'self' https:[^;]*;")


def _addresses() -> list[str]:
    """One address for each pattern of the URLconf. A new kind of part fails here."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: SAMPLES[found[1]], route)

    return sorted(set(walk(get_resolver().url_patterns, "")))


ADDRESSES = _addresses()
OTHERS = (
    "/nowhere",
    "/static/css/tokens.css",
    "/static/nowhere.css",
    "/models/hf/a/",
    "/api/nothing",
)


@pytest.fixture(scope="module")
def site() -> Iterator[LiveSite]:
    with LiveSite() as live:
        yield live


@pytest.fixture(scope="module")
def http(site: LiveSite) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site.url, timeout=60) as client:
        yield client


def test_the_resolver_is_read_whole() -> None:
    assert len(ADDRESSES) > 30
    assert {"/", "/healthz", "/deployments/12345/lease"} <= set(ADDRESSES)


@pytest.mark.parametrize("address", [*ADDRESSES, *OTHERS])
def test_every_address_is_locked_down(http: httpx2.Client, address: str) -> None:
    for method in METHODS:
        answer = http.request(method, address)
        assert answer.status_code in (200, 204, 301, 302, 400, 401, 404, 405, 503), method
        assert "set-cookie" not in answer.headers
        assert not re.search(r"\d", answer.headers.get("Server", "")), "a version is told"
        assert "access-control-allow-origin" not in answer.headers or "static" in address
        assert _policy(answer) == HEADERS["Content-Security-Policy"]
        for name, value in HEADERS.items():
            if name != "Content-Security-Policy":
                assert answer.headers[name] == value


def _policy(answer: httpx2.Response) -> str:
    """The policy, without the leave that some pages have to ask an endpoint over https."""
    found = answer.headers["Content-Security-Policy"]
    for name in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert name in found
    assert "unsafe" not in found
    return ASK_OTHERS.sub("connect-src 'self';", found)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_has_a_script_or_a_style_inside(http: httpx2.Client, address: str) -> None:
    text = http.get(address).text
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//(?!\S*\")[^\"]*\.(?:js|css)\"", text)


@pytest.mark.parametrize(
    "path", [*ROUTES, "/v1/models/x", "/v1/nothing", "/api/pull", "/api/blobs/x"]
)
def test_the_demo_sets_no_cookie_and_names_its_type(http: httpx2.Client, path: str) -> None:
    for method in METHODS:
        answer = http.request(method, path, headers={"Origin": "https://other.example"})
        assert "set-cookie" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers.get("Content-Type", "application/json").startswith("application/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_writes_wants_a_key_and_what_reads_takes_no_other_method(
    http: httpx2.Client, address: str
) -> None:
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "FROB"):
        assert http.request(method, address).status_code == 405
    if http.post(address, content=b"{}").status_code != 405 and "deployments" in address:
        forged = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
        assert http.post(address, headers=forged, content=b"{}").status_code == 401


POISON = (
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Server": "evil.example", "X-Host": "evil.example"},
    {"X-Forwarded-Proto": "evil.example", "X-Forwarded-Scheme": "evil.example"},
    {"X-Forwarded-Prefix": "/evil.example", "X-Script-Name": "/evil.example"},
    {"SCRIPT_NAME": "/evil.example", "Script-Name": "/evil.example"},
    {"X-Original-URL": "/evil.example", "X-Rewrite-URL": "/evil.example"},
    {"Forwarded": "host=evil.example;proto=evil.example"},
    {"X-Forwarded-Port": "666", "X-Forwarded-For": "evil.example"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Referer": "https://evil.example/", "Origin": "https://evil.example"},
    {"User-Agent": "evil.example", "Accept-Language": "evil.example"},
    {"HX-Current-URL": "https://evil.example/"},
)


@pytest.mark.parametrize("headers", POISON, ids=lambda headers: next(iter(headers)))
@pytest.mark.parametrize(
    "address", ["/", "/models/ollama/llama3.1:8b/configure/", "/docs/", "/check/", "/badge.svg"]
)
def test_no_header_of_a_visitor_gets_into_a_page_that_others_may_be_shown(
    http: httpx2.Client, address: str, headers: dict[str, str]
) -> None:
    plain, spoiled = http.get(address), http.get(address, headers=headers)
    assert spoiled.status_code == plain.status_code == 200
    assert "evil.example" not in spoiled.text
    assert "evil.example" not in json.dumps(dict(spoiled.headers))
    assert spoiled.text == plain.text


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "site.example.evil.example",
            "evil.example:80",
            "site.example@evil.example",
        ),
        *("", "site.example\x00.evil", "[::1]", "site.example/evil", "site.example:evil"),
        *("évil", "..", "-", "site.example,evil.example", "%73ite.example", "site.example#"),
    ],
)
def test_a_host_that_is_not_ours_is_refused(named: LiveSite, host: str) -> None:
    page = "/models/ollama/llama3.1:8b/configure/"
    answer = raw.send(named.url, raw.request(page, host=host), silence=3)
    assert answer.statuses in ((400,), ())
    assert b"evil" not in answer.data


@pytest.fixture(scope="module")
def named() -> Iterator[LiveSite]:
    """A site that knows its names; `LiveSite` asks it at 127.0.0.1 until it answers."""
    with LiveSite(ALLOWED_HOSTS="site.example,127.0.0.1") as live:
        yield live


@pytest.mark.parametrize(
    "target",
    [
        *("//evil.example", "//evil.example/", "//evil.example/check", "/\\evil.example/check"),
        *(
            "/%2f%2fevil.example/check",
            "/%5cevil.example",
            "/%09/evil.example/check",
            "///evil.example",
        ),
        *("//evil.example/%2e%2e", "/.//evil.example/check", "http://evil.example/check"),
        *("//evil.example@x/docs", "/?q=https://evil.example/a/b", "/?q=//evil.example/a"),
        *(
            "/?q=hf.co%2F..%2F..%2F%2Fevil.example",
            "/?q=https:%2F%2Fhuggingface.co%2F%2Fevil.example%2Fx",
        ),
        *("/?q=/%5Cevil.example/x", "/?q=hf.co/%2F%2Fevil.example/a", "/models/hf//evil.example"),
        *(
            "/models/hf/%2f%2fevil.example/x",
            "/models/ollama//evil.example",
            "/check?next=//evil.example",
        ),
        *("/docs?//evil.example", "/deployments//evil.example", "/static//evil.example/check"),
    ],
)
def test_no_redirect_leaves_the_site(site: LiveSite, target: str) -> None:
    answer = raw.send(site.url, raw.request(target), silence=5)
    assert answer.statuses
    for line in answer.header_lines():
        name, _, value = line.partition(":")
        if name.lower() in ("location", "hx-redirect", "hx-location", "refresh"):
            assert re.match(r" (/(?![/\\])|http://x/(?!/))", value), line


@pytest.mark.parametrize(
    "new", ["//evil.example/x", "\\\\evil.example", "a/b\r\nX: y", "http://evil/x"]
)
def test_a_rename_leads_to_a_page_of_this_site(new: str) -> None:
    request = RequestFactory().get("/models/hf/old/name/configure/?slots=2")
    address = page_after_rename(request, new)
    assert address.startswith("/models/hf/")
    assert "\r" not in address
    assert address.endswith("?slots=2")


CRLF = (
    "%0d%0aX-Injected:%20yes",
    "%0aX-Injected:yes",
    "%E5%98%8A%E5%98%8DX-Injected:yes",
    "%0d",
    "%00",
)


@pytest.mark.parametrize("tail", CRLF)
@pytest.mark.parametrize(
    "target",
    [
        *("/?q=a", "/?q=hf.co/a/b", "/models/hf/a", "/models/hf/a/b", "/models/ollama/a", "/check"),
        *(
            "/models/ollama/llama3.1:8b/deploy.yaml?env=A=",
            "/static/a",
            "/deployments/1",
            "/docs?x=",
        ),
        *(
            "/models/ollama/llama3.1:8b/configure/?variant=",
            "/models/ollama/llama3.1:8b/plan.json?gpu=",
        ),
    ],
)
def test_no_line_end_gets_into_a_header(site: LiveSite, target: str, tail: str) -> None:
    for line in ("HX-Request: true", "X: y"):
        answer = raw.send(site.url, raw.request(target + tail, line), silence=5)
        assert answer.statuses
        assert len(answer.statuses) == 1
        names = [each.partition(":")[0].lower() for each in answer.header_lines()]
        assert "x-injected" not in names


@pytest.mark.parametrize("address", ["/check/", "/api/check", "/deployments/create"])
def test_a_body_beyond_the_limit_is_refused(http: httpx2.Client, address: str) -> None:
    answer = http.post(address, content=b"x" * ((2 << 20) + 1))
    assert answer.status_code == 413
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    lying = raw.request(address, "Content-Length: 99999999999999999999", method="POST")
    assert raw.send(str(http.base_url), lying, silence=5).statuses in ((413,), (400,))


def test_no_key_and_no_query_gets_into_the_log(site: LiveSite, http: httpx2.Client) -> None:
    key = "console-key-that-nobody-may-see"
    http.get("/deployments/list", headers={"X-Console-Key": key})
    http.get(f"/?q={key}")
    raw.send(site.url, raw.request("/", f"X-Console-Key : {key}"))
    raw.send(site.url, raw.request("/", f"X-Console-Key: {key}\x00"))
    raw.send(site.url, raw.request(f"/\x01{key}"))
    assert key not in site.log.read_text()
