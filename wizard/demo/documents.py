"""JSON that strangers wrote, of whatever form: what is of another type than it should be is
taken for absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

# orjson reads 1,024 levels and writes 254, ours around them included:
# https://github.com/ijl/orjson#serialize
DEEPEST = 100
_DEEPEST_WRITTEN = 254
# More than twice what the longest context and the longest prompt have together. As many are read
# in a tenth of a second, and nobody else is answered meanwhile; the millions that have room in a
# body for images would take seconds.
MOST_VALUES = 1 << 18


class TooDeep(ValueError):
    """It has more levels than ``DEEPEST``."""


def read(raw: bytes) -> Any:
    """Any JSON value that can be written again. Raises ValueError, and TooDeep, which is one."""
    found = orjson.loads(raw)
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _is_too_deep(found):
        raise TooDeep(f"it is nested more than {DEEPEST} levels deep")
    return found


def values(raw: bytes) -> int:
    """How many values a JSON text may have at most, told without reading it."""
    return sum(map(raw.count, (b"[", b"{", b",")))


def text(document: Mapping[str, Any], key: str) -> str:
    """A field that is a text."""
    value = document.get(key)
    return value if isinstance(value, str) else ""


def member(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A field that is an object."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def members(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a field that is a list of them."""
    value = document.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def count(document: Mapping[str, Any], key: str) -> int:
    """A field that is a number of things."""
    value = document.get(key)
    return value if type(value) is int and value >= 0 else 0


def _is_too_deep(value: Any) -> bool:
    """Asked of the one who has to write it, which is quicker than to look."""
    for _ in range(_DEEPEST_WRITTEN - DEEPEST):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False
