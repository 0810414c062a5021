"""A provider's own gateway: events and logs of a lease as websockets, over https."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.standins.ports import free_port
from tests.standins.tls import server_context


def event(reason: str, note: str, pod: str = "llm-6f7c9d-x2x1") -> dict[str, object]:
    kind = {"kind": "Pod", "namespace": "lease", "name": pod}
    return {"type": "Warning", "reason": reason, "note": note, "object": kind}


def line(message: str, pod: str = "llm-6f7c9d-x2x1") -> dict[str, object]:
    return {"name": pod, "message": message}


class Provider:
    """``events`` and ``lines`` are told to whoever has a token; ``is_endless`` never says done."""

    def __init__(self) -> None:
        self.events: Sequence[Mapping[str, object]] = ()
        self.lines: Sequence[Mapping[str, object] | str] = ()
        self.is_endless = False
        self.redirect = ""
        self.tokens: list[str] = []
        self.paths: list[str] = []
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/lease/{dseq}/{gseq}/{oseq}/{what}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(
            self._runner, "127.0.0.1", self._port, ssl_context=server_context()
        ).start()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path_qs)
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.redirect:
            raise web.HTTPFound(self.redirect)
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        for message in self.events if request.match_info["what"] == "kubeevents" else self.lines:
            await stream.send_str(message if isinstance(message, str) else json.dumps(message))
        if self.is_endless:
            await stream.receive()
        await stream.close()
        return stream
