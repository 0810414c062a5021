"""Typed values out of a GGUF header's keys, which may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wizard.registry.errors import UnreadableHeader

Scalar = int | float | bool | str
Value = Scalar | tuple[Scalar, ...]

MAX_VALUE = 1 << 40


@dataclass(frozen=True)
class KeyReader:
    """Reads the keys below an architecture's ``name``.

    Each method raises UnreadableHeader where a value makes no sense.
    """

    name: str
    keys: Mapping[str, Value]

    def number(self, key: str, default: int = 0) -> int:
        """A whole number; the largest of an array."""
        value = self.keys.get(f"{self.name}.{key}", default)
        items = value if isinstance(value, tuple) else (value,)
        return max((self.whole(key, item) for item in items), default=default)

    def whole(self, key: str, value: Scalar) -> int:
        """A value as a whole number, from 0 to MAX_VALUE."""
        if isinstance(value, str | bool) or not 0 <= value <= MAX_VALUE or value != int(value):
            raise self.nonsense(key)
        return int(value)

    def flags(self, key: str, layers: int) -> tuple[bool, ...] | None:
        """A flag for each layer, repeated where the array is shorter; None where absent."""
        value = self.keys.get(f"{self.name}.{key}")
        if value is None:
            return None
        items = value if isinstance(value, tuple) else (value,)
        if not items:
            raise self.nonsense(key)
        return tuple(bool(items[layer % len(items)]) for layer in range(layers))

    def nonsense(self, key: str) -> UnreadableHeader:
        return UnreadableHeader(f"This file's header has no sane value for {self.name}.{key}.")
