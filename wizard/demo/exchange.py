"""One request and its answer over ASGI, ended at once when the client is gone.

Written on ASGI itself and not as Django views: an upstream has to be held
exactly as long as its client is there, also while nothing has been answered
yet, and Django lets go of a response without closing it where its client left
between the view and the first byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

import orjson

from wizard.demo import documents
from wizard.demo.errors import BadRequest, TimedOut, TooLarge

Scope = Mapping[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

JSON = "application/json; charset=utf-8"
NDJSON, EVENTS = "application/x-ndjson", "text/event-stream"
BLANK, COMMENT = b" ", b": \n\n"
# A client may take its time, but not hold a place for it.
BODY_SECONDS = 30.0
STALL_SECONDS = 30.0
STALL_CHECK_SECONDS = 5.0
_NO_STORE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class ClientGone(Exception):
    """The client closed its connection, or stopped reading, before its answer was whole."""


class Exchange:
    """A request as it came in, and the one answer to it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.peer: str = (scope.get("client") or ("",))[0]
        self.headers = _headers(scope["headers"])
        self.extra: dict[str, str] = {}
        self.facts: dict[str, object] = {}
        self.status = 0
        self.content_type = ""
        self._receive = receive
        self._send = send
        self._is_whole = False
        self._writing_since = 0.0
        self._written = time.monotonic()

    @property
    def _is_stalled(self) -> bool:
        """Whether the client has read nothing for too long while there is something to read."""
        return bool(self._writing_since) and (
            time.monotonic() - self._writing_since > STALL_SECONDS
        )

    @property
    def begun(self) -> bool:
        """Whether the status is on its way already."""
        return self.status != 0

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises TooLarge, TimedOut, BadRequest and ClientGone."""
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise TooLarge(f"the request is larger than {limit} bytes")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._whole_body(limit)
        except TimeoutError:
            raise TimedOut("the request did not arrive in time") from None

    async def json(self, limit: int) -> dict[str, Any]:
        """The body as a JSON object. Raises as :meth:`body` does."""
        raw = await self.body(limit)
        if not raw.strip():
            raise BadRequest("missing request body")
        if documents.values(raw) > documents.MOST_VALUES:
            raise BadRequest(f"the request has more than {documents.MOST_VALUES:,} values")
        try:
            found = documents.read(raw)
        except documents.TooDeep as error:
            raise BadRequest(f"the request cannot be read: {error}") from None
        except ValueError as error:
            raise BadRequest(f"the request is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise BadRequest("the request must be a JSON object")
        return found

    async def answer(
        self,
        document: Any,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a whole answer; ``document`` is JSON's value, or its bytes.

        Where signs of life went out already, the status is sent, and stays 200.
        """
        data = document if isinstance(document, bytes) else orjson.dumps(document)
        if self.begun:
            await self.end(data)
            return
        self._is_whole = True
        own = {"Content-Type": JSON, "Content-Length": str(len(data)), **(headers or {})}
        await self._start(status, own)
        await self._send({"type": "http.response.body", "body": data})

    async def begin(self, content_type: str) -> None:
        """Send the status and the headers of an answer that comes in parts."""
        self.content_type = content_type
        await self._start(200, {"Content-Type": content_type})

    async def write(self, data: bytes) -> None:
        """Send a part of a stream; waits for a client that reads slowly."""
        self._writing_since = time.monotonic()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._writing_since, self._written = 0.0, time.monotonic()

    async def end(self, data: bytes = b"") -> None:
        """Send the last part of a stream."""
        self._is_whole = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def held(
        self, work: Coroutine[Any, Any, None], content_type: str, heartbeat: float
    ) -> None:
        """Do ``work`` for as long as the client is there. Only once the body has been read.

        After ``heartbeat`` seconds of silence (0: never) a sign of life goes
        out, since proxies cut connections that say nothing: a blank, or a
        comment in an event stream. Raises ClientGone, once what was under way
        has ended.
        """
        working = asyncio.create_task(work)
        leaving = asyncio.create_task(self._gone())
        stalling = asyncio.create_task(self._watched(content_type, heartbeat))
        tasks = (working, leaving, stalling)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if working.cancelled():
            raise ClientGone
        working.result()

    async def _watched(self, content_type: str, heartbeat: float) -> None:
        """Give signs of life, until the client has read nothing for too long."""
        tick = min(STALL_CHECK_SECONDS, heartbeat / 2 or STALL_CHECK_SECONDS)
        while not self._is_stalled:
            await asyncio.sleep(tick)
            # The client may not read these either.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STALL_SECONDS):
                    await self._beat(content_type, heartbeat)

    async def _beat(self, content_type: str, heartbeat: float) -> None:
        """Say that the answer is still to come. Between lines: all that is sent is whole ones."""
        is_quiet = time.monotonic() - self._written >= heartbeat
        if not heartbeat or not is_quiet or self._writing_since or self._is_whole:
            return
        if not self.begun:
            await self.begin(content_type)
        await self.write(COMMENT if content_type == EVENTS else BLANK)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _whole_body(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise TooLarge(f"the request is larger than {limit} bytes")
            more = message.get("more_body", False)
        return b"".join(parts)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        told = {**_NO_STORE, **self.extra, **headers}
        pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in told.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name; what was sent several times is one list."""
    found: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found
