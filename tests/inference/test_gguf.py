"""The local GGUF reader: facts from good files, one sentence about bad ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference import gguf
from inference.errors import UnreadableModel
from inference.gguf_types import FILE_TYPES, TENSOR_TYPES
from tests.standins.gguf import Typed, Value, file, header, llama, string
from wizard.registry import gguf_tensors, quantisation

KEYS: dict[str, Value] = {
    "general.architecture": "llama",
    "general.file_type": 15,
    "llama.context_length": 4096,
}


def _written(folder: Path, data: bytes) -> Path:
    path = folder / "m.gguf"
    path.write_bytes(data)
    return path


def test_it_works(tmp_path: Path) -> None:
    path = _written(tmp_path, file(KEYS, {"token_embd.weight": (64, 100), "norm": (64,)}))
    found = gguf.check(path)
    assert found.architecture == "llama"
    assert found.context_length == 4096
    assert found.quantisation == "Q4_K_M"
    assert found.parameters == 64 * 100 + 64
    assert found.end == found.file_size == path.stat().st_size
    assert found.tensors[0].type == "F32"


def test_a_whole_model_reads(tmp_path: Path) -> None:
    found = gguf.check(_written(tmp_path, file(llama())))
    assert found.architecture == "llama"
    assert found.fact("block_count") == 2


def test_long_lists_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(2000)]
    path = _written(
        tmp_path, file({**KEYS, "tokens": words, "scores": [0.5] * 2000, "few": [1, 2]})
    )
    short, whole = gguf.read(path).metadata, gguf.read(path, arrays=True).metadata
    assert short["tokens"] == short["scores"] == gguf.Omitted(2000)
    assert short["few"] == [1, 2]
    assert whole["tokens"] == words
    assert whole["scores"] == [0.5] * 2000


def test_every_type_reads(tmp_path: Path) -> None:
    values: dict[str, Value] = {
        str(kind): Typed(kind, 1) for kind in (0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12)
    }
    found = gguf.read(_written(tmp_path, file(values))).metadata
    assert found == dict.fromkeys(values, 1)


def test_the_site_and_the_runtime_know_the_same_types() -> None:
    """Each reads headers by itself: the image has no wizard, and the wizard no engine."""
    known = {number: (kind.size, kind.block) for number, kind in TENSOR_TYPES.items()}
    assert known == gguf_tensors.BLOCKS
    assert {kind.name: number for number, kind in TENSOR_TYPES.items()} == gguf_tensors.TYPES
    for number, name in FILE_TYPES.items():
        assert quantisation.of_file_type(number) == quantisation.plain(name)


def test_missing_weights_are_noticed(tmp_path: Path) -> None:
    data = file(KEYS, {"token_embd.weight": (64, 100)})
    path = _written(tmp_path, data[:-1])
    assert gguf.read(path).parameters == 6400
    with pytest.raises(UnreadableModel, match="1 bytes of its weights are missing"):
        gguf.check(path)


def _array(kind: int, length: int) -> bytes:
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k")
    return start + struct.pack("<IIQ", 9, kind, length)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut short"),
        (b"GGU", "cut short"),
        (b"<html>", "does not begin with"),
        (header(KEYS, version=1), "version is 1"),
        (header(KEYS, version=3 << 24), "version is"),
        (header(KEYS)[:-1], "cut short"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "claims"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62), "text of"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<I", 99), "type 99"),
        (_array(4, 1 << 60), "cannot be"),
        (_array(4, 20), "cut short"),
        (_array(8, 20), "cut short"),
        (_array(8, 2000) + string("a") * 1999, "cut short"),
        (_array(8, 2000) + string("a") * 1999 + struct.pack("<Q", 2), "cut short"),
        (_array(8, 2000) + string("a") * 1999 + struct.pack("<Q", 1 << 40), "text of"),
        (_array(9, 1) + struct.pack("<IQ", 9, 1) * 5, "cannot be"),
        (header({"general.alignment": 0}), "alignment"),
        (header({"general.alignment": "x"}), "alignment"),
        (header({}, {"t": (1, 1, 1, 1, 1)}), "5 dimensions"),
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(UnreadableModel, match=words):
        gguf.check(_written(tmp_path, data))


def test_a_missing_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match="cannot be read"):
        gguf.read(tmp_path / "none.gguf")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_hostile_bytes_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    good = bytearray(file({**KEYS, "list": ["a", "b"], "numbers": [1, 2]}, {"t": (4, 4)}))
    for place in data.draw(st.lists(st.integers(4, len(good) - 1), max_size=6)):
        good[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    path = _written(tmp_path, bytes(good[:cut]))
    try:
        assert gguf.check(path).end <= cut
    except UnreadableModel as error:
        assert str(error)
