"""Streams that are handed on: the same bytes, however they were cut."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard.demo.errors import UpstreamFailed
from wizard.demo.passing import Events, Ndjson, Renamer, Stream

RENAME = Renamer("real:7b", "alias")
HOSTILE = 'say "model":"real:7b" and "done":true and data: [DONE]\n\n"usage":{'


def _lines(model: str) -> bytes:
    head = {"model": model, "created_at": "x"}
    parts = [
        {**head, "response": "Hi", "done": False},
        {**head, "response": HOSTILE, "done": False},
        {**head, "response": "", "done": True, "prompt_eval_count": 4, "eval_count": 2},
    ]
    return b"".join(orjson.dumps(part) + b"\n" for part in parts)


def _events(model: str, *, usage: bool) -> bytes:
    head = {"id": "1", "model": model}
    parts: list[dict[str, Any]] = [
        {**head, "choices": [{"delta": {"content": "Hi"}}]},
        {**head, "choices": [{"delta": {"content": HOSTILE}}]},
        {**head, "choices": [{"delta": {}, "finish_reason": "stop"}]},
    ]
    if usage:
        counted = {"prompt_tokens": 4, "completion_tokens": 2}
        parts.append({**head, "choices": [], "usage": counted})
    return (
        b"".join(b"data: " + orjson.dumps(part) + b"\n\n" for part in parts) + b"data: [DONE]\n\n"
    )


def _passed(stream: Stream, data: bytes, cuts: list[int]) -> bytes:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    return b"".join(stream.feed(piece) for piece in pieces if piece) + stream.close()


@given(st.lists(st.integers(0, 2000), max_size=12))
def test_it_works(cuts: list[int]) -> None:
    lines = Ndjson(RENAME)
    assert _passed(lines, _lines("real:7b"), cuts) == _lines("alias")
    assert lines.tokens == 6


def test_a_failure_is_handed_on_once_something_was_said() -> None:
    """Alone at the beginning it is raised, so that another upstream can be asked."""
    word, failure = b'{"model":"m","response":"Hi"}\n', b'{"error":"out of luck"}\n'
    assert Ndjson(Renamer("m", "m")).feed(word + failure) == word + failure
    with pytest.raises(UpstreamFailed, match="out of luck"):
        Ndjson(Renamer("m", "m")).feed(failure)
    word, failure = b'data: {"choices":[]}\n\n', b'data: {"error":{"message":"out of luck"}}\n\n'
    events = Events(Renamer("m", "m"), tells_usage=False)
    assert events.feed(word + failure) == word + failure
    with pytest.raises(UpstreamFailed, match="out of luck"):
        Events(Renamer("m", "m"), tells_usage=False).feed(failure)


@given(st.lists(st.integers(0, 2000), max_size=12), st.booleans())
def test_events_keep_or_lose_their_usage(cuts: list[int], wanted: bool) -> None:
    events = Events(RENAME, tells_usage=wanted)
    passed = _passed(events, _events("real:7b", usage=True), cuts)
    assert passed == _events("alias", usage=wanted)
    assert events.tokens == 6


@given(st.integers(0, 2000))
def test_a_stream_that_ends_early_is_a_failure(kept: int) -> None:
    whole = _lines("m")
    lines = Ndjson(RENAME)
    lines.feed(whole[: kept % (len(whole) - 1)])
    with pytest.raises(UpstreamFailed, match="in the middle"):
        lines.close()


def test_events_without_their_mark_are_a_failure() -> None:
    events = Events(RENAME, tells_usage=False)
    events.feed(_events("m", usage=False).removesuffix(b"data: [DONE]\n\n"))
    with pytest.raises(UpstreamFailed, match="in the middle"):
        events.close()


def test_a_line_without_an_end_is_refused() -> None:
    lines = Ndjson(RENAME)
    with pytest.raises(UpstreamFailed, match="without an end"):
        for _ in range(100):
            lines.feed(b"x" * (1 << 20))
