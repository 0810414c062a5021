"""Images whose few bytes would unpack to gigabytes in an engine, in every format and dialect."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from inference.api import media
from inference.api.errors import ApiError
from inference.images import MOST_PIXELS, media_type, pixels, start


def _png(width: int, height: int) -> bytes:
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + sides


def _jpeg(before: bytes, marker: int = 0xC0) -> bytes:
    """A frame of 300 × 200 after these segments."""
    return b"\xff\xd8" + before + bytes((0xFF, marker, 0, 11, 8, 0, 200, 1, 44, 1))


def _webp(chunk: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + chunk


def _bmp(*fields: tuple[int, int]) -> bytes:
    """A bitmap whose header has these numbers, each of so many bytes."""
    told = (number.to_bytes(size, "little", signed=True) for number, size in fields)
    return b"BM" + bytes(12) + b"".join(told)


BOMB = _png(26_000, 26_000)
HUGE = base64.b64encode(BOMB).decode()


def test_it_works() -> None:
    assert pixels(_png(640, 480)) == 640 * 480
    assert pixels(BOMB) == 26_000**2 > MOST_PIXELS


@pytest.mark.parametrize(
    ("data", "kind", "count"),
    [
        (b"GIF89a" + bytes((4, 1, 2, 0)), "gif", 260 * 2),
        (_bmp((40, 4), (300, 4), (-200, 4)), "bmp", 300 * 200),
        (_bmp((12, 4), (300, 2), (200, 2)), "bmp", 300 * 200),
        (_jpeg(b""), "jpeg", 300 * 200),
        (_jpeg(b"\xff\xe0\0\4ab" + b"\xff\xff\xfe\0\2", 0xC2), "jpeg", 300 * 200),
        (_webp(b"VP8X" + bytes(8) + bytes((15, 0, 0, 31, 0, 0))), "webp", 16 * 32),
        (_webp(b"VP8L" + bytes(4) + b"\x2f" + bytes((15, 0xC0, 7, 0))), "webp", 16 * 32),
        (_webp(b"VP8 " + bytes(4) + b"abc\x9d\1\x2a" + bytes((16, 0, 32, 0))), "webp", 16 * 32),
    ],
)
def test_every_format_tells_its_size(data: bytes, kind: str, count: int) -> None:
    assert pixels(data) == count
    assert media_type(base64.b64encode(data).decode()) == f"image/{kind}"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(4) + b"CgBI" + bytes(20),
        _jpeg(b"garbage"),
        _jpeg(b"\xff\xd0"),
        _jpeg(b"\xff\xe0\0\2" * 1000),
        _jpeg(b"\xff\xc0")[:8],
        b"GIF89a",
        _webp(b"ALPH"),
    ],
)
def test_a_size_that_decoders_may_find_elsewhere_is_none(data: bytes) -> None:
    assert pixels(data) == 0


def test_what_is_no_image_has_none() -> None:
    assert pixels(b"") is None
    assert pixels(b"RIFF" + bytes(4) + b"WAVE") is None


@pytest.mark.parametrize("text", [HUGE, f"data:image/png;base64,{HUGE}", f"{HUGE}AA", f"{HUGE}A!?"])
def test_what_llama_cpp_decodes_is_looked_at(text: str) -> None:
    assert pixels(start(text)) == 26_000**2


@pytest.mark.parametrize(
    "document",
    [
        {"messages": [{"content": [{"type": "image_url", "image_url": {"url": f"data:,{HUGE}"}}]}]},
        {"messages": [{"content": [{"type": "input_audio", "input_audio": {"data": HUGE}}]}]},
        {"messages": [{"content": [{"type": "image", "source": {"data": HUGE}}]}]},
        {"prompt": {"prompt_string": "<__media__>", "multimodal_data": [HUGE]}},
        {"input": [{"prompt_string": "<__media__>", "multimodal_data": [HUGE]}]},
        {"input": [{"output": [{"type": "input_image", "image_url": f"data:,{HUGE}"}]}]},
    ],
)
def test_openais_and_anthropics_clients_are_told(document: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="89,478,485 pixels"):
        media.check(document)


def test_images_are_bounded_together() -> None:
    image = base64.b64encode(_png(9_000, 9_000)).decode()
    media.check({"prompt": {"multimodal_data": [image] * 2}})
    with pytest.raises(ApiError, match="178,956,970 together"):
        media.check({"prompt": {"multimodal_data": [image] * 3}})


@pytest.mark.parametrize(
    "data",
    [
        b"8BPS" + bytes(30),
        b"#?RADIANCE\n",
        b"P6 60000 60000 255\n",
        bytes((0, 0, 10)) + bytes(9) + b"\xff\xff\xff\xff\x18\0",
        b"\0\0\0\x18ftypmp42",
        b"",
    ],
    ids=["PSD", "HDR", "PNM", "TGA", "MP4", "nothing"],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    coded = base64.b64encode(data).decode()
    for part in ({"url": f"data:image/png;base64,{coded}"}, coded):
        with pytest.raises(ApiError, match="PNG, JPEG, GIF, BMP or WebP"):
            media.check({"messages": [{"content": [{"type": "image_url", "image_url": part}]}]})


def test_what_stands_beside_an_image_or_is_a_document_is_let_through() -> None:
    image = {"url": base64.b64encode(_png(8, 8)).decode(), "detail": "high"}
    document = {"type": "document", "source": {"type": "text", "data": "Some text"}}
    parts = [{"type": "image_url", "image_url": image}, document]
    media.check({"messages": [{"content": parts}]})
