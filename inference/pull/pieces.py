"""Who downloads which piece of a file: the book-keeping of one parallel download."""

from __future__ import annotations

from collections.abc import Iterable

_MISSING, _TAKEN, _STORED = 0, 1, 2


class Pieces:
    """The pieces of a file of ``size`` bytes; the last one may be shorter."""

    def __init__(self, size: int, piece: int, stored: Iterable[int] = ()) -> None:
        self.size = size
        self.piece = piece
        self.count = -(-size // piece)
        self._states = bytearray(self.count)
        for index in stored:
            if 0 <= index < self.count:
                self._states[index] = _STORED

    def start(self, index: int) -> int:
        """The first byte of a piece."""
        return index * self.piece

    def length(self, index: int) -> int:
        """The bytes of a piece."""
        return min(self.piece, self.size - self.start(index))

    def take(self, most: int) -> range | None:
        """The first missing pieces in a row, at most ``most``; None where none is missing."""
        first = self.first_missing
        if first is None:
            return None
        last = first
        while last < min(self.count, first + most) and self._states[last] == _MISSING:
            self._states[last] = _TAKEN
            last += 1
        return range(first, last)

    def put_back(self, run: range) -> None:
        """Give up the pieces of a run that did not land."""
        for index in run:
            if self._states[index] == _TAKEN:
                self._states[index] = _MISSING

    def store(self, index: int) -> None:
        self._states[index] = _STORED

    def is_stored(self, index: int) -> bool:
        return index < self.count and self._states[index] == _STORED

    @property
    def first_missing(self) -> int | None:
        """The first piece that nobody downloads yet."""
        first = self._states.find(_MISSING)
        return None if first < 0 else first

    @property
    def missing(self) -> int:
        """How many pieces nobody downloads yet."""
        return self._states.count(_MISSING)

    @property
    def is_complete(self) -> bool:
        return self._states.count(_STORED) == self.count

    @property
    def stored_bytes(self) -> int:
        return sum(self.length(index) for index in range(self.count) if self.is_stored(index))
