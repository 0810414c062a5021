"""Whether a process does anything."""

from __future__ import annotations

import os
from pathlib import Path

from inference.engine.activity import Watch, Work, work_of

HUNG = Work(3.0, 7_000)


def _idle(*looks: tuple[Work | None, float]) -> float:
    watch = Watch(0.0)
    for work, now in looks:
        watch.look(work, now)
    return watch.idle_seconds


def test_it_works(tmp_path: Path) -> None:
    before = work_of(os.getpid())
    (tmp_path / "file").write_bytes(bytes(100_000))
    (tmp_path / "file").read_bytes()
    after = work_of(os.getpid())
    assert before and after
    assert after.bytes_read - before.bytes_read >= 100_000
    assert after.cpu_seconds >= before.cpu_seconds >= 0


def test_who_is_gone_has_no_work() -> None:
    assert work_of(1 << 30) is None


def test_a_process_that_does_nothing_is_idle() -> None:
    assert _idle((HUNG, 0.0), (HUNG, 40.0), (HUNG, 90.0)) == 90.0


def test_what_it_spends_on_saying_how_it_is_is_no_work() -> None:
    assert _idle((HUNG, 0.0), (Work(3.3, 7_000), 90.0)) == 90.0


def test_a_slow_disk_is_a_sign_of_work() -> None:
    assert _idle((HUNG, 0.0), (HUNG, 80.0), (Work(3.0, 7_512), 90.0)) == 0.0


def test_computing_is_a_sign_of_work() -> None:
    assert _idle((HUNG, 0.0), (Work(8.0, 7_000), 60.0), (Work(8.0, 7_000), 70.0)) == 10.0


def test_where_nothing_is_told_nothing_is_said() -> None:
    assert _idle((HUNG, 0.0), (HUNG, 80.0), (None, 90.0)) == 0.0
