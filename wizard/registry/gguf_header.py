"""Reads the header of a GGUF file from its first bytes, trusting none of them.

The keys that describe the architecture lie before the tokenizer's long arrays in
every file that llama.cpp's converter writes, so that the first 64 KiB are enough as
a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from wizard.registry import gguf_architecture, gguf_layers, gguf_tensors, layer_patterns
from wizard.registry.errors import UnreadableHeader
from wizard.registry.gguf_keys import Value
from wizard.registry.gguf_reader import MAX_HEADER, START, NeedMoreBytes, Reader
from wizard.registry.quantisation import of_file_type
from wizard.registry.values import Architecture, TensorSizes

FIRST_READ = 64 << 10
# More would not come in time where a registry is slow.
MOST_AT_ONCE = 4 << 20
MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 18
# Keys by which a maker may be told.
_MAKER_KEYS = (
    "general.quantized_by",
    "general.repo_url",
    "quantize.imatrix.file",
    "quantize.imatrix.dataset",
)

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Header:
    """What a header says. ``keys`` has scalars and short arrays of numbers.

    ``array_lengths`` has the length of every array, kept or not. ``tensors``
    has each tensor's bytes, and is None while the reading stopped before them;
    ``repacked`` are those that are copied on the CPU, where their types are known.
    """

    version: int
    tensor_count: int
    keys: Mapping[str, Value]
    array_lengths: Mapping[str, int]
    tensors: Mapping[str, int] | None = None
    complete: bool = False
    repacked: int | None = None

    @property
    def architecture_name(self) -> str:
        """``general.architecture``, or an empty string."""
        return str(self.keys.get("general.architecture", ""))

    @property
    def quantisation(self) -> str:
        """The quantisation's name by ``general.file_type``, or an empty string.

        ``UD-…`` where Unsloth made the file, whose mixes are its own.
        """
        number = self.keys.get("general.file_type")
        name = of_file_type(number) if isinstance(number, int) else ""
        told = " ".join(str(self.keys.get(key, "")) for key in _MAKER_KEYS)
        return f"UD-{name}" if name and "unsloth" in told.casefold() else name

    @property
    def chat_template(self) -> str:
        """The chat template's text, or an empty string."""
        return str(self.keys.get("tokenizer.chat_template", ""))

    def tensor_sizes(self) -> TensorSizes | None:
        """Bytes of the tensors by place; None where they are not known."""
        if not self.tensors or not all(self.tensors.values()):
            return None
        name = self.architecture_name
        count = self.keys.get(f"{name}.block_count", 0)
        blocks = count if isinstance(count, int) else 0
        return gguf_tensors.places(
            self.tensors,
            min(max(blocks, 0), gguf_layers.MAX_LAYERS),
            may_tie=name not in layer_patterns.NO_OUTPUT,
            repacked=self.repacked,
        )

    def architecture(self) -> Architecture:
        """The hyper-parameters that decide memory.

        Raises UnreadableHeader where keys are missing or make no sense.
        """
        return gguf_architecture.architecture(self.keys, self.array_lengths, self.tensors)


@dataclass
class _Progress:
    """A header being read: goes on where the last bytes ended."""

    reader: Reader = field(default_factory=lambda: Reader(b""))
    version: int = 0
    tensor_count: int = 0
    keys_left: int = 0
    tensors: dict[str, int] = field(default_factory=dict)
    repacked: int = 0
    begun: bool = False

    def go_on(self, data: bytes) -> Header:
        """Read as far as ``data`` reaches; raises NeedMoreBytes."""
        self.reader.data = data
        if not self.begun:
            self._begin()
        while self.keys_left:
            self._step(self.reader.key)
            self.keys_left -= 1
        while len(self.tensors) < self.tensor_count:
            self._tensor()
        return self.so_far(complete=True)

    def so_far(self, *, complete: bool = False) -> Header:
        """The header as far as it is known."""
        return Header(
            version=self.version,
            tensor_count=self.tensor_count,
            keys=self.reader.keys,
            array_lengths=self.reader.array_lengths,
            tensors=self.tensors if complete else None,
            complete=complete,
            repacked=self.repacked if complete else None,
        )

    def _step(self, read: Callable[[], _Read]) -> _Read:
        start = self.reader.position
        try:
            return read()
        except NeedMoreBytes:
            self.reader.position = start
            raise

    def _tensor(self) -> None:
        name, size, repacked = self._step(self.reader.tensor)
        if name in self.tensors:
            raise UnreadableHeader(f"This file names the tensor {name[:80]!r} twice.")
        self.tensors[name] = size
        self.repacked += repacked

    def _begin(self) -> None:
        if not b"GGUF".startswith(self.reader.data[:4]):
            raise UnreadableHeader("This is not a GGUF file: it does not begin with “GGUF”.")
        start = self.reader.need(START.size)
        _magic, self.version, self.tensor_count, self.keys_left = START.unpack_from(
            self.reader.data, start
        )
        _check_start(self.version, self.tensor_count, self.keys_left)
        self.begun = True


def _check_start(version: int, tensors: int, keys: int) -> None:
    if version not in (2, 3):
        raise UnreadableHeader(
            f"This GGUF file has the version {version}; engines read little-endian 2 and 3."
        )
    if keys > MAX_KEYS or tensors > MAX_TENSORS:
        raise UnreadableHeader(
            f"This file claims {keys} keys and {tensors} tensors, which no model has."
        )


def parse(data: bytes) -> Header:
    """Read a whole header from the first bytes of a file.

    Raises NeedMoreBytes where the header goes on after them, UnreadableHeader
    where they are no sane GGUF header.
    """
    return _Progress().go_on(data)


def read(fetch: Callable[[int, int], bytes], size: int, *, whole: bool = False) -> Header:
    """Read a header with as few bytes as will do.

    ``fetch(start, stop)`` gives the file's bytes from ``start`` up to, not
    with, ``stop``; ``size`` is the file's bytes. The first 64 KiB come in one
    call; more only while keys that :meth:`Header.architecture` needs are
    missing, or up to the end of the list of tensors with ``whole``; 32 MiB at
    most. Raises UnreadableHeader.
    """
    progress = _Progress()
    data = b""
    wanted = FIRST_READ
    while True:
        stop = min(wanted, size, MAX_HEADER)
        data += fetch(len(data), stop)[: stop - len(data)]
        try:
            return progress.go_on(data)
        except NeedMoreBytes as more:
            if not whole and _is_enough(progress.so_far()):
                return progress.so_far()
            if len(data) < stop or stop >= min(size, MAX_HEADER):
                raise UnreadableHeader(
                    "This file ends, or goes on too long, in its header."
                ) from None
            wanted = min(max(more.minimum, len(data) * 2), len(data) + MOST_AT_ONCE)


def joined(parts: Sequence[Header]) -> Header:
    """The header of a file in parts: the first one's, with the tensors of all."""
    if not all(part.complete for part in parts):
        return parts[0]
    tensors = {name: size for part in parts for name, size in (part.tensors or {}).items()}
    return replace(parts[0], tensors=tensors, repacked=sum(part.repacked or 0 for part in parts))


def _is_enough(header: Header) -> bool:
    """Whether the tokenizer was reached with all needed keys before it."""
    reached = "tokenizer.ggml.tokens" in header.array_lengths
    return reached and not gguf_architecture.missing(header.keys)
