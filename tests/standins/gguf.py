"""Writes tiny, real GGUF files: the keys and tensors that a test asks for.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALIGNMENT = 32
_UINT8, _INT8, _UINT16, _INT16, _UINT32, _INT32, _FLOAT32, _BOOL = range(8)
_STRING, _ARRAY, _UINT64, _INT64, _FLOAT64 = range(8, 13)


@dataclass(frozen=True)
class Typed:
    """A value written with a type other than the one that Python's suggests."""

    type: int
    value: int | float | bool | str


Scalar = int | float | bool | str | Typed
Value = Scalar | Sequence[Scalar]


def string(text: str) -> bytes:
    """A length and the bytes."""
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _type_of(value: Scalar) -> int:
    if isinstance(value, Typed):
        return value.type
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, str):
        return _STRING
    if isinstance(value, float):
        return _FLOAT32
    return _UINT32 if value >= 0 else _INT32


_FORMATS = {
    _UINT8: "<B",
    _INT8: "<b",
    _UINT16: "<H",
    _INT16: "<h",
    _UINT32: "<I",
    _INT32: "<i",
    _FLOAT32: "<f",
    _BOOL: "<?",
    _UINT64: "<Q",
    _INT64: "<q",
    _FLOAT64: "<d",
}


def _raw(kind: int, value: Scalar) -> bytes:
    plain = value.value if isinstance(value, Typed) else value
    if kind == _STRING:
        return string(str(plain))
    return struct.pack(_FORMATS[kind], plain)


def _value(value: Value) -> bytes:
    if isinstance(value, str | int | float | bool | Typed):
        kind = _type_of(value)
        return struct.pack("<I", kind) + _raw(kind, value)
    kind = _type_of(value[0]) if value else _UINT32
    if value and value.count(value[0]) == len(value):
        items = _raw(kind, value[0]) * len(value)
    else:
        items = b"".join(_raw(kind, item) for item in value)
    return struct.pack("<IIQ", _ARRAY, kind, len(value)) + items


def header(
    keys: Mapping[str, Value],
    tensors: Mapping[str, Sequence[int]] | None = None,
    *,
    version: int = 3,
) -> bytes:
    """The bytes before the tensors' data; every tensor is F32 of the given shape."""
    tensors = tensors or {}
    out = [b"GGUF", struct.pack("<IQQ", version, len(tensors), len(keys))]
    out += [string(name) + _value(value) for name, value in keys.items()]
    offset = 0
    for name, shape in tensors.items():
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        out.append(string(name) + dimensions + struct.pack("<IQ", 0, offset))
        offset += _padded(_tensor_bytes(shape))
    return b"".join(out)


def file(keys: Mapping[str, Value], tensors: Mapping[str, Sequence[int]] | None = None) -> bytes:
    """A whole file; the tensors hold zeros."""
    start = header(keys, tensors)
    data = sum(_padded(_tensor_bytes(shape)) for shape in (tensors or {}).values())
    return start + bytes(_padded(len(start)) - len(start) + data)


def llama(
    name: str = "llama",
    *,
    layers: int = 2,
    embedding: int = 64,
    heads: int = 4,
    kv_heads: int = 2,
    context: int = 2048,
    feed_forward: int = 128,
    vocab: int = 32,
    file_type: int = 15,
    extra: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """The keys of a plain transformer, in the order that llama.cpp's converter writes.

    ``extra`` keys begin with a dot when they belong to the architecture.
    """
    own: dict[str, Value] = {
        "general.architecture": name,
        "general.name": f"A {name}",
        "general.file_type": file_type,
        f"{name}.block_count": layers,
        f"{name}.context_length": context,
        f"{name}.embedding_length": embedding,
        f"{name}.feed_forward_length": feed_forward,
        f"{name}.attention.head_count": heads,
        f"{name}.attention.head_count_kv": kv_heads,
    }
    for key, value in (extra or {}).items():
        own[f"{name}{key}" if key.startswith(".") else key] = value
    own["tokenizer.ggml.model"] = "gpt2"
    own["tokenizer.ggml.tokens"] = ["token"] * vocab
    own["tokenizer.ggml.token_type"] = [Typed(_INT32, 1)] * vocab
    return own


def _tensor_bytes(shape: Sequence[int]) -> int:
    size = 4
    for length in shape:
        size *= length
    return size


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
