from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.standins import gguf
from wizard.registry import gguf_header
from wizard.registry.errors import UnreadableHeader
from wizard.registry.gguf_header import FIRST_READ
from wizard.registry.gguf_reader import MAX_HEADER, NeedMoreBytes

KEYS = gguf.llama("llama", vocab=100)


class Source:
    """A file that records which ranges are asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []

    def fetch(self, start: int, stop: int) -> bytes:
        self.asked.append((start, stop))
        return self.data[start:stop]

    def read(self) -> gguf_header.Header:
        return gguf_header.read(self.fetch, len(self.data))


def _start(keys: int, tensors: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def _array(kind: int, count: int) -> bytes:
    return gguf.string("some.array") + struct.pack("<IIQ", 9, kind, count)


def test_it_works() -> None:
    header = Source(gguf.file(KEYS, {"token_embd.weight": [64, 100]})).read()
    assert header.architecture_name == "llama"
    assert header.quantisation == "Q4_K_M"
    assert header.tensors == {"token_embd.weight": 4 * 64 * 100}
    assert header.architecture().vocab_size == 100


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("general.quantized_by", "Unsloth", "UD-Q4_K_M"),
        ("quantize.imatrix.file", "Qwen3.5-9B-GGUF/imatrix_unsloth.gguf", "UD-Q4_K_M"),
        ("general.quantized_by", "bartowski", "Q4_K_M"),
        ("general.base_model.0.organization", "Unsloth", "Q4_K_M"),
    ],
)
def test_unsloths_own_mixes_are_named_so(key: str, value: str, name: str) -> None:
    assert Source(gguf.file(KEYS | {key: value}, {})).read().quantisation == name


def test_every_scalar_type_is_read() -> None:
    values: dict[str, gguf.Value] = {
        "u8": gguf.Typed(0, 18),
        "i8": gguf.Typed(1, -19),
        "u16": gguf.Typed(2, 4660),
        "i16": gguf.Typed(3, -4661),
        "u32": 305_419_896,
        "i32": -305_419_897,
        "f32": 0.5,
        "bool": True,
        "text": "hello",
        "u64": gguf.Typed(10, 1 << 60),
        "i64": gguf.Typed(11, -(1 << 60)),
        "f64": gguf.Typed(12, 0.1),
    }
    plain = {k: v.value if isinstance(v, gguf.Typed) else v for k, v in values.items()}
    assert gguf_header.parse(gguf.file(values)).keys == plain


def test_short_arrays_of_numbers_are_kept_and_strings_only_counted() -> None:
    header = gguf_header.parse(gguf.file({"numbers": [1, 2, 3], "words": ["a", "b"]}))
    assert header.keys == {"numbers": (1, 2, 3)}
    assert header.array_lengths == {"numbers": 3, "words": 2}


def test_64_kibibytes_are_enough_for_a_large_vocabulary() -> None:
    source = Source(gguf.file(gguf.llama("qwen3", vocab=150_000)))
    assert source.read().architecture().vocab_size == 150_000
    assert source.asked == [(0, FIRST_READ)]


def test_keys_behind_the_vocabulary_are_read_on_for() -> None:
    keys = gguf.llama("qwen3", vocab=20_000)
    late = {"qwen3.block_count": keys.pop("qwen3.block_count")}
    source = Source(gguf.file({**keys, **late}))
    assert source.read().architecture().layers == 2
    assert len(source.asked) > 1
    ends = [stop for _, stop in source.asked]
    assert [start for start, _ in source.asked] == [0, *ends[:-1]]


def test_architecture_may_come_after_the_keys_that_it_names() -> None:
    keys = {key: KEYS[key] for key in sorted(KEYS, reverse=True)}
    assert Source(gguf.file(keys)).read().architecture().layers == 2


def test_the_chat_template_is_read() -> None:
    assert gguf_header.parse(gguf.file(KEYS)).chat_template == ""
    with_one = gguf_header.parse(gguf.file({**KEYS, "tokenizer.chat_template": "{{ x }}"}))
    assert with_one.chat_template == "{{ x }}"


def test_parse_asks_for_more() -> None:
    data = gguf.file(KEYS)
    with pytest.raises(NeedMoreBytes) as raised:
        gguf_header.parse(data[:40])
    assert 40 < raised.value.minimum <= len(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\x03\x04" + bytes(100), "not a GGUF"),
        (_start(1, version=1), "version 1"),
        (_start(1, version=0x03000000), "little-endian"),
        (_start(1 << 40), "which no model has"),
        (_start(0, tensors=1 << 40), "which no model has"),
        (_start(1) + struct.pack("<Q", 1 << 62), "a name of"),
        (_start(1) + gguf.string("k") + struct.pack("<IQ", 8, 1 << 62), "over 32 MiB"),
        (_start(1) + gguf.string("k") + struct.pack("<I", 77), "unknown type 77"),
        (_start(1) + _array(8, 1 << 60), "an array of"),
        (_start(1) + _array(4, 1 << 60), "over 32 MiB"),
        (_start(1) + _array(99, 5), "unknown type 99"),
        (_start(1) + _array(9, 1) + struct.pack("<IQ", 9, 1) + bytes(64), "unknown type 9"),
        (_start(0, 1) + gguf.string("t") + struct.pack("<I", 900), "900 dimensions"),
    ],
)
def test_a_hostile_header_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableHeader, match=sentence):
        gguf_header.parse(data)
    with pytest.raises(UnreadableHeader):
        Source(data).read()


def test_the_same_tensor_twice_is_refused() -> None:
    tensor = gguf.string("t") + struct.pack("<IQIQ", 1, 4, 0, 0)
    with pytest.raises(UnreadableHeader, match="twice"):
        gguf_header.parse(_start(0, 2) + tensor * 2)


def test_a_file_that_ends_in_its_header_is_refused() -> None:
    data = gguf.file(KEYS)[:300]
    with pytest.raises(UnreadableHeader, match="ends"):
        Source(data).read()


def test_an_endless_vocabulary_is_given_up_after_the_limit() -> None:
    def fetch(start: int, stop: int) -> bytes:
        head = _start(1000) + _array(8, (MAX_HEADER // 8) - 10)
        return head + bytes(stop - len(head)) if start == 0 else bytes(stop - start)

    with pytest.raises(UnreadableHeader):
        gguf_header.read(fetch, 1 << 40)


def test_a_server_that_sends_too_much_changes_nothing() -> None:
    data = gguf.file(KEYS)
    header = gguf_header.read(lambda start, _stop: data[start:] + b"junk", len(data))
    assert header.architecture_name == "llama"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_any_bytes_are_a_header_or_refused(tail: bytes) -> None:
    for data in (tail, _start(3, 2) + tail, gguf.header(KEYS)[: len(tail)] + tail):
        try:
            Source(data).read().architecture()
        except UnreadableHeader as error:
            assert str(error)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_flipped_byte_is_a_header_or_refused(data: st.DataObject) -> None:
    raw = bytearray(gguf.file(KEYS, {"token_embd.weight": [4, 4]}))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    source = Source(bytes(raw))
    try:
        source.read().architecture()
    except UnreadableHeader as error:
        assert str(error)
    assert all(stop <= MAX_HEADER for _, stop in source.asked)
