"""What a disk does to files: keep them over a crash, or fail."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from inference.errors import InferenceError, NotEnoughDisk, StorageError


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
