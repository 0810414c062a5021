"""Images and sounds of a request: sent as data, of a kind that is known, and of a bounded size.

llama-server would fetch links, our own network's included, and its decoders unpack what a header
says: an image of 82 KB to four gigabytes, a sound of a kilobyte to sixty megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference import images, sounds
from inference.api.errors import ApiError

DEEPEST = 16
_MEDIA = ("image", "audio", "video", "file", "document")
# Kinds that are decoded, whatever it is that they bring: the last one is no part's own type.
_DECODED = ("image", "audio", "video", "multimodal_data")
# Where such a part has its data; what stands elsewhere in it, as ``detail``, is not decoded.
_DATA = ("url", "data", "image_url", "multimodal_data")
# Where llama-server looks for media (``oaicompat_content_load_media``): in a request, and in what
# is there. ``content`` of a request is what to embed, ``output`` what a tool has answered, and a
# ``prompt`` brings its own (``multimodal_data``).
_IN_REQUEST = ("messages", "input", "content", "prompt")
_WITHIN = ("content", "output")


def check(document: Mapping[str, Any]) -> None:
    """Refuse links, what is no image or sound, and what would fill the memory. Raises ApiError."""
    looking = _Looking()
    for key in _IN_REQUEST:
        looking.walk(document.get(key), DEEPEST)


@dataclass
class _Looking:
    """What all media of one request come to."""

    pixels: int = 0
    seconds: float = 0.0

    def walk(self, value: Any, depth: int) -> None:
        if not isinstance(value, list | dict):
            return
        if depth == 0:
            raise ApiError(400, "the request is nested too deeply")
        if isinstance(value, list):
            for item in value:
                self.walk(item, depth - 1)
            return
        kind = str(value.get("type", ""))
        if any(word in kind for word in _MEDIA):
            self._part(value, kind, depth)
        if "multimodal_data" in value:
            self._part({"multimodal_data": value["multimodal_data"]}, "multimodal_data", depth)
        for key in _WITHIN:
            self.walk(value.get(key), depth - 1)

    def _part(self, part: Any, kind: str, depth: int, key: str = "") -> None:
        pairs = part.items() if isinstance(part, dict) else ((key, item) for item in part)
        for name, item in pairs:
            if isinstance(item, dict | list) and depth:
                self._part(item, kind, depth - 1, name)
            elif isinstance(item, str) and "://" in item[:12]:
                raise ApiError(
                    400, "media must be sent as base64 in a data: URI; this server fetches no links"
                )
            elif isinstance(item, str) and name in _DATA and any(each in kind for each in _DECODED):
                self._data(item)

    def _data(self, text: str) -> None:
        start = images.start(text)
        found = images.pixels(start)
        if found is None:
            self._sound(start, text)
            return
        self.pixels += found
        if not 0 < found <= images.MOST_PIXELS or self.pixels > images.MOST_PIXELS_TOGETHER:
            raise ApiError(
                400,
                f"an image has to tell its size, of at most {images.MOST_PIXELS:,} pixels, and all "
                f"of a request of {images.MOST_PIXELS_TOGETHER:,} together",
            )

    def _sound(self, start: bytes, text: str) -> None:
        if sounds.seconds(start) is None:
            raise ApiError(
                400, "images have to be PNG, JPEG, GIF, BMP or WebP, sounds WAV, FLAC or MP3"
            )
        self.seconds += sounds.seconds(images.whole(text)) or 0.0
        if self.seconds > sounds.MOST_SECONDS:
            raise ApiError(
                400,
                f"a sound has to tell its length, and all of a request may be "
                f"{sounds.MOST_SECONDS:,.0f} seconds long",
            )
