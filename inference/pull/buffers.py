"""Memory for pieces, and what of it is kept until it is hashed."""

from __future__ import annotations

from collections import deque

# Pieces ahead of hashing that are kept for it. What is further ahead is read back.
KEPT = 4


class Buffers:
    """Memory for one download's pieces of at most ``size`` bytes, used again and again.

    Hashing takes what has just arrived out of memory; what it comes to only later it
    reads from the file.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._spare: deque[memoryview] = deque()
        self._kept: dict[int, memoryview] = {}

    def take(self) -> memoryview:
        """Memory to receive a piece into."""
        try:
            return self._spare.pop()
        except IndexError:
            return memoryview(bytearray(self._size))

    def give_back(self, memory: memoryview) -> None:
        """Memory that nobody looks at any more."""
        self._spare.append(memory)

    def keep(self, index: int, memory: memoryview, *, hashed: int) -> None:
        """A piece that has landed, where the first ``hashed`` pieces are hashed."""
        if index < hashed + KEPT:
            self._kept[index] = memory
        else:
            self.give_back(memory)

    def kept(self, index: int) -> memoryview | None:
        """The memory of a piece, to be given back; None where it has to be read from the file."""
        return self._kept.pop(index, None)
