"""Values of a document that a stranger's tool wrote: numbers as texts, lists as excerpts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# More layers than any model may have.
_LONGEST = 2048
_VALUES = ("value", "values", "array", "data")
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?(e[+-]?\d{1,3})?\Z", re.IGNORECASE)
# Thousands apart, as people write them.
_GROUPED = re.compile(r"\d{1,3}([,_ \u00a0\u202f]\d{3})+\Z")
# How llama.cpp's log tells a list: ``arr[i32,48] = [8, 8, 8, 8, 8, 1, 8, 8, 8, 8, 8, 1, ...``.
_LISTED = re.compile(r"arr\[\w+,\s*\d{1,12}\](\s*=\s*)?")
_LIST = re.compile(r"[\[(]([^\[\]()]{0,100000})[\])]\Z")
_CUT = re.compile(r"[\[(]([^\[\]()]{0,100000}),[^,\[\]()]{0,40}(?:\.\.\.|…)\Z")
_REST = frozenset({"...", "…", "<...>"})


def first(found: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of these names that has one."""
    return next((found[name] for name in names if found.get(name) is not None), None)


def unwrapped(value: Any) -> Any:
    """The value itself, where an object tells its type beside."""
    if not isinstance(value, dict):
        return value
    return next((value[name] for name in _VALUES if value.get(name) is not None), value)


def integral(value: Any) -> int | None:
    """A whole number, also one that is written as a text or with a point; None for all else."""
    found = number(value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if found == found // 1 else None


def number(text: str) -> int | float | bool | str:
    """The number or truth that a text spells, else the text."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _GROUPED.match(text):
        return int(re.sub(r"\D", "", text))
    if not _NUMBER.match(text):
        return text
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def listed(value: Any) -> Any:
    """A list that is written as a text, and the whole one for an excerpt that goes on alike.

    ``[8, 8, …]`` means 8 in every layer, ``[8, 8, 1, 8, 8, 1, …]`` repeats itself; an
    excerpt of others is left as it is.
    """
    items = _items(value)
    if items is None:
        return value
    told = [item for item in items if not _is_rest(item)]
    if len(told) == len(items):
        return items if isinstance(value, str) and _are_numbers(items) else value
    if len(told) > _LONGEST:
        return value
    period = _period([number(str(item)) for item in told])
    if period == 1:
        return told[0]
    return told[:period] * (_LONGEST // period) + told[:period] if period else value


def is_excerpt(value: Any) -> bool:
    """Whether a list, or a text that spells one, leaves values out."""
    items = _items(value)
    is_listed = isinstance(value, str) and bool(_LISTED.match(value))
    return is_listed if items is None else any(_is_rest(item) for item in items)


def _items(value: Any) -> list[Any] | None:
    """The items of a list or of a text that spells one; None for what is neither."""
    if isinstance(value, list) or not isinstance(value, str):
        return value if isinstance(value, list) else None
    text = _LISTED.sub("", value.strip(), count=1)
    whole = _LIST.match(text)
    found = whole or _CUT.match(text)
    if not found:
        return None
    items: list[Any] = [part.strip() for part in found[1].split(",") if part.strip()]
    return items if whole else [*items, "..."]


def _is_rest(item: Any) -> bool:
    return isinstance(item, str) and item.strip() in _REST


def _period(told: list[Any]) -> int:
    """After how many values they start again: seen twice, or layers that slide and one not."""
    count = len(told)
    for length in range(1, count + 1):
        repeats = all(told[i] == told[i % length] for i in range(count))
        is_sliding = length > 1 and told[:length] == [True] * (length - 1) + [False]
        is_seen = length == 1 or 2 * length <= count
        if repeats and (is_seen or (is_sliding and isinstance(told[0], bool))):
            return length
    return 0


def _are_numbers(items: list[Any]) -> bool:
    return bool(items) and all(not isinstance(number(str(item)), str) for item in items)
