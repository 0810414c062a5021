"""The playground on an endpoint of the person's own: straight from the browser, nothing by us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open
from tests.e2e.playground.talking import RUNNERS, SLOW, ask, copied_code, kept, run
from tests.inference.endpoint import KEY, Endpoint, running
from tests.site.live import LiveSite
from tests.standins.server import Reply, StandIn, json

pytestmark = pytest.mark.e2e
MODEL = Path(__file__).parents[3] / "inference" / "demo_model" / "oneclick-demo.gguf"


@pytest.fixture(scope="module")
def endpoint(
    tmp_path_factory: pytest.TempPathFactory, offline_site: LiveSite
) -> Iterator[Endpoint]:
    """A real runtime behind its key, as a deployed one answers."""
    flags = ("--model", str(MODEL), "--context-length", "1024", "--slots", "1")
    allowed = ("--cors-origins", offline_site.url)
    with running(tmp_path_factory.mktemp("runtime"), *flags, *allowed) as found:
        yield found


def _connect(page: Page, url: str, key: str) -> None:
    page.get_by_text("Use your own endpoint").click()
    expect(page.locator("#own-connect")).to_be_in_viewport()
    page.fill("#own-url", url)
    page.fill("#own-key", key)
    page.click("#own-connect")


def test_it_works(visit: Open, endpoint: Endpoint, offline_site: LiveSite) -> None:
    seen = visit()
    seen.open("/playground/?model=x")
    page = seen.page
    _connect(page, f"{endpoint.url}/v1/", KEY)
    expect(page.locator("#own-title")).to_have_text("Your own endpoint: connected", timeout=SLOW)
    expect(page.locator("#where")).to_contain_text(endpoint.url.removeprefix("http://"))
    expect(page.locator("#deploy")).to_be_hidden()
    page.fill("#prompt", "What is quantisation?")
    page.press("#prompt", "Enter")
    expect(page.locator(".md")).to_contain_text("fewer bits", timeout=SLOW)
    expect(page.locator("#meter")).to_contain_text("of 1,024 tokens", timeout=SLOW)
    to_us = [line for line in seen.sent if offline_site.url in line.split()[1]]
    assert to_us
    assert not any(KEY in line or "quantisation" in line for line in to_us)
    asked = [line for line in seen.sent if f"{endpoint.url}/api/chat" in line]
    assert asked
    assert "x-oneclick-progress" not in asked[0]


def test_the_key_lives_in_this_tab_alone(visit: Open, endpoint: Endpoint) -> None:
    seen = visit()
    seen.open("/playground/")
    page = seen.page
    _connect(page, endpoint.url, KEY)
    expect(page.locator("#model")).to_have_value("oneclick-demo", timeout=SLOW)
    page.fill("#prompt", "Hello")
    page.press("#prompt", "Enter")
    expect(page.locator("[data-act=again]")).to_be_visible(timeout=SLOW)
    assert "Hello" in kept(page)
    page.reload()
    expect(page.locator("#model")).to_have_value("oneclick-demo", timeout=SLOW)
    assert KEY not in kept(page) + page.evaluate("JSON.stringify([localStorage, document.cookie])")
    page.click("[data-act=code]")
    expect(page.locator("#code-text-curl")).to_contain_text("Bearer YOUR-API-KEY")
    page.locator("#code-key").check()
    expect(page.locator("#code-text-curl")).to_contain_text(f"Bearer {KEY}")
    page.keyboard.press("Escape")
    page.evaluate("document.getElementById('own').open = true")
    page.click("#own-leave")
    assert KEY not in page.evaluate("JSON.stringify(sessionStorage)")


@pytest.mark.parametrize("language", RUNNERS)
def test_the_code_runs_with_the_key(visit: Open, endpoint: Endpoint, language: str) -> None:
    seen = visit(permissions=["clipboard-read", "clipboard-write"])
    seen.open("/playground/")
    page = seen.page
    _connect(page, endpoint.url, KEY)
    expect(page.locator("#model")).to_have_value("oneclick-demo", timeout=SLOW)
    answer = ask(page, "What is quantisation?")
    answer.get_by_role("button", name="View code").click()
    page.locator("#code-key").check()
    assert run(language, copied_code(page, language)) == answer.locator(".md").inner_text().strip()


def test_a_wrong_key_is_told(visit: Open, endpoint: Endpoint) -> None:
    seen = visit()
    seen.open("/playground/")
    _connect(seen.page, endpoint.url, "wrong")
    expect(seen.page.locator("#own-trouble")).to_contain_text("refused the key", timeout=SLOW)
    assert any("401" in text for text in seen.complaints)
    seen.complaints.clear()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("http://endpoint.example", "Use https"),
        ("ftp://endpoint.example", "Use https"),
        ("https://me:word@endpoint.example", "Leave name and password out"),
        ("https://", "That is no address"),
        ("http://127.0.0.1:9", "could not be reached"),
    ],
)
def test_an_address_that_cannot_be_used_is_told(visit: Open, typed: str, words: str) -> None:
    seen = visit()
    seen.open("/playground/")
    _connect(seen.page, typed, "")
    expect(seen.page.locator("#own-trouble")).to_contain_text(words)
    seen.complaints.clear()


def test_an_endpoint_that_speaks_openai_alone(visit: Open) -> None:
    allowed = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
    }
    usage = '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}'
    events = [
        '{"choices":[{"delta":{"reasoning_content":"hmm"}}]}',
        '{"choices":[{"delta":{"content":"Good "}}]}',
        '{"choices":[{"delta":{"content":"day"},"finish_reason":"stop"}]}',
        usage,
        "[DONE]",
    ]
    body = "".join(f": still there\n\ndata: {event}\n\n" for event in events).encode()
    with StandIn() as server:
        server.route("OPTIONS", "/.*", lambda _request: Reply(204, b"", allowed))
        server.route("GET", "/.*", lambda _request: json({"error": "no"}, 404, allowed))
        listed = {"data": [{"id": "org/model", "max_model_len": 8192}]}
        server.route("GET", "/v1/models", lambda _request: json(listed, 200, allowed))
        server.route("POST", "/v1/chat/completions", lambda _request: Reply(200, body, allowed))
        seen = visit()
        seen.open("/playground/")
        _connect(seen.page, server.url, "key")
        expect(seen.page.locator("#model")).to_have_value("org/model")
        seen.page.fill("#prompt", "Hello")
        seen.page.press("#prompt", "Enter")
        expect(seen.page.locator(".md")).to_have_text("Good day")
        expect(seen.page.locator(".thinking summary")).to_contain_text("Thought")
        expect(seen.page.locator("#meter")).to_have_text("11 of 8,192 tokens")
        seen.complaints.clear()


def test_an_endpoint_that_only_embeds_is_named_for_it(visit: Open) -> None:
    allowed = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "Authorization",
    }
    searcher = {"name": "nomic-embed-text", "capabilities": ["embedding"]}
    with StandIn() as server:
        server.route("OPTIONS", "/.*", lambda _request: Reply(204, b"", allowed))
        server.route(
            "GET", "/api/tags", lambda _request: json({"models": [searcher]}, 200, allowed)
        )
        seen = visit()
        seen.open("/playground/")
        _connect(seen.page, server.url, "key")
        expect(seen.page.locator("#own-trouble")).to_contain_text("make vectors of texts")
        expect(seen.page.locator("#own-leave")).to_be_hidden()
