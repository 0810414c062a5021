"""A wall clock that jumps under running programs: theirs alone, and not the machine's.

clock = WallClock(library(folder), folder)
with LiveSite(**clock.environ) as site:
    clock.jump(hours=-3)
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """What programs with this ``environ`` take for the time, and their children too."""

    def __init__(self, preloaded: Path, folder: Path) -> None:
        self._file = folder / "wall-clock"
        self._file.write_bytes(bytes(8))
        self.environ = {"LD_PRELOAD": str(preloaded), "WALL_CLOCK_FILE": str(self._file)}

    def jump(self, *, hours: float) -> None:
        """Be so far from the machine's clock from now on."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", round(hours * 3600)))


def library(folder: Path) -> Path:
    """``wall_clock.c``, compiled."""
    compiler = shutil.which("cc")
    if not compiler:
        raise RuntimeError("These tests need a C compiler: apt-get install gcc libc6-dev.")
    made = folder / "wall_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, SOURCE], check=True)
    return made
