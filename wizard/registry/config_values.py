"""Values out of a config.json, which a stranger wrote: what makes no sense is not told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MAX_VALUE = 1 << 30


def whole(config: object, key: str) -> int:
    """A whole number from 0 to MAX_VALUE; 0 where ``config`` tells none."""
    value = config.get(key) if isinstance(config, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_VALUE:
        return 0
    return value


def first(config: object, keys: Iterable[str]) -> int:
    """The first number above 0 that one of the keys tells; 0 where none does."""
    return next((value for key in keys if (value := whole(config, key))), 0)


def layers_named(config: Mapping[str, object], key: str) -> frozenset[int] | None:
    """The layers that a list names; None without a list.

    A set, as a config of 4 MiB can list two million, which would be gone through
    for each layer.
    """
    told = config.get(key)
    if not isinstance(told, list):
        return None
    return frozenset(layer for layer in told if isinstance(layer, int))
