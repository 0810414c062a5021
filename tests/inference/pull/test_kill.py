"""Kill -9 at random moments: the next start goes on, and ends with the same bytes."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

from tests.faults.outcomes import SOON
from tests.inference.pull.child import LIMITS, PIECE
from tests.standins.weights import Weights, all_is_well, gguf

NAME = "hf.co/user/repo:Q8_0"
SIZE = 12 << 20
KILLS = 10


def test_it_works(weights: Weights, tmp_path: Path) -> None:
    data = gguf(SIZE, 7)
    weights.add_hub("user/repo", {"m-Q8_0.gguf": data})
    chance = random.Random(20261123)  # noqa: S311 - the same moments in every run
    part = tmp_path / "blobs" / f"sha256-{hashlib.sha256(data).hexdigest()}.part"
    resumed = 0
    for _ in range(KILLS):
        kept = _pieces_in(part.with_suffix(".journal"))
        found = _killed_after(chance.randrange(SIZE // KILLS), weights, tmp_path)
        assert found in (None, kept)
        resumed += bool(found)
    assert resumed
    ready = _run(weights, tmp_path)
    path = Path(ready.communicate()[0].split()[-1])
    assert ready.returncode == 0
    assert path.read_bytes() == data
    assert not part.exists()
    assert PIECE * LIMITS.connections < 64 << 20


def _killed_after(count: int, weights: Weights, folder: Path) -> int | None:
    """Kill a pull after so many bytes of weights.

    Returns the bytes that it found at its start, None where it died before it told.
    """
    running: Future[subprocess.Popen[str]] = Future()
    goal = weights.sent + count

    def watch(_count: int) -> None:
        if weights.sent >= goal:
            running.result(SOON).kill()

    weights.on_bytes = watch
    child = _run(weights, folder)
    running.set_result(child)
    told = child.communicate()[0].split()
    weights.on_bytes = all_is_well
    assert child.returncode == -9
    return int(told[1]) if told else None


def _run(weights: Weights, folder: Path) -> subprocess.Popen[str]:
    environ = {**os.environ, **weights.environ(MODELS_DIR=str(folder))}
    command = [sys.executable, "-m", "tests.inference.pull.child", NAME]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def _pieces_in(journal: Path) -> int:
    """Bytes that a journal has noted; its last line may be torn."""
    if not journal.exists():
        return 0
    lines = journal.read_text().split("\n")[:-1]
    return sum(_length(int(line[1:-1])) for line in lines if line.startswith("["))


def _length(index: int) -> int:
    return min(PIECE, SIZE - index * PIECE)
