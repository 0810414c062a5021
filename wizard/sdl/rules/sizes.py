"""Sizes as an SDL writes them (chain-sdk ``go/sdl/units.go``)."""

from __future__ import annotations

import re

KI, MI, GI, TI = 1 << 10, 1 << 20, 1 << 30, 1 << 40
SUFFIXES = {
    "": 1,
    "k": 10**3,
    "Ki": KI,
    "M": 10**6,
    "Mi": MI,
    "G": 10**9,
    "Gi": GI,
    "T": 10**12,
    "Ti": TI,
    "P": 10**15,
    "Pi": 1 << 50,
    "E": 10**18,
    "Ei": 1 << 60,
}
_SIZE = re.compile(r"(\d{1,20}(?:\.\d{1,9})?)([A-Za-z]{0,4})\Z", re.ASCII)


def parse(text: str) -> int | None:
    """Bytes of a size such as ``16Gi``, or None for what is no size."""
    match = _SIZE.match(text)
    if not match or match[2] not in SUFFIXES:
        return None
    return int(float(match[1]) * SUFFIXES[match[2]])


def suggestion(text: str) -> str:
    """What was probably meant: ``40GB`` → ``40Gi``; empty where that is unclear."""
    match = _SIZE.match(text.replace(" ", ""))
    if not match or not match[2]:
        return ""
    letter = match[2][0].upper()
    return f"{match[1]}{letter}i" if letter in "KMGTPE" else ""
