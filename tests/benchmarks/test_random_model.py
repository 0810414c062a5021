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


def test_with_a_period_each_token_is_followed_by_another(tmp_path: Path) -> None:
    """The rows of the output matrix are vectors of the tokens before."""
    path = write(tmp_path / "m.gguf", Shape(layers=1, width=64, hidden=64, period=7))
    rows = {name: _rows(path, name) for name in ("token_embd.weight", "output.weight")}
    circle = range(95, 102)
    for token, following in zip(circle, (*circle[1:], circle[0]), strict=True):
        assert rows["output.weight"][following] == rows["token_embd.weight"][token]
    assert not any(map(any, _rows(path, "blk.0.ffn_down.weight")))


def _rows(path: Path, name: str) -> list[bytes]:
    header = gguf.check(path)
    (tensor,) = (each for each in header.tensors if each.name == name)
    start, row = header.data_offset + tensor.offset, (tensor.size or 0) // tensor.shape[1]
    data = path.read_bytes()[start:]
    return [data[number * row : (number + 1) * row] for number in range(tensor.shape[1])]
