"""How far a download is: one value for the status page, the logs and the metrics."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

SPEED_WINDOW = 10.0
SHORTEST_INTERVAL = 0.2


class Stage(StrEnum):
    """What is being done."""

    WAITING = "waiting for another process"
    RESOLVING = "reading the registry"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    READY = "ready"


@dataclass(frozen=True)
class FileProgress:
    """One file: its registry name, digest (``sha256:…``), bytes on disk, and size."""

    name: str
    digest: str
    done: int
    size: int


@dataclass(frozen=True)
class Progress:
    """A download at one moment. Sizes are bytes.

    ``received`` counts only what this process downloaded: what a start before
    had left on disk is in ``done``. ``seconds_left`` is None while unknown.
    """

    model: str
    stage: Stage
    files: tuple[FileProgress, ...] = ()
    received: int = 0
    bytes_per_second: float = 0.0
    seconds_left: float | None = None

    @property
    def done(self) -> int:
        return sum(file.done for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def fraction(self) -> float:
        """From 0 to 1; 0 while the size is unknown."""
        return self.done / self.size if self.size else 0.0


Callback = Callable[[Progress], None]


def ignore(_progress: Progress) -> None:
    """The callback of those who do not want to know."""


class Meter:
    """Turns bytes that land into Progress values, a few a second."""

    def __init__(self, model: str, callback: Callback) -> None:
        self._model = model
        self._callback = callback
        self._stage = Stage.RESOLVING
        self._files: dict[str, FileProgress] = {}
        self._received = 0
        self._samples: deque[tuple[float, int]] = deque(maxlen=256)
        self._told = 0.0

    def stage(self, stage: Stage) -> None:
        """Enter a stage, and tell it at once."""
        self._stage = stage
        self.tell()

    def expect(self, digest: str, name: str, done: int, size: int) -> None:
        """Announce a file, with the bytes of it that are on disk already."""
        self._files[digest] = FileProgress(name, digest, done, size)

    def received(self, digest: str, count: int) -> None:
        """Count bytes that came in and are on disk."""
        self._received += count
        file = self._files[digest]
        self._files[digest] = FileProgress(file.name, digest, file.done + count, file.size)
        if time.monotonic() - self._told >= SHORTEST_INTERVAL:
            self.tell()

    def tell(self) -> None:
        self._told = time.monotonic()
        self._samples.append((self._told, self._received))
        self._callback(self.now())

    def now(self) -> Progress:
        """The state at this moment."""
        speed = self._speed()
        files = tuple(self._files.values())
        left = sum(file.size - file.done for file in files)
        seconds = left / speed if speed and self._stage is Stage.DOWNLOADING else None
        return Progress(self._model, self._stage, files, self._received, speed, seconds)

    def _speed(self) -> float:
        """Bytes per second over the last seconds."""
        while len(self._samples) > 2 and self._samples[-1][0] - self._samples[0][0] > SPEED_WINDOW:
            self._samples.popleft()
        if len(self._samples) < 2:
            return 0.0
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return (after - before) / (end - start) if end > start else 0.0
