"""Images in requests: their type, and the pixels that they unpack to, told by their first bytes."""

from __future__ import annotations

import base64
import re

# Pillow's ``MAX_IMAGE_PIXELS``, where it warns of a decompression bomb: 256 MiB in colour.
# https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.MAX_IMAGE_PIXELS
MOST_PIXELS = (1 << 30) // 4 // 3
# Of all images of a request: an engine unpacks them together.
MOST_PIXELS_TOGETHER = 2 * MOST_PIXELS
_PNG = b"\x89PNG\r\n\x1a\n"
# Frames by their coding (ITU-T T.81, table B.1): all but tables and restarts.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# A file has some ten segments before its frame, and a profile of colours up to 255.
_MOST_SEGMENTS = 1000
# llama.cpp decodes base64 up to anything else.
_BASE64 = re.compile(r"[A-Za-z0-9+/]{0,1048576}")
_ALL_BASE64 = re.compile(r"[A-Za-z0-9+/]*")


def media_type(image: str) -> str:
    """The type of an image in base64; what is not known is called PNG."""
    head = base64.b64decode(image[:24])
    if head.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if head.startswith(b"RIFF"):
        return "image/webp"
    if head.startswith(b"BM"):
        return "image/bmp"
    return "image/gif" if head.startswith(b"GIF") else "image/png"


def start(text: str) -> bytes:
    """The first bytes of what a text in base64, or a data URI, holds: 768 KiB at most."""
    return _decoded(text, _BASE64)


def whole(text: str) -> bytes:
    """All of what a text in base64, or a data URI, holds."""
    return _decoded(text, _ALL_BASE64)


def pixels(data: bytes) -> int | None:
    """Width times height; 0 where it cannot be read, None for no PNG, JPEG, GIF, BMP or WebP.

    As strict as decoders are, so that none of them finds another size further on.
    """
    if data.startswith(_PNG):
        return _big(data[16:20]) * _big(data[20:24]) if data[12:16] == b"IHDR" else 0
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _little(data[6:8]) * _little(data[8:10])
    if data.startswith(b"BM"):
        return _bitmap(data)
    return _webp(data) if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _decoded(text: str, coded: re.Pattern[str]) -> bytes:
    found = coded.match(text, text.find(",") + 1 if text.startswith("data:") else 0)
    data = found[0] if found else ""
    data = data[:-1] if len(data) % 4 == 1 else data
    return base64.b64decode(data + "=" * (-len(data) % 4))


def _jpeg(data: bytes) -> int:
    """The size of the first frame."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if data[at : at + 1] != b"\xff":
            return 0
        marker = _big(data[at + 1 : at + 2])
        if marker in _FRAMES:
            return _big(data[at + 5 : at + 7]) * _big(data[at + 7 : at + 9])
        if marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            return 0
        # Any number of FF may stand before a marker.
        at += 1 if marker == 0xFF else 2 + _big(data[at + 2 : at + 4])
    return 0


def _bitmap(data: bytes) -> int:
    """Of its header; the oldest one has 16 bits for a side, and a height may be below zero."""
    if _little(data[14:18]) == 12:
        return _little(data[18:20]) * _little(data[20:22])
    return _little(data[18:22]) * abs(int.from_bytes(data[22:26], "little", signed=True))


def _webp(data: bytes) -> int:
    """Its canvas, or its only frame (RFC 9649)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return (_little(data[24:27]) + 1) * (_little(data[27:30]) + 1)
    if kind == b"VP8L":
        sides = _little(data[21:25])
        return ((sides & 0x3FFF) + 1) * ((sides >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        return (_little(data[26:28]) & 0x3FFF) * (_little(data[28:30]) & 0x3FFF)
    return 0


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
