"""A small reader of local GGUF files: facts for ``show``, and a check before loading.

Format: llama.cpp ``docs``/``ggml/docs/gguf.md``, versions 2 and 3. The file is
hostile input: every count and length is bounded by what the file can hold.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from inference.errors import UnreadableModel
from inference.gguf_types import FILE_TYPES, TENSOR_TYPES
from inference.models import MAGIC

VERSIONS = (2, 3)
MOST_KEYS = 1 << 16
MOST_TENSORS = 1 << 18
MOST_DIMENSIONS = 4
LONGEST_KEY = 1 << 16
LONGEST_STRING = 64 << 20
KEPT_ARRAY = 1024
DEEPEST_ARRAY = 3
_STRING, _ARRAY = 8, 9
_NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _NUMBERS[4], _NUMBERS[10]


@dataclass(frozen=True)
class Omitted:
    """An array that was skipped for its length."""

    length: int


@dataclass(frozen=True)
class Tensor:
    """One tensor: its shape, type, and place in the file (bytes; size None: unknown type)."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size: int | None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """Everything before the weights. ``data_offset`` and ``file_size`` are bytes."""

    version: int
    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    data_offset: int
    file_size: int

    def fact(self, key: str, default: Any = None) -> Any:
        """A value of the architecture, such as ``context_length``."""
        return self.metadata.get(f"{self.architecture}.{key}", default)

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    @property
    def parameters(self) -> int:
        """The number of parameters in this file: every tensor's elements."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def quantisation(self) -> str:
        """The file type's name (``Q4_K_M``); empty where the file does not tell a known one."""
        number = self.metadata.get("general.file_type")
        return FILE_TYPES.get(number, "") if isinstance(number, int) else ""

    @property
    def context_length(self) -> int:
        """Tokens that the model was trained for; 0 where the file does not tell."""
        value = self.fact("context_length", 0)
        return value if isinstance(value, int) else 0

    @property
    def chat_template(self) -> str:
        return str(self.metadata.get("tokenizer.chat_template", ""))

    @property
    def end(self) -> int:
        """The byte after the last tensor: a whole file is at least this long."""
        ends = (tensor.offset + (tensor.size or 0) for tensor in self.tensors)
        return self.data_offset + max(ends, default=0)


def read(path: Path, *, arrays: bool = False) -> Header:
    """Read a file's header; ``arrays`` keeps long arrays, such as the vocabulary.

    Raises UnreadableModel with a sentence.
    """
    try:
        with path.open("rb", buffering=1 << 20) as file:
            return _Reader(file, keep_all=arrays).header()
    except OSError as error:
        raise UnreadableModel(f"{path} cannot be read: {error.strerror}.") from None
    except _Broken as error:
        raise UnreadableModel(f"{path.name} is not a usable GGUF file: {error}.") from None


def check(path: Path) -> Header:
    """Read a file's header and see that all of its weights are there.

    Raises UnreadableModel: llama.cpp itself tells only that loading failed.
    """
    header = read(path)
    if header.end > header.file_size:
        missing = header.end - header.file_size
        raise UnreadableModel(
            f"{path.name} is cut short: {missing} bytes of its weights are missing.",
            next_step="Delete it and download it again.",
        )
    return header


class _Broken(ValueError):
    """The bytes do not follow the format."""


class _Reader:
    def __init__(self, file: BinaryIO, *, keep_all: bool) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._keep_all = keep_all

    def header(self) -> Header:
        if self._take(4) != MAGIC:
            raise _Broken("it does not begin with “GGUF”")
        version = self._u32()
        if version not in VERSIONS:
            raise _Broken(f"its version is {version}, and 2 and 3 can be read")
        tensors, keys = self._u64(), self._u64()
        if tensors > MOST_TENSORS or keys > MOST_KEYS:
            raise _Broken(f"it claims {tensors} tensors and {keys} keys")
        metadata = dict(self._pair() for _ in range(keys))
        found = tuple(self._tensor() for _ in range(tensors))
        return Header(version, metadata, found, self._data_offset(metadata), self._size)

    def _data_offset(self, metadata: Mapping[str, Any]) -> int:
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise _Broken("its alignment makes no sense")
        return -(-self._file.tell() // alignment) * alignment

    def _pair(self) -> tuple[str, Any]:
        key = self._string(LONGEST_KEY)
        return key, self._value(self._u32(), DEEPEST_ARRAY)

    def _value(self, kind: int, depth: int) -> Any:
        if kind == _STRING:
            return self._string(LONGEST_STRING)
        if kind == _ARRAY:
            return self._array(depth)
        number = _NUMBERS.get(kind)
        if number is None:
            raise _Broken(f"it has a value of the unknown type {kind}")
        return number.unpack(self._take(number.size))[0]

    def _array(self, depth: int) -> Any:
        kind, length = self._u32(), self._u64()
        if depth == 0 or length > self._size:
            raise _Broken("it has an array that cannot be")
        keep = self._keep_all or length <= KEPT_ARRAY
        number = _NUMBERS.get(kind)
        if number is not None:
            return self._numbers(number, length, keep=keep)
        if keep:
            return [self._value(kind, depth - 1) for _ in range(length)]
        if kind == _STRING:
            self._skip_strings(length)
            return Omitted(length)
        for _ in range(length):
            self._value(kind, depth - 1)
        return Omitted(length)

    def _numbers(self, number: struct.Struct, length: int, *, keep: bool) -> Any:
        size = number.size * length
        if not keep:
            self._skip(size)
            return Omitted(length)
        return [item[0] for item in number.iter_unpack(self._take(size))]

    def _skip_strings(self, count: int) -> None:
        """Pass over texts without a call for each: a vocabulary has hundreds of thousands."""
        read, unpack = self._file.read, _U64.unpack
        for _ in range(count):
            head = read(8)
            if len(head) != 8:
                raise _Broken("it is cut short in its header")
            (length,) = unpack(head)
            if length > LONGEST_STRING:
                raise _Broken(f"it has a text of {length} bytes")
            if len(read(length)) != length:
                raise _Broken("it is cut short in its header")

    def _tensor(self) -> Tensor:
        name, dimensions = self._string(LONGEST_KEY), self._u32()
        if dimensions > MOST_DIMENSIONS:
            raise _Broken(f"the tensor {name[:80]!r} has {dimensions} dimensions")
        shape = tuple(self._u64() for _ in range(dimensions))
        kind, offset = self._u32(), self._u64()
        known = TENSOR_TYPES.get(kind)
        if known is None:
            return Tensor(name, shape, f"type {kind}", offset, None)
        return Tensor(name, shape, known.name, offset, math.prod(shape) // known.block * known.size)

    def _string(self, longest: int) -> str:
        length = self._u64()
        if length > longest:
            raise _Broken(f"it has a text of {length} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _u32(self) -> int:
        return int(_U32.unpack(self._take(4))[0])

    def _u64(self) -> int:
        return int(_U64.unpack(self._take(8))[0])

    def _take(self, size: int) -> bytes:
        if size > self._size:
            raise _Broken("it is cut short in its header")
        data = self._file.read(size)
        if len(data) != size:
            raise _Broken("it is cut short in its header")
        return data

    def _skip(self, size: int) -> None:
        if self._file.tell() + size > self._size:
            raise _Broken("it is cut short in its header")
        self._file.seek(size, os.SEEK_CUR)
