"""A registry to pull from, a folder to pull into, and short waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inference.models import LocalModel
from inference.pull import Progress
from inference.pull.limits import Limits
from inference.pull.pulling import pull
from inference.settings import Settings, load
from tests.standins.weights import Weights

KIB = 1 << 10
QUICK = Limits(
    connections=4,
    piece=64 * KIB,
    run=4,
    patience=0.0,
    attempts=4,
    first_wait=0.001,
    longest_wait=0.01,
    # Longer than a busy machine is silent: what stalls on purpose has tests with less.
    stall_timeout=60.0,
    disk_reserve=0,
    lock_interval=0.01,
)


@dataclass
class Puller:
    """Pulls from the stand-ins into one folder, and keeps what was told on the way."""

    weights: Weights
    folder: Path
    seen: list[Progress] = field(default_factory=list)

    def told(self, *flags: str) -> Settings:
        """Settings that lead to the stand-ins."""
        environ = self.weights.environ(MODELS_DIR=str(self.folder))
        return load(flags, environ, serving=False)

    def pull(
        self, name: str, *flags: str, limits: Limits = QUICK, refresh: bool = False
    ) -> LocalModel:
        """Pull the default model."""
        told = self.told("--model", name, *flags)
        return pull(told.models[0], told, self.seen.append, limits=limits, refresh=refresh)

    def leftovers(self) -> list[str]:
        """Files of unfinished downloads."""
        blobs = self.folder / "blobs"
        return [path.name for path in blobs.glob("*") if path.suffix in (".part", ".journal")]


@pytest.fixture
def weights() -> Iterator[Weights]:
    with Weights() as servers:
        yield servers


@pytest.fixture
def puller(weights: Weights, tmp_path: Path) -> Puller:
    return Puller(weights, tmp_path / "models")
