"""A GGUF header from a file on this machine: the model itself, or a JSON document.

The document is ``{"keys": {GGUF key: value}, "file_bytes": N, "tensors": …}``,
so that a case can be told without its gigabytes. Both are a stranger's: every
size is bounded and every complaint is a sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wizard.registry import gguf_header, gguf_tensors
from wizard.registry.errors import UnreadableHeader
from wizard.registry.gguf_header import Header, Value

MAX_DOCUMENT = 64 << 20
MAX_FILE = 1 << 50
MAX_PARTS = 1000
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")
_MAGIC = b"GGUF"
_BYTES = ("bytes", "size", "nbytes", "size_bytes", "n_bytes")
_SHAPE = ("shape", "dims", "dimensions", "ne")
_TYPE = ("type", "dtype", "ggml_type", "kind", "quantization")


@dataclass(frozen=True)
class HeaderFile:
    """A header, and the bytes of all files of the model together."""

    header: Header
    file_bytes: int


def read(path: Path) -> HeaderFile:
    """Read a GGUF file's header or a JSON document.

    Raises UnreadableHeader with a sentence that says what is wrong.
    """
    try:
        with path.open("rb") as file:
            is_gguf = file.read(len(_MAGIC)) == _MAGIC
        return _gguf(path) if is_gguf else document(load_json(path))
    except OSError as error:
        raise UnreadableHeader(f"{path} cannot be read: {error.strerror or error}.") from error


def load_json(path: Path) -> Mapping[str, Any]:
    """A JSON object from a file. Raises UnreadableHeader; OSError passes through."""
    if path.stat().st_size > MAX_DOCUMENT:
        raise UnreadableHeader(f"{path} is larger than {MAX_DOCUMENT >> 20} MiB.")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnreadableHeader(f"{path} is neither a GGUF file nor JSON: {error}.") from error
    if not isinstance(found, dict):
        raise UnreadableHeader(f"{path} holds no JSON object.")
    return found


def _gguf(path: Path) -> HeaderFile:
    """A file's header, with the tensors of all parts where it is split."""
    parts = [_part(part) for part in _parts(path)]
    header, sizes = parts[0][0], [size for _, size in parts]
    tensors = {name: size for part, _ in parts for name, size in (part.tensors or {}).items()}
    return HeaderFile(replace(header, tensors=tensors), sum(sizes))


def _parts(path: Path) -> list[Path]:
    """All files of a model that is split as llama.cpp names them, the given one's first."""
    found = _PART.search(path.name)
    if not found or not 0 < int(found[2]) <= MAX_PARTS:
        return [path]
    start = path.name[: found.start()]
    count = int(found[2])
    return [path.with_name(f"{start}-{n:05}-of-{count:05}.gguf") for n in range(1, count + 1)]


def _part(path: Path) -> tuple[Header, int]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:

            def fetch(start: int, stop: int) -> bytes:
                file.seek(start)
                return file.read(stop - start)

            return gguf_header.read(fetch, size, whole=True), size
    except OSError as error:
        raise UnreadableHeader(f"{path} cannot be read: {error.strerror or error}.") from error


def document(found: Mapping[str, Any]) -> HeaderFile:
    """Read a parsed document. Raises UnreadableHeader."""
    keys = found.get("keys")
    if not isinstance(keys, dict):
        raise UnreadableHeader("The document has no “keys”: an object of GGUF keys and values.")
    size = found.get("file_bytes")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_FILE:
        raise UnreadableHeader("The document's “file_bytes” is to be a positive whole number.")
    found_lengths = {name: _length(value) for name, value in keys.items()}
    lengths = {name: length for name, length in found_lengths.items() if length is not None}
    plain = {name: _value(name, value) for name, value in keys.items()}
    header = Header(
        version=3,
        tensor_count=0,
        keys={name: value for name, value in plain.items() if value is not None},
        array_lengths=lengths,
        tensors=_tensors(found.get("tensors")),
        complete=found.get("tensors") is not None,
    )
    return HeaderFile(header, size)


def _length(value: Any) -> int | None:
    """How long an array is; a document may tell ``{"length": N}`` instead of its items."""
    if isinstance(value, list):
        return len(value)
    told = value.get("length") if isinstance(value, dict) else None
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else None


def _value(name: str, value: Any) -> Value | None:
    if isinstance(value, list):
        short = len(value) <= gguf_header.MAX_KEPT_ARRAY
        scalars = all(isinstance(item, int | float | bool) for item in value)
        return tuple(value) if short and scalars else None
    if isinstance(value, str | int | float | bool):
        return value
    if value is None or _length(value) is not None:
        return None
    raise UnreadableHeader(f"The key {name[:80]!r} is neither a number, a text nor a list.")


def _tensors(found: Any) -> dict[str, int] | None:
    """Names and bytes; 0 bytes where a document only names them.

    Understood are ``{name: …}`` and ``[{"name": name, …}, …]``, where the rest
    is a number of bytes, or has ``bytes``, or ``type`` and ``shape``.
    """
    if found is None:
        return None
    pairs = found.items() if isinstance(found, dict) else [_named(item) for item in _items(found)]
    return {name: _tensor_bytes(name, item) for name, item in pairs}


def _items(found: Any) -> list[Any]:
    if not isinstance(found, list) or len(found) > gguf_header.MAX_TENSORS:
        raise UnreadableHeader("The document's “tensors” is to be an object or a list.")
    return found


def _named(item: Any) -> tuple[str, Any]:
    name = item.get("name") if isinstance(item, dict) else item
    if not isinstance(name, str):
        raise UnreadableHeader("A tensor of the document has no name.")
    return name, item


def _tensor_bytes(name: str, item: Any) -> int:
    if isinstance(item, dict):
        told = next((item[key] for key in _BYTES if key in item), None)
        item = _shaped(name, item) if told is None else told
    if isinstance(item, list):
        item = None
    if item is None or isinstance(item, str):
        return 0
    return _whole(name, item)


def _shaped(name: str, item: dict[str, Any]) -> int | None:
    """Bytes by type and shape; None where either is missing or unknown."""
    shape = next((item[key] for key in _SHAPE if key in item), None)
    kind = next((item[key] for key in _TYPE if key in item), None)
    if not isinstance(shape, list) or kind is None:
        return None
    number = gguf_tensors.TYPES.get(str(kind).upper(), kind)
    if isinstance(number, bool) or not isinstance(number, int):
        return None
    if len(shape) > gguf_header.MAX_DIMENSIONS:
        raise UnreadableHeader(f"The tensor {name[:80]!r} has {len(shape)} dimensions.")
    return gguf_tensors.tensor_bytes(number, [_whole(name, length) for length in shape])


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_FILE:
        raise UnreadableHeader(f"The tensor {name[:80]!r} has no sane size.")
    return value
