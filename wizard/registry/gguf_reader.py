"""Reads values and tensors out of a GGUF header's bytes, trusting none of them.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Every count and
length is checked against the bytes that are there: nothing is allocated because a
file claims it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from wizard.registry import gguf_tensors
from wizard.registry.errors import UnreadableHeader
from wizard.registry.gguf_keys import Scalar, Value

MAX_HEADER = 32 << 20
MAX_KEY_LENGTH = (1 << 16) - 1
MAX_KEPT_STRING = 1 << 18
MAX_KEPT_ARRAY = 4096
MAX_DIMENSIONS = 4
MAX_NESTING = 2
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_BOOL = 7
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
START = struct.Struct("<4sIQQ")


class NeedMoreBytes(Exception):
    """The header goes on after the given bytes; ``minimum`` bytes are needed at least."""

    def __init__(self, minimum: int) -> None:
        super().__init__(f"at least {minimum} bytes of the file are needed")
        self.minimum = minimum


@dataclass
class Reader:
    """Where the reading is, and the keys that were read.

    ``keys`` has scalars and short arrays of numbers, ``array_lengths`` how long each array is.
    """

    data: bytes
    position: int = 0
    keys: dict[str, Value] = field(default_factory=dict)
    array_lengths: dict[str, int] = field(default_factory=dict)

    def need(self, count: int) -> int:
        """The position of the next ``count`` bytes, and step over them."""
        start, stop = self.position, self.position + count
        if stop > MAX_HEADER:
            raise UnreadableHeader(
                f"This file claims a header of over {MAX_HEADER >> 20} MiB, which no model has."
            )
        if stop > len(self.data):
            raise NeedMoreBytes(stop)
        self.position = stop
        return start

    def u32(self) -> int:
        return int(_U32.unpack_from(self.data, self.need(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack_from(self.data, self.need(8))[0])

    def text(self, limit: int) -> str:
        length = self.u64()
        if length > limit:
            raise UnreadableHeader(
                f"This file claims a name of {length} bytes, which no model has."
            )
        start = self.need(length)
        return self.data[start : start + length].decode("utf-8", "replace")

    def scalar(self, kind: int) -> Scalar:
        layout = _SCALARS.get(kind)
        if layout is None:
            raise UnreadableHeader(f"This file has a value of the unknown type {kind}.")
        value = layout.unpack_from(self.data, self.need(layout.size))[0]
        return bool(value) if kind == _BOOL else value

    def string(self) -> str:
        """A string value; one too long to be kept is stepped over."""
        length = self.u64()
        start = self.need(length)
        return self.data[start : start + min(length, MAX_KEPT_STRING)].decode("utf-8", "replace")

    def key(self) -> None:
        name = self.text(MAX_KEY_LENGTH)
        kind = self.u32()
        if kind == _ARRAY:
            self.array(name)
        elif kind == _STRING:
            self.keys[name] = self.string()
        else:
            self.keys[name] = self.scalar(kind)

    def array(self, name: str) -> None:
        kind, length = self.u32(), self.u64()
        self.array_lengths[name] = length
        if kind in _SCALARS and length <= MAX_KEPT_ARRAY:
            self.keys[name] = tuple(self.scalar(kind) for _ in range(length))
        else:
            self.skip_items(kind, length, 1)

    def skip_items(self, kind: int, length: int, depth: int) -> None:
        if kind in _SCALARS:
            self.need(length * _SCALARS[kind].size)
        elif kind == _STRING:
            self.skip_strings(length)
        elif kind == _ARRAY and depth < MAX_NESTING:
            self.refuse_claim(length, 12)
            for _ in range(length):
                self.skip_items(self.u32(), self.u64(), depth + 1)
        else:
            raise UnreadableHeader(f"This file has an array of the unknown type {kind}.")

    def skip_strings(self, count: int) -> None:
        self.refuse_claim(count, 8)
        data, position, end = self.data, self.position, len(self.data)
        for left in range(count, 0, -1):
            if position + 8 > end:
                raise NeedMoreBytes(min(position + left * 8, MAX_HEADER))
            position += 8 + _U64.unpack_from(data, position)[0]
        self.need(position - self.position)

    def refuse_claim(self, count: int, item_bytes: int) -> None:
        """Refuse a count whose items could not fit into any header."""
        if count * item_bytes > MAX_HEADER:
            raise UnreadableHeader(f"This file claims an array of {count} items.")

    def tensor(self) -> tuple[str, int, int]:
        """A tensor's name, bytes, and those copied on the CPU; 0 where its type is not known."""
        name = self.text(MAX_KEY_LENGTH)
        dimensions = self.u32()
        if dimensions > MAX_DIMENSIONS:
            raise UnreadableHeader(f"This file has a tensor of {dimensions} dimensions.")
        shape = [self.u64() for _ in range(dimensions)]
        kind = self.u32()
        self.u64()
        repacked = gguf_tensors.repacked_bytes(name, kind, shape)
        return name, gguf_tensors.tensor_bytes(kind, shape) or 0, repacked
