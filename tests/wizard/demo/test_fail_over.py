"""Several upstreams for one model: the least loaded answers, and another where it cannot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.site.live import LiveSite
from tests.standins.ports import free_port
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import OPEN, wait_until

MODEL = "shared"


@pytest.fixture
def two() -> Iterator[tuple[Upstream, Upstream]]:
    with Upstream() as first, Upstream() as second:
        yield first, second


def _site(*urls: str, parallel: int = 50, **settings: str) -> LiveSite:
    upstreams = [
        {"name": str(n), "url": url, "kind": "runtime", "models": [MODEL], "parallel": parallel}
        for n, url in enumerate(urls)
    ]
    return LiveSite(**{**OPEN, "DEMO_UPSTREAMS": json.dumps(upstreams), **settings})


def _ask(site: LiveSite, prompt: str = "Hi", **more: Any) -> httpx2.Response:
    body = {"model": MODEL, "prompt": prompt, "stream": False, **more}
    return httpx2.post(f"{site.url}/api/generate", json=body, timeout=60)


def _count(upstream: Upstream) -> int:
    return len(upstream.asked("/api/generate"))


def test_it_works(two: tuple[Upstream, Upstream]) -> None:
    first, second = two
    with _site(first.url, second.url) as site, ThreadPoolExecutor(8) as pool:
        found = [pool.submit(_ask, site, "hold Hi") for _ in range(8)]
        wait_until(lambda: first.open + second.open == 8)
        for _ in range(4):
            first.let_go()
            second.let_go()
        assert [each.result().status_code for each in found] == [200] * 8
    assert (_count(first), _count(second)) == (4, 4)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 401, 404])
def test_another_answers_for_one_that_fails(two: tuple[Upstream, Upstream], status: int) -> None:
    first, second = two
    first.failing = status
    with _site(first.url, second.url) as site:
        assert _ask(site).json()["response"] == "You said: Hi"
        lines = _ask(site, stream=True).text.splitlines()
    assert json.loads(lines[-1])["done"] is True
    assert _count(second) == 2


def test_another_answers_for_one_that_is_away(two: tuple[Upstream, Upstream]) -> None:
    with _site(f"http://127.0.0.1:{free_port()}", two[0].url) as site:
        assert [_ask(site).status_code for _ in range(3)] == [200] * 3


def test_never_once_the_answer_has_begun(two: tuple[Upstream, Upstream]) -> None:
    first, second = two
    with _site(first.url, second.url) as site:
        answer = _ask(site, "die", stream=True)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.get("response") for line in lines] == ["You ", "said: ", "die", None]
    assert lines[-1] == {
        "error": "the connection to the model's server was lost (ClientPayloadError)"
    }
    assert _count(first) + _count(second) == 1


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_another_is_asked_where_a_stream_begins_with_an_error(
    two: tuple[Upstream, Upstream], path: str
) -> None:
    """vLLM and its likes say so with status 200; nothing has reached the client yet."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "fail at once"}]}
    with _site(two[0].url, two[1].url) as site:
        answer = httpx2.post(f"{site.url}{path}", json={**body, "stream": True}, timeout=60)
    assert [len(upstream.asked(path)) for upstream in two] == [1, 1]
    assert answer.status_code == 502
    assert "the model ran out of luck" in answer.text


def test_nobody_left_is_told_in_either_dialect(two: tuple[Upstream, Upstream]) -> None:
    for upstream in two:
        upstream.failing = 502
    with _site(two[0].url, two[1].url) as site:
        refused = _ask(site)
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
        other = httpx2.post(f"{site.url}/v1/chat/completions", json=body, timeout=60)
    assert refused.status_code == other.status_code == 503
    assert refused.json().keys() == {"error"}
    assert other.json()["error"]["type"] == "overloaded_error"
    assert int(refused.headers["Retry-After"]) > 0


def test_what_all_fail_at_is_told_in_their_words(two: tuple[Upstream, Upstream]) -> None:
    """A server that is there and fails at this request is not one that cannot be reached."""
    first, second = two
    with _site(first.url, second.url) as site:
        refused = _ask(site, "break")
        assert _ask(site).status_code == 200
    assert (_count(first), _count(second)) in ((2, 1), (1, 2))
    assert refused.status_code == 502
    assert refused.json() == {"error": "the model's server answered 500: it broke at this"}


def test_one_that_comes_back_is_found(two: tuple[Upstream, Upstream]) -> None:
    first, _ = two
    first.failing = 503
    with _site(first.url) as site:
        assert _ask(site).status_code == 503
        first.failing = 0
        wait_until(lambda: _ask(site).status_code == 200)
        told = re.findall("upstream is [a-z ]+", site.log.read_text())
    assert told[:2] == ["upstream is not up yet", "upstream is up"]


def test_those_who_wait_are_told_their_place(two: tuple[Upstream, Upstream]) -> None:
    first, _ = two
    body = {"model": MODEL, "prompt": "drip 3"}
    waiting = {"X-OneClick-Progress": "1"}
    with _site(first.url, parallel=1, DEMO_QUEUE="2") as site, ExitStack() as stack:
        address = f"{site.url}/api/generate"
        endless = {**body, "prompt": "endless"}
        running = httpx2.stream("POST", address, json=endless, timeout=60)
        stack.enter_context(running)
        second, third = (
            stack.enter_context(
                httpx2.stream("POST", address, json=body, headers=waiting, timeout=60)
            )
            for _ in range(2)
        )
        told, told_third = second.iter_lines(), third.iter_lines()
        assert json.loads(next(told)) == {"queue": {"place": 1}}
        assert json.loads(next(told_third)) == {"queue": {"place": 2}}
        full = _ask(site)
        running.__exit__(None, None, None)
        rest = [json.loads(line) for line in told]
        rest_third = [json.loads(line) for line in told_third]
    assert full.status_code == 503
    assert "queue is full" in full.json()["error"]
    assert rest[0] == {"queue": {"place": 0}}
    assert rest_third[:2] == [{"queue": {"place": 1}}, {"queue": {"place": 0}}]
    assert rest[-1]["done"] is rest_third[-1]["done"] is True


def test_ordinary_clients_see_the_place_in_a_header(two: tuple[Upstream, Upstream]) -> None:
    """It comes with the first sign of life, while they wait."""
    first, _ = two
    body = {"model": MODEL, "prompt": "Hi"}
    with (
        _site(first.url, parallel=1, DEMO_HEARTBEAT="1") as site,
        ThreadPoolExecutor(1) as pool,
    ):
        slow = pool.submit(_ask, site, "hold Hi")
        wait_until(lambda: first.open == 1)
        address = f"{site.url}/api/generate"
        with httpx2.stream("POST", address, json=body, timeout=60) as answer:
            first.let_go()
            answer.read()
        assert slow.result().status_code == 200
    assert answer.headers["X-Queue-Place"] == "1"
    assert "queue" not in answer.text


def test_the_deadline_ends_what_takes_too_long(two: tuple[Upstream, Upstream]) -> None:
    first, _ = two
    with _site(first.url, DEMO_DEADLINE="1") as site:
        silent = _ask(site, "silent")
        lines = _ask(site, "endless", stream=True).text.splitlines()
        wait_until(lambda: first.open == 0)
    assert silent.status_code == 504
    assert "longer than the 1 s" in silent.json()["error"]
    assert "longer than the 1 s" in json.loads(lines[-1])["error"]


@pytest.mark.parametrize("stream", [True, False])
def test_long_silence_has_signs_of_life(two: tuple[Upstream, Upstream], stream: bool) -> None:
    with _site(two[0].url, DEMO_HEARTBEAT="1", DEMO_DEADLINE="3") as site:
        ollama = _ask(site, "silent", stream=stream)
        messages = [{"role": "user", "content": "silent"}]
        body = {"model": MODEL, "messages": messages, "stream": stream}
        openai = httpx2.post(f"{site.url}/v1/chat/completions", json=body, timeout=60)
    assert ollama.text.startswith(" ")
    assert "longer than the 3 s" in ollama.json()["error"]
    assert openai.text.startswith(": \n\n" if stream else " ")
    told = json.loads(openai.text.rpartition("data: ")[2] if stream else openai.text)
    assert told["error"]["type"] == "timeout_error"


def test_keys_go_to_their_upstream_and_nothing_else_does(two: tuple[Upstream, Upstream]) -> None:
    first, _ = two
    upstream = {
        "url": first.url,
        "kind": "ollama",
        "models": {MODEL: "real:7b"},
        "key": "secret-key",
    }
    sent = {"Authorization": "Bearer visitor", "Cookie": "a=b", "X-Evil": "1"}
    hidden = {"keep_alive": 0, "api_base": "http://127.0.0.1:1", "options": {"num_gpu": 0, "x": 1}}
    with LiveSite(**{**OPEN, "DEMO_UPSTREAMS": json.dumps([{**upstream, "context": 512}])}) as site:
        body = {"model": MODEL, "prompt": "Hi", "stream": False, **hidden}
        answer = httpx2.post(f"{site.url}/api/generate", json=body, headers=sent, timeout=60)
    assert answer.json()["model"] == MODEL
    asked = next(item for item in first.requests if item.path == "/api/generate")
    assert asked.headers["authorization"] == "Bearer secret-key"
    assert not {"cookie", "x-evil"} & asked.headers.keys()
    assert asked.body == {
        "model": "real:7b",
        "prompt": "Hi",
        "options": {"num_predict": 1024, "num_ctx": 512},
        "stream": False,
    }
