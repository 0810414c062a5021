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

from wizard.registry import document_tensors, document_values, gguf_header, gguf_reader
from wizard.registry import layer_patterns as patterns
from wizard.registry.document_tensors import Tensor
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
_SIZES = ("file_bytes", "file_size", "total_size", "size")
_ARCHITECTURE = "general.architecture"
_LENGTHS = ("length", "len", "count", "size", "n", "n_elements", "array_length", "total")
# How llama.cpp's log tells a list: ``arr[str,128256] = ["!", …``.
_LISTED = re.compile(r"arr\[\w+,\s*(\d{1,12})\]")
# Lists of the tokenizer that are told by a number alone.
_COUNTED = ("tokens", "scores", "token_type", "merges")
# Those of them that have an item for each token.
_BESIDE = ("scores", "token_type")
_PATTERN = "attention.sliding_window_pattern"
# Keys with a value for each layer, and those of them that a table has as usual.
_USUAL = frozenset({"attention.recurrent_layers", "attention.indexer.types"})
_PER_LAYER = _USUAL | {
    "attention.head_count",
    "attention.head_count_kv",
    "attention.compress_ratios",
    "feed_forward_length",
    _PATTERN,
}
# A vocabulary this short is an excerpt of one.
_EXCERPT = 256


@dataclass(frozen=True)
class HeaderFile:
    """A header, and the bytes of all files of the model together.

    ``is_cut`` tells that a file ends within its header: the bytes are not the model's.
    """

    header: Header
    file_bytes: int
    is_cut: bool = False


def read(path: Path, file_bytes: int | None = None) -> HeaderFile:
    """Read a GGUF file's header or a JSON document.

    ``file_bytes`` go before what a document tells. Raises UnreadableHeader with a
    sentence that says what is wrong.
    """
    try:
        with path.open("rb") as file:
            is_gguf = file.read(len(_MAGIC)) == _MAGIC
        return _gguf(path) if is_gguf else document(load_json(path), file_bytes)
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
    header = gguf_header.joined([part for part, _ in parts])
    is_cut = not all(part.complete for part, _ in parts)
    return HeaderFile(header, sum(size for _, size in parts), is_cut)


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


def document(found: Mapping[str, Any], file_bytes: int | None = None) -> HeaderFile:
    """Read a parsed document; ``file_bytes`` go before its own. Raises UnreadableHeader."""
    values = {name: _told(name, value) for name, value in _keys(found).items()}
    tensors = document_tensors.read(document_values.first(found, _TENSORS))
    size = file_bytes or _file_bytes(found, tensors or ())
    told = {name: _length(name, value) for name, value in values.items()}
    lengths = {name: length for name, length in told.items() if length is not None}
    plain = {name: _value(name, value) for name, value in values.items()}
    whole = document_tensors.checked(tensors, size)
    header = Header(
        version=3,
        tensor_count=0,
        keys={name: value for name, value in plain.items() if value is not None},
        array_lengths=lengths,
        tensors=None if whole is None else {tensor.name: tensor.size for tensor in whole},
        complete=whole is not None,
        repacked=document_tensors.repacked(whole),
    )
    return HeaderFile(_with_vocabulary(header, tensors or ()), size)


def _told(name: str, value: Any) -> Any:
    """A key's value with its lists whole. Raises UnreadableHeader where layers are left out."""
    found = document_values.unwrapped(value)
    if name.startswith("tokenizer."):
        is_short = isinstance(found, str) and _LISTED.match(found)
        return found if is_short else document_values.listed(found)
    whole = document_values.listed(found)
    architecture, _, key = name.partition(".")
    is_part = document_values.is_excerpt(whole) or isinstance(whole, dict)
    # Of the first layers' zeros and flags alone nothing follows.
    is_part |= document_values.is_excerpt(found) and str(whole).lower() in ("0", "true", "false")
    if not is_part or key not in _PER_LAYER:
        return whole
    rule = patterns.SLIDING.get(architecture)
    if key in _USUAL or (key == _PATTERN and rule and rule.period):
        return None
    raise UnreadableHeader(
        f"The document tells {name[:80]} in part, and it has a value for each layer.",
        next_step="Give all of its values as a list.",
    )


def _keys(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys: an object, a list of pairs, or the document itself."""
    keys = document_values.first(found, _KEYS)
    if keys is None and _ARCHITECTURE in found:
        return found
    if isinstance(keys, list):
        pairs = [_pair(item) for item in keys]
        keys = {pair[0]: pair[1] for pair in pairs if pair}
    if not isinstance(keys, dict) or not keys:
        raise UnreadableHeader(
            "The document has no “keys”: an object of GGUF keys and values.",
            next_step='Write {"keys": {"general.architecture": "llama", …}, "file_bytes": N}.',
        )
    return keys


def _pair(item: Any) -> tuple[str, Any] | None:
    if isinstance(item, dict):
        name = document_values.first(item, ("key", "name"))
        return (name, document_values.unwrapped(item)) if isinstance(name, str) else None
    is_pair = isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)
    return (item[0], item[1]) if is_pair else None


def _file_bytes(found: Mapping[str, Any], tensors: Iterable[Tensor]) -> int:
    """Bytes of the files, of each or together; its tensors' where none are told."""
    told = document_values.first(found, _SIZES)
    sizes = [tensor.size for tensor in tensors]
    if told is None and sizes and all(sizes):
        return sum(sizes)
    listed = told if isinstance(told, list) else [told]
    parts = [document_values.integral(part) for part in listed]
    size = sum(part for part in parts if part is not None)
    if None in parts or not 0 < size <= MAX_FILE:
        raise UnreadableHeader(
            "The document's “file_bytes” is to be a positive whole number.",
            next_step="Give it there, or with --file-bytes: the bytes of all files together.",
        )
    return size


def _length(name: str, value: Any) -> int | None:
    """How long a list is: of its items, or told in its place; None for what is none.

    None also for an excerpt of a vocabulary.
    """
    if isinstance(value, list):
        is_excerpt = name.startswith("tokenizer.") and len(value) < _EXCERPT
        return None if is_excerpt else len(value)
    if isinstance(value, str) and (listed := _LISTED.match(value)):
        return int(listed[1])
    if isinstance(value, str) and name == _TOKENS:
        numbers = [int(count) for count in re.findall(r"\d{1,12}", value)]
        return numbers[0] if len(numbers) == 1 and numbers[0] >= _EXCERPT else None
    if isinstance(value, int) and name.rpartition(".")[2] in _COUNTED:
        return document_values.integral(value)
    told = document_values.first(value, _LENGTHS) if isinstance(value, dict) else None
    length = document_values.integral(told)
    return length if length is not None and length >= 0 else None


def _value(name: str, value: Any) -> Value | None:
    is_text = name.startswith(("general.", "tokenizer."))
    if isinstance(value, list):
        items = [_scalar(item, is_text=is_text) for item in value[: gguf_reader.MAX_KEPT_ARRAY + 1]]
        short = len(items) <= gguf_reader.MAX_KEPT_ARRAY
        scalars = all(isinstance(item, int | float) for item in items)
        return tuple(items) if short and scalars else None
    if isinstance(value, str | int | float | bool):
        listed = isinstance(value, str) and _LISTED.match(value)
        return None if listed or name == _TOKENS else _scalar(value, is_text=is_text)
    if value is None or _length(name, value) is not None or is_text or _is_bare(value):
        return None
    raise UnreadableHeader(
        f"The key {name[:80]!r} is neither a number, a text nor a list.",
        next_step="Give its value, or a list's length as {“length”: N}.",
    )


def _is_bare(value: Any) -> bool:
    """Whether it is a list's type alone, as ``gguf-dump --json`` tells one."""
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind.lower().startswith("arr")


def _scalar(value: Any, *, is_text: bool) -> Any:
    return document_values.number(value) if isinstance(value, str) and not is_text else value


def _with_vocabulary(header: Header, tensors: Iterable[Tensor]) -> Header:
    """The header with a vocabulary's size where its own list is left out.

    The other lists of tokens tell it, and the shape of the embeddings.
    """
    name, lengths = header.architecture_name, header.array_lengths
    is_told = f"{name}.vocab_size" in header.keys or _TOKENS in lengths
    others = (lengths.get(f"tokenizer.ggml.{other}", 0) for other in _BESIDE)
    beside = 0 if is_told else max(others)
    if beside >= _EXCERPT:
        return replace(header, array_lengths={**lengths, _TOKENS: beside})
    width = header.keys.get(f"{name}.embedding_length")
    shape = next((tensor.shape for tensor in tensors if tensor.name == _EMBEDDINGS), ())
    if is_told or len(shape) != 2 or width not in shape:
        return header
    count = shape[0] if shape[1] == width else shape[1]
    return replace(header, array_lengths={**lengths, _TOKENS: count})
