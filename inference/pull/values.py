"""What a registry says is to be downloaded, before a byte of it is here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from inference.models import LocalModel

LARGEST_FILE = 1 << 50


class Hash(Protocol):
    """What hashlib gives."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True)
class Digest:
    """What a file's bytes must hash to.

    ``git`` is for small Hub files outside of LFS, which have only git's own
    blob id: the SHA-1 of ``blob SIZE\\0`` and the content.
    """

    hex: str
    git: bool = False

    def __str__(self) -> str:
        return f"{'git' if self.git else 'sha256'}:{self.hex}"

    @property
    def file_name(self) -> str:
        return str(self).replace(":", "-")

    def start(self, size: int) -> Hash:
        """A hash that is to be fed with the file's bytes."""
        if not self.git:
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a model to download: where, how many bytes, and what they hash to."""

    model: str
    url: str
    name: str
    size: int
    digest: Digest


@dataclass(frozen=True)
class Resolved:
    """A model as its registry describes it.

    ``draft`` is the model as it will be, still without files.
    """

    draft: LocalModel
    files: tuple[RemoteFile, ...]
    projector: RemoteFile | None = None
    adapters: tuple[RemoteFile, ...] = ()

    @property
    def all_files(self) -> tuple[RemoteFile, ...]:
        """Every distinct file, in the order of downloading."""
        found = (*((self.projector,) if self.projector else ()), *self.adapters, *self.files)
        return tuple({file.digest: file for file in found}.values())
