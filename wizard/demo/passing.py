"""Streams handed on in the dialect that they came in, with as little done as can be.

The bytes stay as they are, but for the model's name, which visitors know by
its alias. A whole line is looked at only where it may be the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from wizard.demo import documents
from wizard.demo.documents import count
from wizard.demo.errors import UpstreamFailed

DIED = "the model's server ended in the middle of its answer"
FAILED = "the model's server failed in the middle of its answer"
_LAST = (b'"done":true', b'"done": true', b'"error"')
_FAILURE = b'data: {"error"'
_ENDS = (b"data: [DONE]", b"data:[DONE]", _FAILURE)
# A line that has not ended by now is no line of a model's answer.
LONGEST_LINE = 4 << 20


class Stream(Protocol):
    """An upstream's stream on its way to the client."""

    tokens: int

    def feed(self, data: bytes) -> bytes:
        """What to send on now. Raises UpstreamFailed."""

    def close(self) -> bytes:
        """What to send on at the end. Raises UpstreamFailed where the end is missing."""


class Renamer:
    """Puts the alias in the place of the upstream's name.

    Only a JSON key and value can look like this: a quote inside a JSON text is
    preceded by a backslash.
    """

    def __init__(self, model: str, alias: str) -> None:
        found, told = orjson.dumps(model), orjson.dumps(alias)
        self._pairs = (
            [(b'"model":' + found, b'"model":' + told), (b'"model": ' + found, b'"model": ' + told)]
            if found != told
            else []
        )

    def __call__(self, lines: bytes) -> bytes:
        for found, told in self._pairs:
            lines = lines.replace(found, told)
        return lines


class Lines:
    """Whole lines out of chunks; what is not whole yet waits."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        if not self._rest and data.endswith(b"\n"):
            return data
        whole, mark, rest = (self._rest + data).rpartition(b"\n")
        if len(rest) > LONGEST_LINE:
            raise UpstreamFailed("the model's server sent a line without an end")
        self._rest = rest
        return whole + mark


class Ndjson:
    """Ollama's lines. The last one says that it is, and how many tokens there were."""

    def __init__(self, rename: Renamer) -> None:
        self.tokens = 0
        self._rename = rename
        self._lines = Lines()
        self._has_begun = False
        self._is_done = False

    def feed(self, data: bytes) -> bytes:
        lines = self._lines.feed(data)
        if any(mark in lines for mark in _LAST):
            self._look(lines)
        self._has_begun = self._has_begun or bool(lines)
        return self._rename(lines)

    def close(self) -> bytes:
        if not self._is_done:
            raise UpstreamFailed(DIED)
        return b""

    def _look(self, lines: bytes) -> None:
        found = parsed(lines.rstrip(b"\n").rpartition(b"\n")[2])
        if found.get("done") is True:
            self._is_done = True
            self.tokens = count(found, "prompt_eval_count") + count(found, "eval_count")
        elif isinstance(found.get("error"), str) and "model" not in found:
            # The upstream has told the failure itself; it is handed on as it is,
            # unless nothing was said before: another upstream may do better.
            if not self._has_begun and lines.count(b"\n") == 1:
                raise failed(found)
            self._is_done = True


class Events:
    """OpenAI's events. Usage is always asked for, and told only to who wanted it."""

    def __init__(self, rename: Renamer, *, tells_usage: bool) -> None:
        self.tokens = 0
        self._rename = rename
        self._tells_usage = tells_usage
        self._skips_blank = False
        self._lines = Lines()
        self._has_begun = False
        self._is_done = False

    def feed(self, data: bytes) -> bytes:
        lines = self._lines.feed(data)
        if not self._has_begun and lines.startswith(_FAILURE):
            # As in Ndjson: vLLM says in its first event that its engine is dead.
            raise failed(parsed(lines.partition(b"\n")[0].removeprefix(b"data:")))
        self._has_begun = self._has_begun or bool(lines)
        if self._skips_blank or b'"usage":{' in lines or b'"usage": {' in lines:
            lines = self._without_usage(lines)
        if any(_begins(lines, mark) for mark in _ENDS):
            self._is_done = True
        return self._rename(lines)

    def close(self) -> bytes:
        if not self._is_done:
            raise UpstreamFailed(DIED)
        return b""

    def _without_usage(self, lines: bytes) -> bytes:
        kept = []
        for line in lines.splitlines(keepends=True):
            is_blank = self._skips_blank and not line.strip()
            self._skips_blank = line.startswith(b"data:") and not self._keeps(line)
            if not (is_blank or self._skips_blank):
                kept.append(line)
        return b"".join(kept)

    def _keeps(self, line: bytes) -> bool:
        found = parsed(line.removeprefix(b"data:"))
        usage = found.get("usage")
        if not isinstance(usage, dict):
            return True
        self.tokens = count(usage, "prompt_tokens") + count(usage, "completion_tokens")
        return self._tells_usage or bool(found.get("choices"))


def parsed(line: bytes) -> dict[str, Any]:
    """A line's JSON object; empty where it is none."""
    try:
        found = documents.read(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def failed(told: Mapping[str, Any]) -> UpstreamFailed:
    """What an upstream said of its own failure, in the middle of a stream.

    Ollama says ``{"error": text}``, OpenAI ``{"error": {"message"}}``, and older
    vLLM ``{"object": "error", "message"}``.
    """
    error = told.get("error")
    message = error.get("message") if isinstance(error, dict) else error or told.get("message")
    return UpstreamFailed(f"{FAILED}: {message}" if isinstance(message, str) else FAILED)


def _begins(lines: bytes, mark: bytes) -> bool:
    """Whether one of the lines begins with it; a text within JSON has no real line ends."""
    return lines.startswith(mark) or b"\n" + mark in lines
