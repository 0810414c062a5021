"""Values of a document that a stranger's tool wrote: numbers as texts, lists as excerpts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_VALUES = ("value", "values", "array", "data")
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?(e[+-]?\d{1,3})?\Z", re.IGNORECASE)
# Thousands apart, as people write them.
_GROUPED = re.compile(r"\d{1,3}([,_ \u00a0\u202f]\d{3})+\Z")
_LIST = re.compile(r"[\[(]([^\[\]()]{0,100000})[\])]\Z")
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
    """A list that is written as a text, and one number for an excerpt of equal ones.

    ``[8, 8, …]`` means 8 in every layer; an excerpt of others is left as it is.
    """
    if isinstance(value, str) and (inner := _LIST.match(value.strip())):
        items: list[Any] = [part.strip() for part in inner[1].split(",") if part.strip()]
    elif isinstance(value, list):
        items = value
    else:
        return value
    told = [item for item in items if not (isinstance(item, str) and item.strip() in _REST)]
    if len(told) == len(items):
        return items if isinstance(value, str) and _are_numbers(items) else value
    is_equal = bool(told) and all(item == told[0] for item in told)
    return told[0] if is_equal else value


def _are_numbers(items: list[Any]) -> bool:
    return bool(items) and all(not isinstance(number(str(item)), str) for item in items)
