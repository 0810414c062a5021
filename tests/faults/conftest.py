"""A tiny model, alone in its folder, and a wall clock that jumps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import wall_clock
from tests.faults.wall_clock import WallClock
from tests.inference import tiny_gguf


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.gguf``."""
    folder = tmp_path_factory.mktemp("gguf")
    tiny_gguf.write_model(folder / "tiny.gguf", template=tiny_gguf.CHATML)
    return folder


@pytest.fixture(scope="session")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wall_clock.library(tmp_path_factory.mktemp("wall-clock"))


@pytest.fixture
def clock(preloaded: Path, tmp_path: Path) -> WallClock:
    return WallClock(preloaded, tmp_path)
