"""The status page, ``/status``, ``/metrics``."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import httpx
import pytest

from inference import __version__, status, status_page
from inference.engine import client
from inference.engine.command import EngineConfig
from inference.engine.supervisor import Engine, State
from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.inference.endpoint import ROOT, Endpoint

DOCUMENT = ROOT / "docs" / "runtime.md"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def _entry(**changed: object) -> dict[str, object]:
    whole = {"name": "tiny", "downloaded": False, "progress": None, "error": None, "facts": []}
    return {**whole, "capabilities": [], **changed}


def test_it_works(endpoint: Endpoint) -> None:
    page = httpx.get(endpoint.url, headers=BROWSER)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>" in page.text
    assert "Ready" in page.text
    assert "35.2K parameters · F32 · trained for 2,048 tokens · text, vision, tools" in page.text
    assert "curl ENDPOINT/api/chat" in page.text
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


def test_an_embedding_model_s_code_asks_for_vectors(tmp_path: Path) -> None:
    model = tiny_gguf.write_model(tmp_path / "searcher.gguf", pooling=3)
    with endpoints.running(tmp_path, "--model", str(model)) as endpoint:
        told = httpx.get(f"{endpoint.url}/status").json()
        assert told["models"][0]["capabilities"] == ["embedding"]
        page = httpx.get(endpoint.url, headers=BROWSER).text
        code = re.sub("ENDPOINT", endpoint.url, page.partition("curl ")[2].partition("</code>")[0])
        path, body = code.split()[0], re.search(r"-d '(.*)'", code, re.DOTALL)
        assert body
        answer = httpx.post(path, content=body[1].encode(), headers=endpoint.headers, timeout=60)
        assert len(answer.json()["embeddings"]) == 1
    assert "client.embeddings.create(" in page
    assert "messages" not in page


def test_a_reranker_s_code_asks_for_scores(tmp_path: Path) -> None:
    model = tiny_gguf.write_reranker(tmp_path / "judge.gguf")
    with endpoints.running(tmp_path, "--model", str(model)) as endpoint:
        page = httpx.get(endpoint.url, headers=BROWSER).text
        told = [
            unescape(block) for block in re.findall(r"<code>(.*?)</code></pre>", page, re.DOTALL)
        ]
        by_curl, in_python = (each.replace("ENDPOINT", endpoint.url) for each in told)
        path, body = by_curl.split()[1], re.search(r"-d '(.*)'", by_curl, re.DOTALL)
        assert body
        answer = httpx.post(path, content=body[1].encode(), headers=endpoint.headers, timeout=60)
        assert {each["index"] for each in answer.json()["results"]} == {0, 1}
        code = in_python.replace("KEY", endpoint.key)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert b"relevance_score" in done.stdout


def test_what_a_model_can_do_is_told(endpoint: Endpoint) -> None:
    tiny, thinker = httpx.get(f"{endpoint.url}/status").json()["models"]
    assert tiny["capabilities"] == ["completion", "vision", "tools"]
    assert "thinking" in thinker["capabilities"]


def test_the_code_of_a_chat_is_shown_while_a_model_comes() -> None:
    told = {"phase": "pulling", "message": "", "models": [_entry(name="a", capabilities=[])]}
    page = status_page.render(told, locked=True)
    assert '"model": "a"' in page
    assert "a model that embeds or ranks" in page
    told["models"] = [_entry(capabilities=[]), _entry(name="qwen3", capabilities=["embedding"])]
    page = status_page.render(told, locked=True)
    assert "/api/embed" in page
    assert "a model that embeds or ranks" not in page


@pytest.mark.parametrize(
    ("phase", "error"), [("failed", None), ("loading", None), ("pulling", "not found")]
)
def test_no_code_is_shown_where_nothing_will_answer(phase: str, error: str | None) -> None:
    told = {"phase": phase, "message": "", "models": [_entry(error=error)]}
    assert "Call it" not in status_page.render(told, locked=True)


def test_an_engine_that_is_on_its_way_tells_its_last_lines(models: Path, tmp_path: Path) -> None:
    with endpoints.running_on_stand_in(tmp_path, models, wait=False, start="endless") as endpoint:
        endpoints.wait_ready(endpoint, "/healthz")
        ends = time.monotonic() + 60
        engines: list[dict[str, object]] = []
        while not engines and time.monotonic() < ends:
            engines = httpx.get(f"{endpoint.url}/status", headers=endpoint.headers).json()[
                "engines"
            ]
            time.sleep(0.05)
        assert [(each["model"], each["state"]) for each in engines] == [("tiny", "starting")]


def test_a_load_that_hangs_is_told() -> None:
    assert status.loading_message(59.0, 59.0) == "The model is being loaded."
    assert status.loading_message(0.0, 730.0) == "The model is being loaded, for 12 min so far."
    told = status.loading_message(150.0)
    assert "has read and computed nothing for 2 min" in told
    assert "another provider" in told


def test_it_is_told_which_engine_does_not_answer() -> None:
    async def message(**states: State) -> str:
        engines = []
        async with client.new_session() as session:
            for name, state in states.items():
                config = EngineConfig(name, Path("a.gguf"), 512, slots=1)
                engines.append(Engine(config, binary=None, session=session))
                engines[-1].state = state
        return status.ready_message(engines)

    assert asyncio.run(message(tiny=State.READY)) == "The model answers."
    told = asyncio.run(message(tiny=State.READY, old=State.FAILED, large=State.RESTARTING))
    assert "could not be started again for old: a request tries anew." in told
    assert "is being started again for large." in told
    assert "tiny" not in told


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
    entry = _entry(name="<img src=x>", error="<b>$x", capabilities=["completion"])
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
