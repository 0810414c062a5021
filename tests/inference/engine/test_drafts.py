"""Drafts from the text itself: with every number of slots, and never with false probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine import drafts
from tests.inference import endpoint as endpoints

SLOTS = 16
# What a tiny model says is soon in circles.
LONG = {"prompt": "Hi", "n_predict": 400, "temperature": 0, "ignore_eos": True}
CHAT = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def drafting(
    models: Path, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A runtime that drafts, with as many slots as one on a card has by itself."""
    flags = [
        *("--model", str(models / "tiny.gguf"), "--speculative", "ngram"),
        *("--slots", str(SLOTS), "--context-length", "512"),
    ]
    environ = {"ENGINE_BINARY": str(endpoints.binary_of(provider) or "")}
    folder = tmp_path_factory.mktemp("drafting")
    with endpoints.running(folder, *flags, environ=environ) as running, running.client() as client:
        yield client


def _said(http: httpx.Client, **changed: Any) -> dict[str, Any]:
    answer = http.post("/completion", json={**LONG, **changed}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_works(drafting: httpx.Client, http: httpx.Client) -> None:
    """The same words, some of them drafted."""
    plain, drafted = _said(http), _said(drafting)
    assert "draft_n" not in plain["timings"]
    assert drafted["timings"]["draft_n_accepted"] > drafts.LONGEST
    assert drafted["content"] == plain["content"]


def test_all_slots_may_draft_at_once(drafting: httpx.Client) -> None:
    with ThreadPoolExecutor(SLOTS) as pool:
        found = list(pool.map(lambda seed: _said(drafting, seed=seed), range(SLOTS)))
    assert all(answer["timings"]["draft_n"] for answer in found)
    assert len({answer["content"] for answer in found}) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completion", {"prompt": "Hi", "n_probs": 1}),
        ("/v1/completions", {"prompt": "Hi", "logprobs": 1}),
        ("/v1/completions", {"prompt": "Hi", "logprobs": 1, "max_tokens": 3}),
        ("/v1/chat/completions", {"messages": CHAT, "logprobs": True, "stream": True}),
        ("/api/generate", {"prompt": "Hi", "logprobs": True}),
        ("/api/chat", {"messages": CHAT, "logprobs": True}),
    ],
)
def test_probabilities_are_refused(drafting: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = drafting.post(path, json={"model": "tiny", **body})
    assert answer.status_code == 400
    assert "drafts tokens (SPECULATIVE=ngram), and llama.cpp tells no probab" in answer.text
    assert "ask for 2 tokens at most" in answer.text


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_probabilities_of_what_is_too_short_to_draft_are_told(
    drafting: httpx.Client, limit: str
) -> None:
    body = {"messages": CHAT, "logprobs": True, "top_logprobs": 2, limit: 2}
    answer = drafting.post("/v1/chat/completions", json=body)
    told = answer.json()["choices"][0]["logprobs"]["content"]
    assert [len(entry["top_logprobs"]) for entry in told] == [2] * len(told)
    assert told


def test_an_empty_step_leaves_room_for_none() -> None:
    assert drafts.length(slots=4, step=512) == drafts.LONGEST
    assert drafts.length(slots=16, step=512) == 31
    assert drafts.length(slots=16, step=16) == 0


@given(st.integers(1, 1024), st.integers(1, 8192))
def test_all_go_into_one_step(slots: int, step: int) -> None:
    length = drafts.length(slots, step)
    assert length == drafts.LONGEST or slots * (2 + length) > step
    assert length <= 0 or slots * (1 + length) <= step
