"""The estimate against llama.cpp's own scheduler, for models and workloads it was not made with.

``blind.json`` holds headers of 88 released models that are not in ``families.json``, put
together from published configurations, and random workloads of each: what b11549 reserved
for them on a device that only counts (see ``test_counted.py``), or in RAM. ``drawn.json``
has more of both, drawn anew when what the first had found was mended, with keys and values
of types of their own among them. All cases were drawn
and counted before the estimate was looked at; what they found is told in
``docs/estimate-evidence.md``.
"""

from __future__ import annotations

from statistics import median

import pytest

from tests.wizard.sizing import counted_cases

FIRST, AGAIN = counted_cases.read("blind.json"), counted_cases.read("drawn.json", "blind.json")
CASES = FIRST + AGAIN
# A card's rows of quantised caches are padded, which is no part of their size.
PADDING = 1 << 17
MIB = 1 << 20
# One case in 25 may be under by more than 2 %, none by more than 7 % or 64 MiB.
SELDOM, LEAST, MOST_UNDER = 0.04, 0.93, 64 * MIB


def test_it_works() -> None:
    assert len({case.model for case in CASES}) >= 110
    assert len(FIRST) >= 500
    assert len(AGAIN) >= 250


@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_caches_are_the_engines_to_the_byte(gpus: int) -> None:
    for case in CASES:
        if case.workload.gpus != gpus:
            continue
        found = case.estimated()
        off = case.caches - found.kv_cache - found.recurrent_state
        assert 0 <= off <= (PADDING if case.is_padded else 0), case


@pytest.mark.parametrize(("gpus", "usual"), [(0, 1.02), (1, 1.02), (2, 1.03)])
def test_compute_is_seldom_less_and_usually_near(gpus: int, usual: float) -> None:
    ratios = []
    for case in CASES:
        if case.workload.gpus != gpus:
            continue
        found = case.estimated().compute
        assert found >= min(LEAST * case.compute, case.compute - 4 * MIB), case
        assert found >= case.compute - MOST_UNDER, case
        ratios.append(found / case.compute)
    assert sum(ratio < 0.98 for ratio in ratios) <= SELDOM * len(ratios) + 1
    assert 1 <= median(ratios) <= usual
