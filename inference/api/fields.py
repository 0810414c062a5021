"""Reading a request's body, field by field, with an error for what it cannot be."""

from __future__ import annotations

import base64
import binascii
import gc
import zlib
from typing import Any, TypeVar

import orjson
from aiohttp import web

from inference import runtime as runtimes
from inference import setting_types
from inference.api.errors import ApiError

T = TypeVar("T")
MOST_IMAGES = 64
LONGEST_NAME = 512
THINK_LEVELS = ("high", "medium", "low", "max")
MOST_TOP_LOGPROBS = 20
# Levels of a request. orjson reads 1,024 of them and writes 254, ours around them included:
# https://github.com/ijl/orjson#serialize
DEEPEST = 100
_DEEPEST_WRITTEN = 254
# Values of a request, about: a million tokens may be sent as numbers, twice. While they are read
# nothing else runs here.
MOST_VALUES = 1 << 21
_BEFORE_VALUES = b"[{,:"


async def body(request: web.Request) -> bytes:
    """The whole body, decoded. Raises ApiError: 413 where it is larger than allowed, 400 where it
    is not coded as its headers say, or in a way that is not known here. Raises Stopping where
    the server ends before it is whole."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "deflate"):
        told = f"the request is coded as {coding[:40]}: send it as it is, or as gzip or deflate"
        raise ApiError(400, told)
    limit = request.client_max_size
    try:
        async with runtimes.of(request).arrival():
            raw = await request.read()
        found = raw if coding == "identity" else _decoded(raw, coding, limit)
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, f"the request is larger than {limit} bytes") from None
    except (web.RequestPayloadError, zlib.error):
        raise ApiError(
            400, "the request cannot be read: it is not coded as its headers say"
        ) from None
    return found


async def json_body(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises ApiError."""
    raw = await body(request)
    if not raw.strip():
        raise ApiError(400, "missing request body")
    if _values(raw) > MOST_VALUES:
        told = f"the request has more than {MOST_VALUES:,} JSON values"
        raise ApiError(413, f"{told}: send it in several requests")
    try:
        found = _read(raw)
    except ValueError as error:
        raise ApiError(400, f"the request is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ApiError(400, "the request must be a JSON object")
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _is_too_deep(found):
        raise ApiError(400, f"the request is nested more than {DEEPEST} levels deep")
    return found


def typed(document: dict[str, Any], key: str, kind: type[T], default: T) -> T:
    """A field of a type, or its default where it is absent or null. Raises ApiError."""
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {str: "string", bool: "boolean", list: "array", dict: "object", int: "integer"}
        raise ApiError(400, f'"{key}" must be of type {names.get(kind, kind.__name__)}')
    return value


def model_name(document: dict[str, Any], *, required: bool = True) -> str:
    """``model``, or ``name`` as older clients say. Raises ApiError."""
    name = typed(document, "model", str, "") or typed(document, "name", str, "")
    if not name and required:
        raise ApiError(400, "model is required")
    return name[:LONGEST_NAME]


def keep_alive(document: dict[str, Any]) -> float | None:
    """Seconds, below zero for good; None where it is not given. Raises ApiError."""
    value = document.get("keep_alive")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ApiError(400, "keep_alive must be a number of seconds or a duration such as 5m")
    try:
        return setting_types.duration(str(value))
    except ValueError:
        raise ApiError(400, f'time: invalid duration "{str(value)[:50]}"') from None


def output_format(document: dict[str, Any]) -> Any:
    """``json``, a JSON schema, or None. Raises ApiError."""
    value = document.get("format")
    if value in (None, "", "json") or isinstance(value, dict):
        return value or None
    shown = orjson.dumps(value).decode()[:100]
    raise ApiError(500, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')


def think(document: dict[str, Any]) -> bool | str | None:
    """Whether, or how hard, to think. Raises ApiError."""
    value = document.get("think")
    if value is None or isinstance(value, bool) or value in THINK_LEVELS:
        return value
    shown = orjson.dumps(value).decode()[:100]
    allowed = 'must be "high", "medium", "low", "max", true, or false'
    raise ApiError(400, f"invalid think value: {shown} ({allowed})")


def logprobs(document: dict[str, Any]) -> int | None:
    """How many alternatives to tell for each token; None for no probabilities at all."""
    wanted = typed(document, "logprobs", bool, False)
    top = typed(document, "top_logprobs", int, 0)
    if not 0 <= top <= MOST_TOP_LOGPROBS:
        raise ApiError(400, "top_logprobs must be between 0 and 20")
    return top if wanted else None


def images(document: dict[str, Any]) -> list[str]:
    """Images in base64, data URIs stripped to it. Raises ApiError."""
    found = typed(document, "images", list, [])
    if len(found) > MOST_IMAGES:
        raise ApiError(400, f"a request can have {MOST_IMAGES} images")
    return [_image(item) for item in found]


def _decoded(raw: bytes, coding: str, limit: int) -> bytes:
    """What was coded. Raises zlib.error, and HTTPRequestEntityTooLarge beyond ``limit`` bytes.

    “deflate” is zlib's format (RFC 9110, section 8.4.1.2), and what some send under that name.
    """
    is_bare = coding == "deflate" and raw[:1] and raw[0] & 0xF != zlib.DEFLATED
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS if is_bare else zlib.MAX_WBITS | 32)
    found = unpacking.decompress(raw, limit + 1)
    if len(found) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, len(found))
    if not unpacking.eof:
        raise zlib.error("it is cut short")
    return found


def _values(raw: bytes) -> int:
    """About how many values a JSON text has: what stands before one, in strings too."""
    return len(raw) - len(raw.translate(None, _BEFORE_VALUES))


def _read(raw: bytes) -> Any:
    """The value of a JSON text. A million lists are garbage in none of the collections that they
    would call for, which take seven times as long as to read them."""
    gc.disable()
    try:
        return orjson.loads(raw)
    finally:
        gc.enable()


def _is_too_deep(value: Any) -> bool:
    """Whether it has more levels than ``DEEPEST``, asked of the one who has to write it."""
    for _ in range(_DEEPEST_WRITTEN - DEEPEST):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False


def _image(item: Any) -> str:
    if not isinstance(item, str):
        raise ApiError(400, "images must be base64-encoded strings")
    data = item.partition(",")[2] if item.startswith("data:") else item
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, "illegal base64 data in images") from None
    if not raw:
        raise ApiError(400, "an image is empty")
    return base64.b64encode(raw).decode()
