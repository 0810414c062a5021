"""A GGUF header from a file on this machine: the model itself, or a JSON document.

The document is ``{"keys": {GGUF key: value}, "file_bytes": N, "tensors": …}``,
so that a case can be told without its gigabytes. What ``gguf-dump --json``, the
Hub and Ollama write is understood too: other names of those, values in an object,
numbers as texts, long lists as an excerpt or a length. Both kinds of file are a
stranger's: every size is bounded and every complaint is a sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wizard.registry import gguf_header, gguf_tensors
from wizard.registry.errors import UnreadableHeader
from wizard.registry.gguf_header import Header
from wizard.registry.gguf_keys import Value

MAX_DOCUMENT = 64 << 20
MAX_FILE = 1 << 50
MAX_PARTS = 1000
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")
_MAGIC = b"GGUF"
_TOKENS, _EMBEDDINGS = "tokenizer.ggml.tokens", "token_embd.weight"
_KEYS = ("keys", "metadata", "kv", "model_info")
_TENSORS = ("tensors", "tensorInfos", "tensor_infos")
_VALUES = ("value", "values", "array", "data")
_LENGTHS = ("length", "len", "count", "size", "n")
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?(e[+-]?\d{1,3})?\Z", re.IGNORECASE)
# How llama.cpp's log tells a list: ``arr[str,128256] = ["!", …``.
_LISTED = re.compile(r"arr\[\w+,\s*(\d{1,12})\]")
# Lists of the tokenizer that are told by a number alone.
_COUNTED = ("tokens", "scores", "token_type", "merges")
# A vocabulary this short is an excerpt of one.
_EXCERPT = 256
_BYTES = ("bytes", "size", "nbytes", "size_bytes", "n_bytes")
_SHAPE = ("shape", "dims", "dimensions", "ne")
_TYPE = ("type", "dtype", "ggml_type", "kind", "quantization")


@dataclass(frozen=True)
class HeaderFile:
    """A header, and the bytes of all files of the model together.

    ``is_cut`` tells that a file ends within its header: the bytes are not the model's.
    """

    header: Header
    file_bytes: int
    is_cut: bool = False


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
    repacked = sum(part.repacked or 0 for part, _ in parts)
    if not all(part.complete for part, _ in parts):
        return HeaderFile(header, sum(sizes), is_cut=True)
    return HeaderFile(replace(header, tensors=tensors, repacked=repacked), sum(sizes))


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

            return _as_far_as_it_goes(fetch, size), size
    except OSError as error:
        raise UnreadableHeader(f"{path} cannot be read: {error.strerror or error}.") from error


def _as_far_as_it_goes(fetch: Callable[[int, int], bytes], size: int) -> Header:
    """The whole header, or that of a file cut off behind the keys that describe a model."""
    try:
        return gguf_header.read(fetch, size, whole=True)
    except UnreadableHeader:
        return gguf_header.read(fetch, size)


def document(found: Mapping[str, Any]) -> HeaderFile:
    """Read a parsed document. Raises UnreadableHeader."""
    keys = _first(found, _KEYS)
    if not isinstance(keys, dict):
        raise UnreadableHeader("The document has no “keys”: an object of GGUF keys and values.")
    size = _integral(found.get("file_bytes"))
    if size is None or not 0 < size <= MAX_FILE:
        raise UnreadableHeader("The document's “file_bytes” is to be a positive whole number.")
    values = {name: _unwrapped(value) for name, value in keys.items()}
    told = {name: _length(name, value) for name, value in values.items()}
    lengths = {name: length for name, length in told.items() if length is not None}
    plain = {name: _value(name, value) for name, value in values.items()}
    tensors = _tensors(_first(found, _TENSORS))
    header = Header(
        version=3,
        tensor_count=0,
        keys={name: value for name, value in plain.items() if value is not None},
        array_lengths=lengths,
        tensors=None if tensors is None else {tensor.name: tensor.size for tensor in tensors},
        complete=tensors is not None,
        repacked=_repacked(tensors),
    )
    return HeaderFile(_with_vocabulary(header, tensors or ()), size)


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _unwrapped(value: Any) -> Any:
    """The value itself, where an object tells its type beside."""
    if not isinstance(value, dict):
        return value
    return next((value[name] for name in _VALUES if value.get(name) is not None), value)


def _integral(value: Any) -> int | None:
    """A whole number, also one that is written as a text or with a point; None for all else."""
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return int(number) if number == number // 1 else None


def _number(text: str) -> int | float | bool | str:
    """The number or truth that a text spells, else the text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if not _NUMBER.match(text):
        return text
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _length(name: str, value: Any) -> int | None:
    """How long a list is: of its items, or told in its place; None for what is none.

    None also for an excerpt of a vocabulary.
    """
    if isinstance(value, list):
        is_excerpt = name.startswith("tokenizer.") and len(value) < _EXCERPT
        return None if is_excerpt else len(value)
    if isinstance(value, str) and (listed := _LISTED.match(value)):
        return int(listed[1])
    if isinstance(value, int) and name.rpartition(".")[2] in _COUNTED:
        return _integral(value)
    told = _first(value, _LENGTHS) if isinstance(value, dict) else None
    length = _integral(told)
    return length if length is not None and length >= 0 else None


def _value(name: str, value: Any) -> Value | None:
    is_text = name.startswith(("general.", "tokenizer."))
    if isinstance(value, list):
        items = [_scalar(item, is_text=is_text) for item in value[: gguf_header.MAX_KEPT_ARRAY + 1]]
        short = len(items) <= gguf_header.MAX_KEPT_ARRAY
        scalars = all(isinstance(item, int | float) for item in items)
        return tuple(items) if short and scalars else None
    if isinstance(value, str | int | float | bool):
        listed = isinstance(value, str) and _LISTED.match(value)
        return None if listed else _scalar(value, is_text=is_text)
    if value is None or _length(name, value) is not None:
        return None
    raise UnreadableHeader(f"The key {name[:80]!r} is neither a number, a text nor a list.")


def _scalar(value: Any, *, is_text: bool) -> Any:
    return _number(value) if isinstance(value, str) and not is_text else value


def _with_vocabulary(header: Header, tensors: Iterable[_Tensor]) -> Header:
    """The header with a vocabulary's size, by the shape of the embeddings where it tells none."""
    name = header.architecture_name
    is_told = f"{name}.vocab_size" in header.keys or _TOKENS in header.array_lengths
    width = header.keys.get(f"{name}.embedding_length")
    shape = next((tensor.shape for tensor in tensors if tensor.name == _EMBEDDINGS), ())
    if is_told or len(shape) != 2 or width not in shape:
        return header
    count = shape[0] if shape[1] == width else shape[1]
    return replace(header, array_lengths={**header.array_lengths, _TOKENS: count})


@dataclass(frozen=True)
class _Tensor:
    """A tensor that a document tells: its bytes, 0 where unknown, and those copied on the CPU."""

    name: str
    size: int
    shape: tuple[int, ...] = ()
    repacked: int | None = None


def _repacked(tensors: list[_Tensor] | None) -> int | None:
    """Bytes copied on the CPU, where every tensor's type is known."""
    sizes = [tensor.repacked for tensor in tensors or ()]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _tensors(found: Any) -> list[_Tensor] | None:
    """Understood are ``{name: …}`` and ``[{"name": name, …}, …]``.

    The rest is a number of bytes, or has ``bytes``, or ``type`` and ``shape``.
    """
    if found is None:
        return None
    pairs = found.items() if isinstance(found, dict) else [_named(item) for item in _items(found)]
    return [_tensor(name, item) for name, item in pairs]


def _items(found: Any) -> list[Any]:
    if not isinstance(found, list) or len(found) > gguf_header.MAX_TENSORS:
        raise UnreadableHeader("The document's “tensors” is to be an object or a list.")
    return found


def _named(item: Any) -> tuple[str, Any]:
    name = item.get("name") if isinstance(item, dict) else item
    if not isinstance(name, str):
        raise UnreadableHeader("A tensor of the document has no name.")
    return name, item


def _tensor(name: str, item: Any) -> _Tensor:
    if not isinstance(item, dict):
        is_untold = item is None or isinstance(item, list) or _integral(item) is None
        is_untold = is_untold and not isinstance(item, float)
        return _Tensor(name, 0 if is_untold else _whole(name, item))
    told, shape, kind = _first(item, _BYTES), _shape(name, item), _kind(item)
    known = gguf_tensors.tensor_bytes(kind, shape) if shape and kind is not None else None
    if known is None:
        return _Tensor(name, 0 if told is None else _whole(name, told), shape)
    size = known if told is None else _whole(name, told)
    return _Tensor(name, size, shape, gguf_tensors.repacked_bytes(name, kind or 0, shape))


def _shape(name: str, item: dict[str, Any]) -> tuple[int, ...]:
    shape = _first(item, _SHAPE)
    if not isinstance(shape, list):
        return ()
    if len(shape) > gguf_header.MAX_DIMENSIONS:
        raise UnreadableHeader(f"The tensor {name[:80]!r} has {len(shape)} dimensions.")
    return tuple(_whole(name, length) for length in shape)


def _kind(item: dict[str, Any]) -> int | None:
    """The number of a tensor's type, told by its name or number; None where it is not known."""
    kind = _first(item, _TYPE)
    number = gguf_tensors.TYPES.get(str(kind).upper().rpartition(".")[2], kind)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _whole(name: str, value: Any) -> int:
    number = _integral(value)
    if number is None or not 0 <= number <= MAX_FILE:
        raise UnreadableHeader(f"The tensor {name[:80]!r} has no sane size.")
    return number
