"""What the container may take of its machine: memory in bytes, and CPUs.

Both versions of Linux' control groups are read, as a container sees its own:
https://docs.kernel.org/admin-guide/cgroup-v2.html and
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 62
# What was read of files, a model's weights among them, is given back when memory runs short.
_CACHED = ("inactive_file", "active_file")


def free_memory(root: Path = ROOT) -> int:
    """Bytes that are left of the limit, what is only cached counted in; or UNLIMITED."""
    limit = _number(root / "memory.max")
    if limit is not None:
        return _left(limit, root / "memory.current", root / "memory.stat", "")
    older = root / "memory"
    limit = _number(older / "memory.limit_in_bytes")
    if limit is None:
        return UNLIMITED
    return _left(limit, older / "memory.usage_in_bytes", older / "memory.stat", "total_")


def threads(root: Path = ROOT) -> int | None:
    """Threads that the share of CPU time can keep running; None where it takes no share.

    llama.cpp counts the machine's cores, and its threads wait for each other: those
    beyond the share are stopped in the midst of it, and all others with them.
    """
    quota, period = _quota(root)
    if not quota or not period:
        return None
    share = math.ceil(quota / period)
    return share if share < len(os.sched_getaffinity(0)) else None


def _left(limit: int, used: Path, statistics: Path, prefix: str) -> int:
    lines = dict(line.split(" ", 1) for line in _text(statistics).splitlines() if " " in line)
    cached = sum(int(lines.get(prefix + name, 0)) for name in _CACHED)
    return max(0, limit - max(0, (_number(used) or 0) - cached))


def _quota(root: Path) -> tuple[int | None, int | None]:
    """Microseconds of CPU time, and in how many microseconds; None for no limit."""
    words = _text(root / "cpu.max").split()
    if len(words) == 2:
        return (int(words[0]) if words[0].isdigit() else None), int(words[1])
    older = root / "cpu"
    return _number(older / "cpu.cfs_quota_us"), _number(older / "cpu.cfs_period_us")


def _number(path: Path) -> int | None:
    """A file's one number; None where there is no file, or it says that there is no limit."""
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
