"""The list of tensors of a document that tells a header: names, sizes, types and shapes.

A stranger's, in whatever form tools write it; every complaint is a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wizard.registry import document_values, gguf_header, gguf_reader, gguf_tensors
from wizard.registry.errors import UnreadableHeader

MAX_BYTES = 1 << 50
_NAMES = ("name", "tensor", "tensor_name")
_BYTES = ("bytes", "size", "nbytes", "size_bytes", "n_bytes")
_SHAPE = ("shape", "dims", "dimensions", "ne")
_TYPE = ("type", "dtype", "ggml_type", "kind", "quantization")
# What names of types may begin with: gguf-py's class, and ggml's own constants.
_PREFIX = re.compile(r"(?:.*\.)?(?:GGML_TYPE_)?")
_LENGTHS = re.compile(r"\s*[\[(]?\s*\d{1,15}(?:\s*[,x×]\s*\d{1,15})*\s*[\])]?\s*\Z")
# A list whose tensors take less of the file is an excerpt; more cannot be.
_LEAST, _MOST = 0.85, 1.02
# A tokenizer that a small model has beside.
_TOKENIZER = 64 << 20


@dataclass(frozen=True)
class Tensor:
    """A tensor that a document tells: its bytes, 0 where unknown, and those copied on the CPU."""

    name: str
    size: int
    shape: tuple[int, ...] = ()
    repacked: int | None = None


def read(found: Any) -> list[Tensor] | None:
    """Understood are ``{name: …}``, ``[{"name": name, …}, …]`` and ``[[name, …], …]``.

    The rest is a number of bytes, or has ``bytes``, or ``type`` and ``shape``. None
    where there is none. Raises UnreadableHeader.
    """
    if not found:
        return None
    pairs = found.items() if isinstance(found, dict) else [_named(item) for item in _items(found)]
    return [_tensor(name, item) for name, item in pairs]


def checked(tensors: list[Tensor] | None, file_bytes: int) -> list[Tensor] | None:
    """The tensors, None where their sizes are an excerpt's.

    Raises UnreadableHeader where they are more than the file.
    """
    if not tensors or not all(tensor.size for tensor in tensors):
        return tensors
    total = sum(tensor.size for tensor in tensors)
    if total > _MOST * file_bytes:
        raise UnreadableHeader(
            f"The document's tensors take {total:,} bytes, and its files {file_bytes:,}.",
            next_step="Correct “file_bytes” or the list, or leave “tensors” out.",
        )
    is_whole = total >= min(_LEAST * file_bytes, file_bytes - _TOKENIZER)
    return tensors if is_whole or file_bytes <= _TOKENIZER else None


def repacked(tensors: list[Tensor] | None) -> int | None:
    """Bytes copied on the CPU, where every tensor's type is known."""
    sizes = [tensor.repacked for tensor in tensors or ()]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _items(found: Any) -> list[Any]:
    if not isinstance(found, list) or len(found) > gguf_header.MAX_TENSORS:
        raise UnreadableHeader(
            "The document's “tensors” is to be an object or a list.",
            next_step="Give {name: {type, shape}, …} or a list of such, or leave it out.",
        )
    return found


def _named(item: Any) -> tuple[str, Any]:
    name: Any
    rest: Any
    if isinstance(item, dict):
        name, rest = document_values.first(item, _NAMES), item
    elif isinstance(item, list) and item:
        name, rest = item[0], item[1:]
    else:
        name, rest = item, None
    if not isinstance(name, str):
        raise UnreadableHeader(
            "A tensor of the document has no name.",
            next_step="Give each a “name”, or leave “tensors” out.",
        )
    return name, rest


def _tensor(name: str, item: Any) -> Tensor:
    if isinstance(item, list):
        item = _told_in_a_row(item)
    if not isinstance(item, Mapping):
        size = document_values.integral(item) if item is not None else None
        is_size = size is not None or isinstance(item, float)
        return Tensor(name, _whole(name, item) if is_size else 0)
    told, shape, kind = document_values.first(item, _BYTES), _shape(name, item), _kind(item)
    known = gguf_tensors.tensor_bytes(kind, shape) if shape and kind is not None else None
    if known is None:
        return Tensor(name, 0 if told is None else _whole(name, told), shape)
    size = known if told is None else _whole(name, told)
    return Tensor(name, size, shape, gguf_tensors.repacked_bytes(name, kind or 0, shape))


def _told_in_a_row(row: list[Any]) -> Any:
    """``[type, shape]`` in either order, ``[bytes]``, or a shape alone."""
    shapes = [each for each in row if isinstance(each, list)]
    rest = [each for each in row if not isinstance(each, list)]
    if shapes and rest:
        return {"shape": shapes[0], "type": rest[0]}
    if len(rest) == 1:
        return rest[0]
    return {"shape": shapes[0] if shapes else row}


def _shape(name: str, item: Mapping[str, Any]) -> tuple[int, ...]:
    shape = document_values.first(item, _SHAPE)
    if isinstance(shape, str) and _LENGTHS.match(shape):
        shape = re.findall(r"\d+", shape)
    if not isinstance(shape, list):
        return ()
    if len(shape) > gguf_reader.MAX_DIMENSIONS:
        raise UnreadableHeader(f"The tensor {name[:80]!r} has {len(shape)} dimensions.")
    return tuple(_whole(name, length) for length in shape)


def _kind(item: Mapping[str, Any]) -> int | None:
    """The number of a tensor's type, told by its name or number; None where it is not known."""
    kind = document_values.first(item, _TYPE)
    number = gguf_tensors.TYPES.get(_PREFIX.sub("", str(kind).upper(), count=1), kind)
    number = document_values.integral(number) if isinstance(number, str) else number
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _whole(name: str, value: Any) -> int:
    number = document_values.integral(value)
    if number is None or not 0 <= number <= MAX_BYTES:
        raise UnreadableHeader(
            f"The tensor {name[:80]!r} has no sane size.",
            next_step="Give its bytes, or its type and shape, or leave “tensors” out.",
        )
    return number
