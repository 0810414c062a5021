"""Every fuzz target on its finds, its sane inputs, and a little of what hypothesis thinks of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import seeds, targets

FINDS = sorted(path for path in seeds.FINDS.glob("*/*"))
CORPUS = seeds.corpus()
BYTES = st.binary(max_size=400)
SPOILED = {
    name: st.builds(
        lambda data, at, new: data[:at] + new + data[at + len(new) :],
        st.sampled_from(inputs),
        st.integers(0, 600),
        st.binary(min_size=1, max_size=8),
    )
    for name, inputs in CORPUS.items()
}


def test_it_works() -> None:
    assert set(CORPUS) == set(targets.TARGETS)
    for name, inputs in CORPUS.items():
        for data in inputs:
            targets.TARGETS[name](data)


@pytest.mark.parametrize("path", FINDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_find_stays_mended(path: Path) -> None:
    targets.TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_anything_is_read_or_refused(name: str) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(BYTES | SPOILED[name])
    def reads(data: bytes) -> None:
        targets.TARGETS[name](data)

    reads()
