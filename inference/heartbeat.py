"""Signs of life in answers that are silent for long.

Proxies cut a connection on which nothing comes for a while: Akash's ingress
after 60 seconds. A blank before a JSON text or a line of NDJSON, and a comment
in an event stream, mean nothing to a reader and keep the connection alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Self

from aiohttp import HttpVersion11, web

BLANK = b" "
COMMENT = b": \n\n"
# Seconds after which a client is given up that takes nothing of what is sent:
# one whose machine lost its power never says goodbye, and the kernel by itself
# would try for a quarter of an hour, with a slot held. See tcp(7), TCP_USER_TIMEOUT.
UNTAKEN_SECONDS = 60.0


class Answer:
    """One HTTP answer that begins with its first byte, and then is never silent for long.

    Until something is sent its status is open: :meth:`finish` then makes a
    plain response with a length. ``interval`` is seconds, 0 for no signs.
    """

    def __init__(
        self, request: web.Request, *, content_type: str, interval: float, sign: bytes = BLANK
    ) -> None:
        self._request = request
        self._content_type = content_type
        self._interval = interval
        self._sign = sign
        self._stream: web.StreamResponse | None = None
        self._lock = asyncio.Lock()
        self._time = asyncio.get_running_loop().time
        self._due = 0.0
        self._beating: asyncio.Task[None] | None = None
        self.between_lines = True

    @property
    def begun(self) -> bool:
        """Whether the status is on its way already."""
        return self._stream is not None

    async def __aenter__(self) -> Self:
        _give_up_the_lost(self._request)
        if self._interval > 0:
            self._put_off()
            self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def send(self, data: bytes) -> None:
        """Send a part of the answer."""
        async with self._lock:
            await self._write(data)

    async def finish(self, data: bytes = b"") -> web.StreamResponse:
        """Send the last part, or the only one."""
        await self._stop()
        if self._stream is None:
            kind, _, charset = self._content_type.partition("; charset=")
            return web.Response(body=data, content_type=kind, charset=charset or None)
        if data:
            await self._stream.write(data)
        await self._stream.write_eof()
        return self._stream

    async def _write(self, data: bytes) -> None:
        if self._stream is None:
            headers = {
                "Content-Type": self._content_type,
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
            self._stream = web.StreamResponse(headers=headers)
            if self._request.version < HttpVersion11:
                # Its end is the connection's, which aiohttp would keep where it is asked to.
                self._stream.force_close()
            await self._stream.prepare(self._request)
        self._put_off()
        await self._stream.write(data)

    def _put_off(self) -> None:
        self._due = self._time() + self._interval

    async def _beat(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(max(self._due - self._time(), 0.0))
                async with self._lock:
                    if self._time() < self._due:
                        continue
                    if self.between_lines:
                        await self._write(self._sign)
                    self._put_off()

    async def _stop(self) -> None:
        task, self._beating = self._beating, None
        if task:
            task.cancel()
            # Not ``await task``: whose cancellation that raised, the task's or ours, is not told.
            await asyncio.wait((task,))


def _give_up_the_lost(request: web.Request) -> None:
    """Have the kernel end a connection on which nothing is taken any more, where it can."""
    if request.transport is None or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    connection = request.transport.get_extra_info("socket")
    milliseconds = int(UNTAKEN_SECONDS * 1000)
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
