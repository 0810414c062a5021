"""What would take everybody's time or memory is refused, or brought down to what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.engine import bounds
from inference.engine.bounds import TooMuch
from tests.inference.endpoint import Endpoint

LARGEST = 2**31 - 1
PATH = "/completion"


def _called(arguments: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "tool_calls": [{"function": {"arguments": arguments}}]}]


def test_it_works(endpoint: Endpoint, http: httpx.Client) -> None:
    back = {"repeat_last_n": LARGEST, "dry_penalty_last_n": LARGEST, "dry_multiplier": 1}
    asked = {"model": "tiny", "prompt": "Hi", "stream": False}
    answer = http.post("/completion", json={**asked, **back, "n_predict": 2})
    assert answer.status_code == 200, answer.text
    answer = http.post("/api/generate", json={**asked, "options": {**back, "num_predict": 2}})
    assert answer.status_code == 200, answer.text
    assert max(map(_peak, endpoint.children())) < 1 << 30


def _peak(pid: int) -> int:
    """Bytes of memory that a process has had at most."""
    told = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) * 1024


@pytest.mark.parametrize(
    "asked",
    [
        {"stop": ["x"] * 300},
        {"stop_sequences": ["x"] * 300},
        {"logit_bias": [[1, 1]] * 60_000},
        {"logit_bias": {str(token): 1 for token in range(60_000)}},
        {"samplers": "k" * 100},
        {"dry_sequence_breakers": ["x"] * 100},
        {"prompt": ["Hi"] * 300},
        {"n_probs": 10**9},
        {"logprobs": 10**9},
        {"messages": _called("[" * 60_000)},
        {"input": [{"type": "function_call", "arguments": "{" * 60_000}]},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_is_too_much(asked: dict[str, Any]) -> None:
    with pytest.raises(TooMuch):
        bounds.bounded(PATH, asked, 2048)


@pytest.mark.parametrize(
    "asked",
    [
        {"stop": "x" * 300, "logprobs": True, "n_probs": "many", "repeat_last_n": -1},
        {"prompt": [1] * 2000, "dry_penalty_last_n": 64},
        {"messages": [1, {"tool_calls": [2, {"function": 3}]}, *_called("{}")], "input": "text"},
    ],
)
def test_what_is_handed_on_as_it_is(asked: dict[str, Any]) -> None:
    assert bounds.bounded(PATH, asked, 2048) == asked


def test_repetitions_are_looked_for_in_the_context() -> None:
    assert bounds.bounded(PATH, {"repeat_last_n": LARGEST}, 2048) == {"repeat_last_n": 2048}


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embedding", "/v1/rerank"])
@pytest.mark.parametrize("key", ["input", "content", "documents", "texts"])
def test_texts_to_embed_and_to_rank(path: str, key: str) -> None:
    assert bounds.bounded(path, {key: ["x"] * 2048}, 2048)
    assert bounds.bounded(path, {key: [1] * 3000}, 2048)
    with pytest.raises(TooMuch, match=key):
        bounds.bounded(path, {key: ["x"] * 3000}, 2048)
