"""A pasted SDL: its text to a document, read the way that Akash reads it.

The chain's reader is YAML 1.2's (``off`` is a text, ``0o17`` a number), PyYAML's
is 1.1's, so that values are resolved here, from PyYAML's events. Nothing is
built but mappings, lists and scalars; anchors and tags are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from wizard.sdl import rules
from wizard.sdl.rules.report import shown
from wizard.sdl.values import Problem

MAX_BYTES = 65_536
MAX_DEPTH = 30
MAX_NODES = 10_000

# https://yaml.org/spec/1.2.2/#103-core-schema
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_TRUE = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE = re.compile(r"(?:false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]{1,30}\Z", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]{1,30}\Z", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]{1,30}\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")

# Plain words that readers of YAML 1.1 and 1.2 take for different things.
_AMBIGUOUS = re.compile(
    r"(?:[yYnN]|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF"
    r"|0[0-7]+|0o[0-7]+|0b[01]+"
    r"|[-+]?[0-9][0-9,]*_[0-9_]*|[0-9]+[eE][0-9]+"
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|=|<<)\Z",
    re.ASCII | re.DOTALL,
)


def _line(event: Event) -> str:
    return f"line {event.start_mark.line + 1}" if event.start_mark else ""


class _Refused(Exception):
    """The text cannot be read further."""

    def __init__(self, event: Event, rule: str, sentence: str, fix: str) -> None:
        super().__init__(sentence)
        self.problem = Problem(_line(event), sentence, fix, rule)


def _scalar(text: str) -> object:  # noqa: PLR0911 - one return for each type of the schema
    """A plain scalar by YAML 1.2's core schema."""
    if _NULL.match(text):
        return None
    if _TRUE.match(text):
        return True
    if _FALSE.match(text):
        return False
    if _INT.match(text):
        return int(text)
    if _OCTAL.match(text) or _HEX.match(text):
        return int(text, 0)
    if _FLOAT.match(text) or _SPECIAL.match(text):
        return float(text.replace(".", "", 1) if _SPECIAL.match(text) else text)
    return text


class _Reader:
    """Builds one document of events, within bounds."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._nodes = 0
        self.problems: list[Problem] = []

    def document(self) -> object:
        """The only document of the stream; None for an empty one."""
        value, documents = None, 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
            elif isinstance(event, StreamEndEvent):
                break
            elif isinstance(event, NodeEvent):
                value = self._value(event, 0)
            if documents > 1:
                raise _Refused(
                    event, "one-document", "There is more than one document.", "Remove the “---”."
                )
        return value

    def _value(self, event: Event, depth: int) -> object:
        self._check(event, depth)
        if isinstance(event, MappingStartEvent):
            return self._mapping(depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(depth)
        if not isinstance(event, ScalarEvent):
            raise _Refused(event, "yaml", "A value is missing here.", "Write it after the colon.")
        if event.style is not None:
            return event.value
        self._warn(event)
        return _scalar(event.value)

    def _mapping(self, depth: int) -> dict[object, object]:
        found: dict[object, object] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                raise _Refused(event, "yaml-key", "A key has to be a name.", "Write name: value.")
            key = self._value(event, depth + 1)
            value = self._value(next(self._events), depth + 1)
            if key in found:
                self.problems.append(
                    Problem(
                        _line(event),
                        f"The key {shown(key)} is here for the second time.",
                        "Keep one of them.",
                        "duplicate-key",
                    )
                )
            found[key] = value
        return found

    def _sequence(self, depth: int) -> list[object]:
        found: list[object] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            found.append(self._value(event, depth + 1))
        return found

    def _check(self, event: Event, depth: int) -> None:
        self._nodes += 1
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(
                event,
                "anchor",
                "Anchors (&name) and aliases (*name) are not read here.",
                "Write the value out.",
            )
        if getattr(event, "tag", None):
            raise _Refused(event, "tag", "Tags (!name) are not read here.", "Remove the tag.")
        if depth > MAX_DEPTH:
            raise _Refused(event, "depth", "This is nested too deeply for an SDL.", "Flatten it.")
        if self._nodes > MAX_NODES:
            raise _Refused(event, "nodes", "This is too much for an SDL.", "Shorten it.")

    def _warn(self, event: ScalarEvent) -> None:
        if not _AMBIGUOUS.match(event.value):
            return
        self.problems.append(
            Problem(
                _line(event),
                f"Readers of YAML disagree about what {shown(event.value)} is.",
                f'Put it in double quotes where a text is meant: "{shown(event.value)}".',
                "yaml-version",
                is_error=False,
            )
        )


def _from_yaml_error(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", "") or "a character that YAML does not allow"
    return Problem(
        f"line {mark.line + 1}" if mark else "",
        f"This is not YAML: {shown(what)}.",
        "Check the indentation, the quotes and the “- ” of lists around this line.",
        "yaml",
    )


def _too_large(text: str) -> Problem | None:
    if len(text) <= MAX_BYTES and len(text.encode(errors="replace")) <= MAX_BYTES:
        return None
    return Problem(
        "",
        f"This is larger than {MAX_BYTES // 1024} KiB, which Akash Console refuses too.",
        "Move long texts out of the file, into the image or the volume.",
        "size",
    )


def read(text: str) -> tuple[object | None, list[Problem]]:
    """The document and what was wrong with the text; None where it cannot be read."""
    if problem := _too_large(text):
        return None, [problem]
    reader: _Reader | None = None
    try:
        # The scanner starts at once and refuses characters: inside the try.
        reader = _Reader(iter(yaml.parse(text, Loader=yaml.SafeLoader)))
        document = reader.document()
    except _Refused as refused:
        return None, [*(reader.problems if reader else ()), refused.problem]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if not isinstance(error, yaml.YAMLError):
            error = yaml.YAMLError()
        return None, [_from_yaml_error(error)]
    return document, reader.problems


def check_text(text: str) -> tuple[object | None, list[Problem]]:
    """A pasted SDL's document and every problem with it, errors first.

    The document is None where the text could not be read.
    """
    document, problems = read(text)
    if document is None and problems:
        return None, problems
    found = [*problems, *rules.check(document)]
    return document, sorted(found, key=lambda problem: not problem.is_error)
