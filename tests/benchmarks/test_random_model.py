"""The model of random weights: one file for one seed, and a file that llama.cpp can load."""

from __future__ import annotations

from pathlib import Path

from benchmarks.random_model import Shape, write
from inference import gguf

TINY = Shape(layers=1, width=64, hidden=64, vocabulary=1000)


def test_it_works(tmp_path: Path) -> None:
    header = gguf.check(write(tmp_path / "m.gguf", TINY))
    assert header.architecture == "llama"
    assert header.quantisation == "Q8_0"
    assert header.end == header.file_size
    assert header.parameters > 2 * 1000 * 64


def test_a_seed_gives_one_file(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("1.gguf", "2.gguf", "3.gguf"))
    write(first, TINY)
    write(second, TINY)
    write(other, TINY, seed=8)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()
