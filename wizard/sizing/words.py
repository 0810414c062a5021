"""Sizes and counts as people write them, for formulas in words."""

from __future__ import annotations

_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def size(count: int) -> str:
    """Bytes in decimal units, as ``4.92 GB``: three figures are enough to compare."""
    for unit, factor in _UNITS:
        if count >= factor:
            value = count / factor
            digits = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:,.{digits}f} {unit}"
    return f"{count} bytes"


def plural(count: int, noun: str) -> str:
    """``1 layer``, ``32 layers``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
