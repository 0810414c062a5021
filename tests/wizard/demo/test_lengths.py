"""OpenAI's newest models want the longest answer under another name, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import QUESTION, demo_site

CHAT = "/v1/chat/completions"


@pytest.fixture
def newest() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.is_newest = True
        yield upstream


def ask(site: LiveSite, kind: str = "openai", path: str = CHAT, **more: Any) -> httpx2.Response:
    body = {"model": f"on-{kind}", "messages": QUESTION, "stream": False, **more}
    return httpx2.post(f"{site.url}{path}", json=body, timeout=60)


def names(upstream: Upstream) -> list[str]:
    """Under which name each request said how long the answer may be."""
    return [key for body in upstream.asked(CHAT) for key in body if key.startswith("max_")]


def test_it_works(newest: Upstream) -> None:
    """The refusal is seen by nobody, and only the first request meets it."""
    with demo_site({"openai": newest}) as site:
        answers = [ask(site, max_tokens=7) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert names(newest) == ["max_tokens", *["max_completion_tokens"] * 3]
    assert newest.asked(CHAT)[-1]["max_completion_tokens"] == 7


@pytest.mark.parametrize("stream", [True, False])
def test_ollamas_clients_reach_them_too(newest: Upstream, stream: bool) -> None:
    with demo_site({"openai": newest}) as site:
        answer = ask(site, path="/api/chat", stream=stream, options={"num_predict": 9})
    assert answer.status_code == 200
    assert "said: " in answer.text
    assert newest.asked(CHAT)[-1]["max_completion_tokens"] == 9


def test_others_keep_the_old_name(newest: Upstream) -> None:
    newest.is_newest = False
    with demo_site({"openai": newest}) as site:
        assert ask(site).status_code == 200
    assert names(newest) == ["max_tokens"]


def test_another_refusal_is_told(newest: Upstream) -> None:
    newest.is_newest = False
    messages = [{"role": "user", "content": "refuse"}]
    with demo_site({"openai": newest}) as site:
        answer = ask(site, messages=messages)
    assert answer.status_code == 400
    assert len(names(newest)) == 1


def test_a_kind_that_has_no_such_models_is_believed(newest: Upstream) -> None:
    with demo_site({"vllm": newest}) as site:
        answer = ask(site, "vllm")
    assert answer.status_code == 400
    assert "max_completion_tokens" in answer.json()["error"]["message"]
    assert names(newest) == ["max_tokens"]
