"""The models folder: what is complete, what it takes to add, and one process at a time.

blobs/sha256-…           complete files, named by what they hash to
blobs/sha256-….part      an unfinished one, with its .journal
index/….json             one complete model each; read instead of the network
splits/…/name-00001-of-… links with the names that llama.cpp wants of split files
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from inference.errors import NotEnoughDisk
from inference.models import LocalFile, LocalModel
from inference.pull import records
from inference.pull.disk import journal_of, part_of, sync_folder, told_as_storage
from inference.pull.values import RemoteFile

LARGEST_RECORD = 32 << 20


class Store:
    """One models folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs"
        self._index = folder / "index"
        self._splits = folder / "splits"

    def prepare(self) -> None:
        """Make the folders. Raises StorageError where that is not allowed."""
        with told_as_storage(self.folder):
            for folder in (self._blobs, self._index, self._splits):
                folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def lock(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Be the only process that changes the folder; a kill lets go of it.

        ``waiting`` is called again and again while another one is, and takes its
        time. Raises StorageError where nothing can be written there, or locked.
        """
        with told_as_storage(self.folder):
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            while not self._is_locked(handle):
                waiting()
            yield
        finally:
            os.close(handle)

    def path_of(self, file: RemoteFile) -> Path:
        """Where a complete file lies, or will."""
        return self._blobs / file.digest.file_name

    def has(self, file: RemoteFile) -> bool:
        return _is_whole(self.path_of(file), file.size)

    def require_room(self, files: Iterable[RemoteFile], reserve: int, name: str) -> None:
        """See that the missing bytes fit, before the first is downloaded.

        Unfinished downloads of other models are given up where that makes the
        room. Raises NotEnoughDisk.
        """
        wanted = [file for file in files if not self.has(file)]
        needed = sum(file.size - _on_disk(part_of(self.path_of(file))) for file in wanted)
        if not wanted or needed + reserve <= self._free():
            return
        self._drop_parts({part_of(self.path_of(file)) for file in wanted})
        short = needed + reserve - self._free()
        if short > 0:
            raise NotEnoughDisk(
                f"{name} needs {bytes_text(needed)} more in {self.folder}, and "
                f"{bytes_text(self._free())} are free there.",
                next_step=f"Make {bytes_text(short)} more room, or choose a smaller quantisation.",
            )

    def find(self, name: str, asked_projector: str) -> LocalModel | None:
        """A complete model, without a word to the network.

        ``asked_projector`` is what the setting says; a model that was
        downloaded for another answer is not complete.
        """
        record = self._record(self._record_path(name))
        if record is None or record.model.name != name:
            return None
        if record.asked_projector == asked_projector:
            return record.model
        return replace(record.model, projector=None) if asked_projector == "none" else None

    def all(self) -> tuple[LocalModel, ...]:
        """Every complete model, by name."""
        found = (self._record(path) for path in self._index.glob("*.json"))
        return tuple(sorted((r.model for r in found if r), key=lambda model: model.name))

    def keep(self, model: LocalModel, asked_projector: str) -> LocalModel:
        """Note that a model is complete. Returns it as a later start will find it."""
        with told_as_storage(self.folder):
            model = self._with_split_names(model)
            data = orjson.dumps(records.write(records.Record(model, asked_projector), self.folder))
            _write_whole(self._record_path(model.name), data)
        return model

    def remove(self, name: str) -> bool:
        """Forget a model, and delete the files that no other one has. False: it was not here."""
        path = self._record_path(name)
        record = self._record(path)
        path.unlink(missing_ok=True)
        if record is None:
            return False
        used = {path for model in self.all() for path in self._paths(model)}
        for path in self._paths(record.model) - used:
            path.unlink(missing_ok=True)
        for folder in self._splits.iterdir():
            with suppress(OSError):
                folder.rmdir()
        return True

    def _paths(self, model: LocalModel) -> set[Path]:
        """Everything in this folder that a model takes: its files, and links to them."""
        paths = {file.path for file in _files(model)}
        targets = {self._blobs / path.resolve().name for path in paths}
        return paths | targets

    def _record_path(self, name: str) -> Path:
        return self._index / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    def _record(self, path: Path) -> records.Record | None:
        """A model whose files are all there; anything odd counts as not downloaded."""
        try:
            with path.open("rb") as file:
                data: Any = orjson.loads(file.read(LARGEST_RECORD))
            record = records.read(data, self.folder)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        whole = all(_is_whole(file.path, file.size) for file in _files(record.model))
        return record if whole else None

    def _with_split_names(self, model: LocalModel) -> LocalModel:
        """Give the parts of a split model the names that llama.cpp finds them by."""
        if len(model.files) == 1:
            return model
        folder = self._splits / model.digest[:32]
        folder.mkdir(exist_ok=True)
        return replace(model, files=tuple(_linked(file, folder) for file in model.files))

    def _is_locked(self, handle: int) -> bool:
        """Whether the lock is ours now."""
        with told_as_storage(self.folder):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def _free(self) -> int:
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def _drop_parts(self, wanted: set[Path]) -> None:
        for part in self._blobs.glob("*.part"):
            if part not in wanted:
                part.unlink(missing_ok=True)
                journal_of(part.with_suffix("")).unlink(missing_ok=True)


def bytes_text(count: float) -> str:
    """Bytes for a person, in the units that disks are sold in."""
    units = ["bytes", "kB", "MB", "GB", "TB", "PB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return (
        f"{count:.0f} {units[0]}"
        if units[0] == "bytes" or count >= 100
        else f"{count:.1f} {units[0]}"
    )


def _files(model: LocalModel) -> tuple[LocalFile, ...]:
    projector = (model.projector,) if model.projector else ()
    return (*model.files, *projector, *model.adapters)


def _is_whole(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _on_disk(part: Path) -> int:
    """Bytes that an unfinished file takes already: it is sparse."""
    try:
        return part.stat().st_blocks * 512
    except OSError:
        return 0


def _linked(file: LocalFile, folder: Path) -> LocalFile:
    link = folder / Path(file.name).name
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(file.path, folder))
    return replace(file, path=link)


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or the one before."""
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)
