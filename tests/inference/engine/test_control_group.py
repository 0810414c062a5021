"""What a container's control group leaves to the engine, in both versions of its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from inference.engine import control_group

GIB = 1 << 30
CORES = len(os.sched_getaffinity(0))
STATISTICS = f"anon {GIB}\ninactive_file {2 * GIB}\nactive_file {GIB}\nshmem 0\n"
OLDER = f"cache {9 * GIB}\ntotal_inactive_file {2 * GIB}\ntotal_active_file {GIB}\n"


def _written(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def test_it_works(tmp_path: Path) -> None:
    root = _written(
        tmp_path,
        {
            "memory.max": f"{8 * GIB}\n",
            "memory.current": f"{4 * GIB}\n",
            "memory.stat": STATISTICS,
            "cpu.max": "50000 100000\n",
        },
    )
    assert control_group.free_memory(root) == 7 * GIB
    assert control_group.threads(root) == (1 if CORES > 1 else None)


def test_version_1(tmp_path: Path) -> None:
    root = _written(
        tmp_path,
        {
            "memory/memory.limit_in_bytes": f"{8 * GIB}\n",
            "memory/memory.usage_in_bytes": f"{4 * GIB}\n",
            "memory/memory.stat": OLDER,
            "cpu/cpu.cfs_quota_us": "100000\n",
            "cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert control_group.free_memory(root) == 7 * GIB
    assert control_group.threads(root) == (1 if CORES > 1 else None)


def test_weights_that_were_just_downloaded_are_no_loss(tmp_path: Path) -> None:
    """They fill the page cache up to the limit, and leave it as memory is asked for."""
    root = _written(
        tmp_path,
        {
            "memory.max": str(8 * GIB),
            "memory.current": str(8 * GIB),
            "memory.stat": f"anon 0\ninactive_file {8 * GIB - 4096}\nactive_file 0\n",
        },
    )
    assert control_group.free_memory(root) == 8 * GIB - 4096


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"memory.max": "max\n", "memory.current": "1\n", "cpu.max": "max 100000\n"},
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_no_limit(tmp_path: Path, files: Mapping[str, str]) -> None:
    root = _written(tmp_path, files)
    assert control_group.free_memory(root) == control_group.UNLIMITED
    assert control_group.threads(root) is None


def test_a_limit_that_is_exceeded_leaves_nothing(tmp_path: Path) -> None:
    root = _written(tmp_path, {"memory.max": "100", "memory.current": "200"})
    assert control_group.free_memory(root) == 0


def test_a_share_begun_counts_as_a_thread(tmp_path: Path) -> None:
    root = _written(tmp_path, {"cpu.max": f"{CORES * 100_000 - 150_000} 100000\n"})
    expected = CORES - 1 if CORES > 1 else None
    assert control_group.threads(root) == expected


def test_a_share_of_all_cores_is_none(tmp_path: Path) -> None:
    root = _written(tmp_path, {"cpu.max": f"{CORES * 100_000} 100000\n"})
    assert control_group.threads(root) is None
