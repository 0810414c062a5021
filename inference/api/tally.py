"""How many tokens an answer took, read off the engine's words while they pass.

llama-server tells it once, at the end of each answer: as ``usage``, or as
``timings`` where a stream's caller asked for no usage. Events without either are
not parsed, but counted: of a stream that is left before its end nothing else is
known, and an event is about a token. A quote within a text is escaped, so no text
looks like such a key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import orjson

from inference.metrics import Metrics

_USAGE, _TIMINGS = b'"usage":{', b'"timings":{'
_EMBEDDED = re.compile(rb'"usage":\{"prompt_tokens":(\d+)')
_EVENT, _EVENT_END = b"data: {", b"\n\n"
# Vectors are long, and nothing but their usage is of interest.
EMBEDDINGS = "/v1/embeddings"


class Tally:
    """Counts one request of llama-server's own routes, until it is closed.

    ``began`` is of the monotonic clock. ``same`` is how many answers there are to each
    prompt, which is read once.
    """

    def __init__(self, metrics: Metrics, model: str, began: float, same: int = 1) -> None:
        self._metrics = metrics
        self._model = model
        self._began = began
        self._same = same
        self._has_begun = False
        self._held: list[bytes] = []
        self._events = 0
        self._has_ended = False
        self._read = 0

    def part(self, data: bytes) -> None:
        """A part of an event stream, as it was received."""
        if not self._has_begun:
            self._has_begun = True
            self._metrics.first_token.observe(time.monotonic() - self._began)
        if self._held or not data.endswith(_EVENT_END):
            self._held.append(data)
            if not data.endswith(_EVENT_END):
                return
            data = b"".join(self._held)
            self._held.clear()
        self._events += data.count(_EVENT)
        if _USAGE in data or _TIMINGS in data:
            self._look(data)

    def whole(self, path: str, raw: bytes) -> None:
        """An answer in one piece."""
        if path == EMBEDDINGS:
            found = _EMBEDDED.search(raw)
            self._add(int(found[1]) if found else 0, 0)
        elif _USAGE in raw or _TIMINGS in raw:
            answer = orjson.loads(raw)
            for each in answer if isinstance(answer, list) else [answer]:
                self._count(each)
                self._note_first(each.get("timings") or {})

    def close(self) -> None:
        """The answer has ended, or was left before it told its tokens."""
        if not self._has_ended:
            self._metrics.count(self._model, written=self._events)

    def _look(self, data: bytes) -> None:
        for line in data.split(b"\n"):
            if line.startswith(b"data: {") and (_USAGE in line or _TIMINGS in line):
                event = orjson.loads(line[len(b"data: ") :])
                if not _is_partial(event):
                    self._count(event)

    def _count(self, told: Mapping[str, Any]) -> None:
        self._add(*_tokens(told))
        # Anthropic's stream begins with the tokens of its prompt.
        self._has_ended = self._has_ended or "message" not in told

    def _add(self, read: int, written: int) -> None:
        counted = self._read // self._same
        self._read += read
        read = self._read // self._same - counted
        self._metrics.count(self._model, read=read, written=written)

    def _note_first(self, timings: Mapping[str, Any]) -> None:
        """Of a whole answer the first token came when all others were still to be written."""
        if "predicted_ms" in timings:
            took = time.monotonic() - self._began
            self._metrics.first_token.observe(max(0.0, took - timings["predicted_ms"] / 1000))


def _is_partial(event: Mapping[str, Any]) -> bool:
    """Whether more of this answer comes: with ``timings_per_token`` each event has figures."""
    if "usage" in event:
        return False
    choices = event.get("choices") or ()
    return event.get("stop") is False or any(not each.get("finish_reason") for each in choices)


def _tokens(told: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens read, those of the cache among them, and written."""
    usage = (told.get("message") or told.get("response") or told).get("usage")
    if usage is None:
        timings = told.get("timings") or {}
        read = timings.get("cache_n", 0) + timings.get("prompt_n", 0)
        return read, timings.get("predicted_n", 0)
    read = usage.get("prompt_tokens", usage.get("input_tokens", 0))
    written = usage.get("completion_tokens", usage.get("output_tokens", 0))
    return read + usage.get("cache_read_input_tokens", 0), written
