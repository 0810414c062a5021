"""A download's progress for a terminal, for a log, and as JSON lines."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

import orjson

from inference.pull.progress import Progress, Stage
from inference.pull.store import bytes_text

LOG_INTERVAL = 10.0


class Bar:
    """A bar on a terminal; elsewhere a line of text now and then."""

    def __init__(self, title: str) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._title = title
        self._stage: Stage | None = None
        self._told = 0.0

    def tell(self, progress: Progress) -> None:
        if self._is_terminal:
            self._draw(progress)
        elif self._stage is not progress.stage or time.monotonic() - self._told >= LOG_INTERVAL:
            self._told = time.monotonic()
            print(text(progress), file=sys.stderr, flush=True)  # noqa: T201 - its purpose
        self._stage = progress.stage

    def _draw(self, progress: Progress) -> None:
        if not progress.size:
            return
        if self._bar is None:
            # A server never draws, and would wait for this import at every start.
            from tqdm import tqdm  # noqa: PLC0415

            self._bar = tqdm(
                desc=self._title[-40:],
                total=progress.size,
                initial=progress.done,
                unit="B",
                unit_scale=True,
                file=sys.stderr,
            )
        self._bar.set_postfix_str(str(progress.stage), refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


class JsonLines(Bar):
    """Every step as one JSON line on standard output."""

    def __init__(self) -> None:
        super().__init__("")

    def tell(self, progress: Progress) -> None:
        print(orjson.dumps(as_json(progress)).decode(), flush=True)  # noqa: T201 - its purpose


def as_json(progress: Progress) -> dict[str, object]:
    """Progress as plain values."""
    return {
        "model": progress.model,
        "stage": str(progress.stage),
        "done": progress.done,
        "size": progress.size,
        "bytes_per_second": round(progress.bytes_per_second),
        "seconds_left": None if progress.seconds_left is None else round(progress.seconds_left),
    }


def text(progress: Progress) -> str:
    """Progress as a sentence for a log."""
    if progress.stage is not Stage.DOWNLOADING:
        return f"{progress.model}: {progress.stage}"
    done, size = bytes_text(progress.done), bytes_text(progress.size)
    speed = f", {bytes_text(progress.bytes_per_second)}/s" if progress.bytes_per_second else ""
    left = f", {duration_text(progress.seconds_left)} left" if progress.seconds_left else ""
    return f"{progress.model}: {done} of {size}{speed}{left}"


def duration_text(seconds: float) -> str:
    """``42 s``, ``3 min``, ``1 h 20 min``."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
