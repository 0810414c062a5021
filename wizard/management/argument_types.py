"""What the values of a command's options are read with; each raises ArgumentTypeError."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

from wizard.sizing.values import KvType

LARGEST_COUNT = 1 << 26


def up_to(most: int) -> Callable[[str], int]:
    """What reads a whole number from 1 to ``most``."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = 0
        if not 0 < number <= most:
            raise ArgumentTypeError(f"{text[:40]!r} is no whole number from 1 to {most:,}")
        return number

    return read


def layers(text: str) -> int | None:
    """A number of layers; None for all, which llama.cpp's own words mean on a card with room."""
    if text in ("all", "auto", "-1", "-2"):
        return None
    if not text.isdecimal() or int(text) > LARGEST_COUNT:
        raise ArgumentTypeError(f"{text[:40]!r} is neither a number of layers nor “all”")
    return int(text)


def context(text: str) -> int:
    """Tokens; 0 for as many as the model was trained for, as llama.cpp means it."""
    return 0 if text == "0" else up_to(LARGEST_COUNT)(text)


def kv_types(text: str) -> tuple[KvType, KvType]:
    """Types of keys and of values: one for both, or two with a slash between."""
    keys, slash, values = text.partition("/")
    try:
        return KvType(keys), KvType(values if slash else keys)
    except ValueError as error:
        names = ", ".join(kind.value for kind in KvType)
        raise ArgumentTypeError(
            f"{text[:40]!r} is no type of a KV cache: choose of {names}, "
            "or two for keys and values, such as q8_0/q4_0"
        ) from error
