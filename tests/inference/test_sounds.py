"""Sounds whose few bytes would unpack to gigabytes in an engine."""

from __future__ import annotations

import base64
import struct

import pytest

from inference.api import media
from inference.api.errors import ApiError
from inference.sounds import MOST_SECONDS, UNKNOWN, seconds


def _wav(rate: int = 16_000, size: int = 32_000, kind: int = 1, block: int = 2) -> bytes:
    told = struct.pack("<HHIIHH", kind, 1, rate, rate * block, block, 16)
    chunks = b"LIST\3\0\0\0abc\0" + b"fmt " + struct.pack("<I", len(told)) + told
    return b"RIFF\0\0\0\0WAVE" + chunks + b"data" + struct.pack("<I", size)


def _flac(rate: int, samples: int) -> bytes:
    return b"fLaC" + bytes(14) + (rate << 44 | samples).to_bytes(8, "big")


# MPEG 2.5: 72 bytes for 72 ms.
SLOW = b"\xff\xe3\x18\xc4" + bytes(68)
# MPEG 1, layer III, 32 kbit/s, 48 kHz: 96 bytes for 24 ms.
FRAME = b"\xff\xfb\x14\xc4" + bytes(92)


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (_wav(), 1.0),
        (_wav(kind=17, block=256), 4.0),
        (_flac(44_100, 88_200), 2.0),
        (b"ID3\4\0\0\0\0\0\2ab" + _flac(8000, 8000), 1.0),
        (b"ID3\4\0\0\0\0\0\2ab" + FRAME * 10, 0.24),
        (FRAME * 10, 0.24),
        (FRAME + b"garbage\xff" + FRAME, 0.048),
        (b"\xff\xf3\x14\xc4" + bytes(20), 576 / 24_000),
    ],
)
def test_it_works(data: bytes, length: float) -> None:
    assert seconds(data) == pytest.approx(length)


@pytest.mark.parametrize(
    "data",
    [
        _wav(rate=0),
        _wav(block=0),
        b"RIFF\0\0\0\0WAVE",
        _flac(44_100, 0),
        _flac(0, 5),
        b"ID3\4\0\0\0\0\0\0OggS",
        b"\xff\xfb\xfc\xff\xff",
    ],
)
def test_a_length_that_is_not_told_is_unknown(data: bytes) -> None:
    assert seconds(data) == UNKNOWN


@pytest.mark.parametrize("data", [b"", b"OggS", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff\xe0"])
def test_what_is_no_sound_has_none(data: bytes) -> None:
    assert seconds(data) is None


@pytest.mark.parametrize(
    "data",
    [_wav(rate=1), _wav(size=0xFFFFFFFF), _flac(1, 1 << 35), SLOW * 51_000],
    ids=["rate", "size", "samples", "frames"],
)
def test_what_would_fill_the_memory_is_refused(data: bytes) -> None:
    part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode()}}
    with pytest.raises(ApiError, match="3,600 seconds"):
        media.check({"messages": [{"content": [part]}]})


def test_sounds_are_bounded_together() -> None:
    half = _wav(size=int(MOST_SECONDS * 0.6) * 32_000)
    coded = base64.b64encode(half).decode()
    media.check({"prompt": {"multimodal_data": [coded]}})
    with pytest.raises(ApiError, match="3,600 seconds"):
        media.check({"prompt": {"multimodal_data": [coded] * 2}})
