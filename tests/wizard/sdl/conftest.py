"""The judge, once for each test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.judge.client import Judge


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """Akash's own validator. Fails with a sentence where it is not installed."""
    with Judge() as running:
        yield running
