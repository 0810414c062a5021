"""Whether a process still does anything, from what Linux counts of it.

A child that waits for a card or a disk which hangs looks like one with a slow disk: it lives,
and loads no further. The difference is that the slow one reads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# Of a core: what a process spends that only answers how it is, and room for a slow machine.
_IDLE_SHARE = 0.05
# Fields of /proc/PID/stat after the name in brackets: user's and system's time, proc_pid_stat(5).
_USER, _SYSTEM = 11, 12
# Fields of /proc/PID/io, proc_pid_io(5): by read(2), and by pages of a mapped file.
_READ = ("rchar", "read_bytes")


@dataclass(frozen=True)
class Work:
    """What a process has done since its begin: seconds of CPU, and bytes read."""

    cpu_seconds: float = 0.0
    bytes_read: int = 0


def work_of(pid: int) -> Work | None:
    """What a process has done; None where the kernel does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        counts = dict(line.split(": ", 1) for line in lines)
        ticks = int(told[_USER]) + int(told[_SYSTEM])
        read = sum(int(counts[name]) for name in _READ)
    except (OSError, ValueError, LookupError):
        return None
    return Work(ticks / os.sysconf("SC_CLK_TCK"), read)


class Watch:
    """For how long a process shows no sign of work. Times are seconds of one clock."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._then: Work | None = None
        self.idle_seconds = 0.0

    def look(self, work: Work | None, now: float) -> None:
        """Take note of what the process has done so far."""
        if work is None or self._then is None or self._has_worked(self._then, work, now):
            self._since, self._then = now, work
        self.idle_seconds = now - self._since

    def _has_worked(self, then: Work, work: Work, now: float) -> bool:
        spent = work.cpu_seconds - then.cpu_seconds
        return work.bytes_read != then.bytes_read or spent > _IDLE_SHARE * (now - self._since)
