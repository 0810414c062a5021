"""When a further connection joins, and how much each asks for."""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import replace

import pytest

from inference.pull.limits import Limits
from inference.pull.pace import IDLE, Pace

LIMITS = Limits(connections=8, run=8, patience=0.0)
# Longer than any test may take.
FOR_EVER = 600.0


def _over() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def _joined(pace: Pace, count: int) -> None:
    for number in range(count):
        pace.join(number, _over())


def _hash(pace: Pace, *, is_new: bool = True) -> None:
    with pace.hashing(is_new=is_new):
        time.sleep(0.01)


def test_it_works() -> None:
    pace, never = Pace(LIMITS), threading.Event()
    for number in range(LIMITS.connections):
        pace.join(number, never)
    assert pace.share(1000, is_behind=False) == LIMITS.run
    assert pace.share(1000, is_behind=True) == LIMITS.run


def test_the_first_connection_waits_for_nothing() -> None:
    Pace(replace(LIMITS, patience=FOR_EVER)).join(0, threading.Event())


def test_a_further_one_waits_until_all_is_over() -> None:
    over = threading.Event()
    threading.Timer(0.05, over.set).start()
    Pace(replace(LIMITS, patience=FOR_EVER)).join(1, over)
    assert over.is_set()


def test_each_further_one_joins_later() -> None:
    pace = Pace(replace(LIMITS, patience=0.02))
    for number in (1, 2, 3):
        pace.join(number, threading.Event())
        assert pace.waited >= math.sqrt(number) * 0.02


def test_none_joins_while_hashing_hardly_waits() -> None:
    pace = Pace(LIMITS)
    _hash(pace)
    pace.join(1, threading.Event())
    assert pace.waited >= 0.01 * IDLE


def test_none_joins_while_receiving_takes_what_the_cores_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace, over = Pace(replace(LIMITS, patience=0.001)), threading.Event()
    pace.join(0, over)
    monkeypatch.setattr(time, "thread_time", lambda: FOR_EVER * (os.cpu_count() or 1))
    pace.received()
    threading.Timer(0.05, over.set).start()
    pace.join(1, over)
    assert over.is_set()
    assert pace.share(1000, is_behind=False) == 32


def test_what_was_here_before_counts_as_waiting() -> None:
    pace = Pace(LIMITS)
    _hash(pace, is_new=False)
    assert pace.waited >= 0.01


@pytest.mark.parametrize(
    ("working", "missing", "share"),
    [(1, 1000, 64), (2, 1000, 32), (8, 1000, 8), (1, 40, 40), (3, 40, 14), (8, 40, 5), (8, 1, 1)],
)
def test_those_at_work_divide_what_is_missing(working: int, missing: int, share: int) -> None:
    pace = Pace(LIMITS)
    _joined(pace, working)
    assert pace.share(missing, is_behind=True) == share


@pytest.mark.parametrize(("missing", "share"), [(1000, 8), (40, 5), (1, 1), (0, 1)])
def test_something_is_left_for_every_other_while_hashing_waits(missing: int, share: int) -> None:
    pace = Pace(LIMITS)
    _joined(pace, 1)
    assert pace.share(missing, is_behind=False) == share
