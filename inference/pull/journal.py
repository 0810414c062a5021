"""Which pieces of an unfinished file are on disk: what a start after a kill goes on from.

A killed process loses nothing that it wrote. A machine that crashes may: then
only the pieces count that the disk had confirmed. Which of the two it was is
told by the kernel's boot id (``proc_sys_kernel(5)``, random/boot_id).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

FORMAT = 2
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Journal:
    """The finished pieces of one file, in a file beside it: one JSON value a line."""

    def __init__(self, path: Path, *, digest: str, size: int, piece: int, boot: str = "") -> None:
        self.piece = piece
        self.etag = ""
        self.pieces: list[int] = []
        self._path = path
        self._head = {"format": FORMAT, "digest": digest, "size": size}
        self._boot = ""
        self._synced = 0
        self._read()
        self._enter(boot or _boot_id())
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(self._file).st_size == 0:
            self._begin()
        else:
            self._write({"boot": self._boot})

    def add(self, index: int) -> None:
        """Note that a piece was written."""
        self.pieces.append(index)
        self._write([index])

    def synced(self, count: int) -> None:
        """Note that the disk has confirmed the first ``count`` of ``pieces``."""
        self._synced = count
        self._write({"synced": count})

    def note_etag(self, etag: str) -> None:
        """Remember which version of the remote file the pieces belong to."""
        self.etag = etag
        self._write({"etag": etag})

    def clear(self) -> None:
        """Begin anew."""
        self._forget()
        os.ftruncate(self._file, 0)
        self._begin()

    def close(self) -> None:
        os.close(self._file)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self._write({**self._head, "piece": self.piece})
        self._write({"boot": self._boot})

    def _write(self, item: object) -> None:
        os.write(self._file, json.dumps(item).encode() + b"\n")

    def _read(self) -> None:
        """Take over an earlier journal of the same file; anything odd counts for nothing.

        A torn last line is cut off, so that the next one starts cleanly.
        """
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return
        lines = text.split(b"\n")[:-1]
        try:
            head = json.loads(lines[0])
            piece = head.pop("piece")
            if head != self._head or not isinstance(piece, int) or piece < 1:
                raise ValueError("another file's journal")
            for line in lines[1:]:
                self._replay(json.loads(line))
        except (ValueError, LookupError, TypeError, AttributeError):
            self._forget()
            self._path.write_bytes(b"")
            return
        self.piece = piece
        os.truncate(self._path, sum(len(line) + 1 for line in lines))

    def _replay(self, item: object) -> None:
        match item:
            case [int(index)]:
                self.pieces.append(index)
            case {"synced": int(count)}:
                self._synced = count
            case {"etag": str(etag)}:
                self.etag = etag
            case {"boot": str(boot)}:
                self._enter(boot)
            case _:
                raise ValueError("not a line of a journal")

    def _enter(self, boot: str) -> None:
        """Go on in a start of the machine: what another one did not sync may be lost."""
        if boot != self._boot or not boot:
            del self.pieces[self._synced :]
        self._boot = boot

    def _forget(self) -> None:
        self.pieces.clear()
        self.etag = ""
        self._synced = 0


def _boot_id() -> str:
    """Names one start of the machine; empty where the system does not say."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""
