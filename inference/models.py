"""What a downloaded model is: the value that pulling gives to the engine and the API.

Sizes are bytes, digests SHA-256 in lower-case hexadecimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

# What every file of weights begins with.
MAGIC = b"GGUF"


class Source(StrEnum):
    """Where a model came from."""

    HUGGING_FACE = "hf"
    OLLAMA = "ollama"
    LOCAL = "local"


@dataclass(frozen=True)
class LocalFile:
    """A complete, verified file. ``sha256`` is empty for a file that was not downloaded.

    ``name`` is what its registry calls it.
    """

    path: Path
    size: int
    sha256: str = ""
    name: str = ""


@dataclass(frozen=True)
class LocalModel:
    """One model on this machine, ready to load.

    ``name`` is canonical: ``str(refs.parse(…))``, or an absolute path.
    ``files`` are the weights, first part first: llama.cpp is given
    :attr:`path` and finds the other parts beside it. ``params``, ``template``
    (in Ollama's Go syntax), ``system``, ``messages`` and ``licenses`` are what
    the Ollama registry adds, empty elsewhere: a GGUF's own chat template then
    counts. ``digest`` names the whole: the manifest's for Ollama, the file's
    (or of all parts' digests) for the Hub, empty for a local file.
    ``revision`` is the Hub's commit. ``config`` is Ollama's config blob
    (``model_family``, ``model_type``, ``file_type``, …).
    """

    name: str
    source: Source
    files: tuple[LocalFile, ...]
    projector: LocalFile | None = None
    adapters: tuple[LocalFile, ...] = ()
    template: str = ""
    system: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Mapping[str, Any], ...] = ()
    licenses: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    revision: str = ""
    quantisation: str = ""
    modified: datetime | None = None

    @property
    def path(self) -> Path:
        """The file that llama.cpp is told to load."""
        return self.files[0].path

    @property
    def size(self) -> int:
        """Bytes of weights, projector and adapters together."""
        others = (*self.adapters, *((self.projector,) if self.projector else ()))
        return sum(file.size for file in (*self.files, *others))


def public_name(name: str) -> str:
    """What callers see: a local file's name without its folders and ending."""
    return Path(name).stem if name.startswith("/") else name
