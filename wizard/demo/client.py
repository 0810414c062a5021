"""Asking an upstream: one session for a worker, and answers that are closed with their reader.

aiohttp, as in the runtime: one streaming client in the project, and the one that
lets an answer be closed with its reader.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from wizard.demo import documents
from wizard.demo.errors import UpstreamFailed, UpstreamRefused
from wizard.demo.values import Upstream

CONNECT_SECONDS = 5.0
# Shorter than any server keeps a connection that nothing is asked on.
KEEP_CONNECTION_SECONDS = 2.0
LARGEST_ERROR = 64 << 10
LARGEST_ANSWER = 8 << 20
# What an upstream says of the request itself; any other failure is its own or ours.
_ABOUT_THE_REQUEST = (400, 413, 422, 501)
_AWAY = (429, 502, 503, 504)
_BROKEN = (aiohttp.ClientError, ConnectionError, TimeoutError)


class Reply:
    """An answer that has begun: its first bytes, and then the rest as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, first: bytes) -> None:
        self._response = response
        self._first = first

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The bytes as they come. Raises UpstreamFailed where they end too early."""
        yield self._first
        content = self._response.content
        try:
            while chunk := await content.readany():
                yield chunk
        except _BROKEN as error:
            raise _lost(error) from None

    async def whole(self) -> Any:
        """The whole answer as JSON. Raises UpstreamFailed."""
        parts, size = [], 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise UpstreamFailed("the model's server answered too much")
        try:
            return documents.read(b"".join(parts))
        except ValueError:
            raise UpstreamFailed("the model's server answered something that is not JSON") from None


def new_session() -> aiohttp.ClientSession:
    """A session for the running loop. No cookies, no proxies, no limit on connections."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_CONNECTION_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={"User-Agent": "OneClickLLM"},
    )


@asynccontextmanager
async def opened(
    session: aiohttp.ClientSession,
    upstream: Upstream,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    within: float | None = None,
) -> AsyncGenerator[Reply]:
    """An answer of status 200 whose first bytes are here; closed at the end, read or not.

    ``within`` is seconds for the whole of it. Raises UpstreamFailed where
    another upstream may do better, and UpstreamRefused for what was said of the
    request itself.
    """
    response = await _asked(session, upstream, method, path, body, within)
    try:
        if response.status != 200:
            raise await _refusal(response)
        try:
            first = await response.content.readany()
        except _BROKEN as error:
            raise _lost(error) from None
        if not first:
            raise UpstreamFailed("the model's server answered nothing")
        yield Reply(response, first)
    finally:
        # Not release(), which would read the rest of a short answer: the
        # upstream stops generating when its connection closes.
        if not response.content.at_eof():
            response.close()
        response.release()


async def _asked(
    session: aiohttp.ClientSession,
    upstream: Upstream,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    within: float | None,
) -> aiohttp.ClientResponse:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if upstream.key:
        headers["Authorization"] = f"Bearer {upstream.key}"
    data = None if body is None else orjson.dumps(body)
    timeout = aiohttp.ClientTimeout(total=within, sock_connect=CONNECT_SECONDS)
    for is_last in (False, True):
        try:
            return await session.request(
                method,
                upstream.url + path,
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            )
        except aiohttp.ServerDisconnectedError as error:
            # A kept connection that the server closed meanwhile: once more on a new one.
            if is_last:
                raise _lost(error, is_down=True) from None
        except _BROKEN as error:
            raise _lost(error, is_down=True) from None
    raise AssertionError("the last try returns or raises")


async def _refusal(response: aiohttp.ClientResponse) -> Exception:
    status = response.status
    if status in _ABOUT_THE_REQUEST:
        return UpstreamRefused(await _words(response) or "the model refuses this request", status)
    # llama.cpp says in a 500 that it sees no images; a 401 may tell of our key.
    words = f": {await _words(response)}" if status == 500 else ""
    return UpstreamFailed(
        f"the model's server answered {status}{words}".removesuffix(": "),
        is_down=status in _AWAY,
    )


async def _words(response: aiohttp.ClientResponse) -> str:
    """What an upstream says of an error; empty where it is no sentence in JSON."""
    try:
        found = orjson.loads(await response.content.read(LARGEST_ERROR))
    except (*_BROKEN, ValueError):
        return ""
    # Older vLLM says its message without an ``error`` around it.
    told = found.get("error") or found if isinstance(found, dict) else None
    message = told.get("message") if isinstance(told, dict) else told
    return message if isinstance(message, str) else ""


def _lost(error: Exception, *, is_down: bool = False) -> UpstreamFailed:
    kind = type(error).__name__
    message = f"the connection to the model's server was lost ({kind})"
    return UpstreamFailed(message, is_down=is_down)
