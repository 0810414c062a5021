"""The status page, ``/status``, ``/metrics``."""

from __future__ import annotations

import re
import time

import httpx
import pytest

from inference import __version__, status_page
from tests.inference.endpoint import ROOT, Endpoint

DOCUMENT = ROOT / "docs" / "runtime.md"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def test_it_works(endpoint: Endpoint) -> None:
    page = httpx.get(endpoint.url, headers=BROWSER)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>" in page.text
    assert "Ready" in page.text
    assert "35.2K parameters · F32 · trained for 2,048 tokens" in page.text
    assert endpoint.key not in page.text
    assert not re.search(r"<style|style=|<script>|onclick", page.text)


@pytest.mark.parametrize("name", ["status.css", "status.js"])
def test_what_the_page_needs_is_there(endpoint: Endpoint, name: str) -> None:
    answer = httpx.get(f"{endpoint.url}/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["server.py", "..%2fserver.py", "%2e%2e/server.py"])
def test_nothing_else_is(endpoint: Endpoint, name: str) -> None:
    answer = httpx.get(f"{endpoint.url}/static/{name}", headers=endpoint.headers)
    assert answer.status_code == 404


def test_more_is_told_to_who_has_the_key(endpoint: Endpoint, http: httpx.Client) -> None:
    few = {"model": "tiny", "prompt": "Hi", "options": {"num_predict": 8}}
    http.post("/api/generate", json=few)
    assert set(httpx.get(f"{endpoint.url}/status").json()) == {"phase", "message", "models"}
    told = http.get("/status").json()
    assert told["version"] == __version__
    tiny = next(engine for engine in told["engines"] if engine["model"] == "tiny")
    assert tiny["slots"] == 4
    assert tiny["context_length"] == 2048
    assert tiny["queued"] == 0
    assert tiny["tokens_per_second"]["written"] > 0
    assert tiny["tokens_per_second"]["read"] > 0


def test_what_is_not_offered_is_no_failure(http: httpx.Client) -> None:
    assert http.post("/api/copy", json={}).status_code == 501
    assert "/api/copy" not in str(http.get("/status").json()["failures"])


def test_metrics_are_in_the_text_format(http: httpx.Client) -> None:
    body = {"model": "tiny", "prompt": "Hi", "options": {"num_predict": 3}}
    http.post("/api/generate", json=body)
    answer = http.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = answer.text.splitlines()
    form = re.compile(
        r"# (TYPE [\w:]+ \w+|HELP [\w:]+ .+)"
        r"|[\w:]+(\{(\w+=\"[^\"]*\",?)+\})? [-+.\de]+|[\w:]+.* nan"
    )
    assert [line for line in lines if not form.fullmatch(line)] == []
    assert 'oneclick_requests_total{route="/api/generate",code="200"}' in answer.text
    assert "oneclick_ready 1" in lines
    assert 'oneclick_tokens_total{model="tiny",kind="generated"}' in answer.text
    assert 'llamacpp:tokens_predicted_total{model="tiny"}' in answer.text
    assert int(answer.headers["Process-Start-Time-Unix"]) <= time.time()


def test_every_metric_is_documented(http: httpx.Client) -> None:
    told = set(re.findall(r"^# TYPE (oneclick_\w+) ", http.get("/metrics").text, re.MULTILINE))
    documented = set(re.findall(r"`(oneclick_\w+)`", DOCUMENT.read_text(encoding="utf-8")))
    assert told == documented


def test_hostile_names_stay_text() -> None:
    entry: dict[str, object] = {
        "name": "<img src=x>",
        "downloaded": False,
        "progress": None,
        "error": "<b>$x",
        "facts": [],
    }
    told = {"phase": "failed", "message": "<script>alert(1)</script>", "models": [entry]}
    page = status_page.render(told, locked=True)
    assert "<img" not in page
    assert "<script>alert" not in page
    assert "&lt;b&gt;$x" in page


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1500, "1.5 kB"), (4.9e9, "4.9 GB"), (5e15, "5000.0 TB")]
)
def test_sizes(count: float, text: str) -> None:
    assert status_page.size_text(count) == text
