"""Which pieces of an unfinished file are on disk: what a start after a kill goes on from.

One line a piece, with a checksum, so that what a crash of the machine lost or
garbled is found piece by piece when it is read again.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

FORMAT = 1


class Journal:
    """The finished pieces of one file, in a file beside it."""

    def __init__(self, path: Path, *, digest: str, size: int, piece: int) -> None:
        self.piece = piece
        self.etag = ""
        self.checksums: dict[int, int] = {}
        self._path = path
        self._head = {"format": FORMAT, "digest": digest, "size": size}
        self._read()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(self._file).st_size == 0:
            self._write({**self._head, "piece": self.piece})

    def add(self, index: int, data: bytes | memoryview) -> None:
        """Note that a piece is on disk."""
        self.checksums[index] = zlib.crc32(data)
        self._write([index, self.checksums[index]])

    def holds(self, index: int, data: bytes | memoryview) -> bool:
        """Whether bytes are those that were noted."""
        return self.checksums.get(index) == zlib.crc32(data)

    def forget(self, index: int) -> None:
        """A piece proved bad."""
        self.checksums.pop(index, None)
        self._write([index, None])

    def note_etag(self, etag: str) -> None:
        """Remember which version of the remote file the pieces belong to."""
        self.etag = etag
        self._write({"etag": etag})

    def clear(self) -> None:
        """Begin anew."""
        self.checksums.clear()
        self.etag = ""
        os.ftruncate(self._file, 0)
        self._write({**self._head, "piece": self.piece})

    def close(self) -> None:
        os.close(self._file)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

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
            self.piece = piece
            for line in lines[1:]:
                self._replay(json.loads(line))
        except (ValueError, LookupError, TypeError, AttributeError):
            self.checksums.clear()
            self.etag = ""
            self._path.write_bytes(b"")
            return
        os.truncate(self._path, sum(len(line) + 1 for line in lines))

    def _replay(self, item: object) -> None:
        if isinstance(item, dict):
            self.etag = str(item["etag"])
        elif isinstance(item, list):
            index, checksum = item
            if checksum is None:
                self.checksums.pop(index, None)
            else:
                self.checksums[int(index)] = int(checksum)
