"""Streams handed on in the dialect that they came in, with as little done as can be.

The bytes stay as they are, but for the model's name, which visitors know by
its alias. A whole line is looked at only where it may be the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from wizard.demo.errors import UpstreamFailed

DIED = "the model's server ended in the middle of its answer"
FAILED = "the model's server failed in the middle of its answer"
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
        self._is_done = False

    def feed(self, data: bytes) -> bytes:
        lines = self._lines.feed(data)
        if b'"done":true' in lines or b'"error"' in lines:
            self._look(lines)
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
            # The upstream has told the failure itself; it is handed on as it is.
            self._is_done = True


class Events:
    """OpenAI's events. Usage is always asked for, and told only to who wanted it."""

    def __init__(self, rename: Renamer, *, tells_usage: bool) -> None:
        self.tokens = 0
        self._rename = rename
        self._tells_usage = tells_usage
        self._lines = Lines()
        self._is_done = False

    def feed(self, data: bytes) -> bytes:
        lines = self._lines.feed(data)
        if b'"usage":{' in lines or b'"usage": {' in lines:
            lines = self._without_usage(lines)
        if b"data: [DONE]" in lines or b'data: {"error"' in lines:
            self._is_done = True
        return self._rename(lines)

    def close(self) -> bytes:
        if not self._is_done:
            raise UpstreamFailed(DIED)
        return b""

    def _without_usage(self, lines: bytes) -> bytes:
        return b"".join(event for event in _events(lines) if self._keeps(event))

    def _keeps(self, event: bytes) -> bool:
        found = parsed(event.strip().removeprefix(b"data:"))
        usage = found.get("usage")
        if not isinstance(usage, dict):
            return True
        self.tokens = count(usage, "prompt_tokens") + count(usage, "completion_tokens")
        return self._tells_usage or bool(found.get("choices"))


def parsed(line: bytes) -> dict[str, Any]:
    """A line's JSON object; empty where it is none."""
    try:
        found = orjson.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def count(document: Mapping[str, Any], key: str) -> int:
    """A number of tokens; 0 where it is missing or no number."""
    value = document.get(key)
    return value if type(value) is int and value >= 0 else 0


def _events(lines: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in lines.split(b"\n\n") if event.strip()]
