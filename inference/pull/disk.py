"""Where a file lies until it is whole, and what a disk does: keep it over a crash, or fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inference.errors import InferenceError, NotEnoughDisk, StorageError


def part_of(path: Path) -> Path:
    """Where a file lies while it is incomplete."""
    return path.with_name(path.name + ".part")


def journal_of(path: Path) -> Path:
    """What lies beside an incomplete file."""
    return path.with_name(path.name + ".journal")


def sync_folder(folder: Path) -> None:
    """Make a rename survive a crash of the machine."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def storage_error(error: OSError, folder: Path) -> InferenceError:
    """What a failure of the disk means."""
    if error.errno in (28, 122):
        return NotEnoughDisk(f"The disk of {folder} is full.", next_step="Make room there.")
    return StorageError(f"{folder} cannot be used: {error.strerror}.")


@contextmanager
def told_as_storage(folder: Path) -> Iterator[None]:
    """Raise what a disk does in here as what it means."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, folder) from None
