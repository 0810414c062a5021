#!/usr/bin/env python3
"""A llama-server that does what its prompt says, for what a real one rarely does.

    wait 2        silence for two seconds, then two words
    until FOLDER  silence until the gate of that folder is open (gate.py), then two words
    drip 5        a word every 0.1 seconds, five times
    crash         two words, then the process is gone
    fail          an error of the engine in mid-stream
    call          two calls of tools, in pieces as llama-server streams them

A text to embed is such a prompt too; ``fail`` at its end makes it an error.
It takes llama-server's flags and minds only ``--port``. STANDIN_ENGINE in the
environment makes its start ``endless``, or lets it last ``until FOLDER``, ``refuse`` to
start, or tell nothing of itself (``mute``).
How many answers were cancelled by their reader is told by ``GET /cancelled``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

CRASH_CODE = 3
FAILURE = {"code": 500, "message": "the graph could not be computed", "type": "server_error"}


async def _words(prompt: str) -> AsyncIterator[str]:
    kind, _, amount = prompt.partition(" ")
    if kind == "wait":
        await asyncio.sleep(float(amount))
    if kind == "until":
        await _opened(Path(amount))
    count = int(amount) if kind == "drip" else 2
    for _ in range(count):
        await asyncio.sleep(0.1 if kind == "drip" else 0)
        yield "word "
    if kind == "crash":
        os._exit(CRASH_CODE)


async def _opened(gate: Path) -> None:
    (gate / "asked").touch()
    while not (gate / "open").exists():
        await asyncio.sleep(0.02)


def _calls() -> list[dict[str, Any]]:
    def part(index: int, arguments: str, **begun: str) -> dict[str, Any]:
        function = {"arguments": arguments, **({"name": begun["name"]} if begun else {})}
        head = {"id": f"id-{index}", "type": "function"} if begun else {}
        return {"tool_calls": [{"index": index, **head, "function": function}]}

    first = [part(0, "", name="weather"), part(0, '{"place": '), part(0, '"Paris"}')]
    return [*first, part(1, "{}", name="time")]


def _whole_calls() -> dict[str, Any]:
    """What the parts of :func:`_calls` make together."""
    told = (("weather", '{"place": "Paris"}'), ("time", "{}"))
    calls = [
        {"id": f"id-{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(told)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _prompt(document: dict[str, Any]) -> str:
    return str(document["messages"][-1]["content"])


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"object": "chat.completion.chunk", "model": "stand-in", "choices": [choice]}
    return b"data: " + orjson.dumps(event) + b"\n\n"


class Server:
    """The routes."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.start = os.environ.get("STANDIN_ENGINE", "")

    async def chat(self, request: web.Request) -> web.StreamResponse:
        document = await request.json()
        prompt = _prompt(document)
        try:
            if document.get("stream"):
                return await self._stream(request, prompt)
            if prompt == "call":
                message, finish = _whole_calls(), "tool_calls"
            else:
                text = "".join([word async for word in _words(prompt)])
                message, finish = {"role": "assistant", "content": text}, "stop"
            choice = {"index": 0, "message": message, "finish_reason": finish}
            told = {"object": "chat.completion", "choices": [choice]}
            return web.json_response({**told, "id_slot": document.get("id_slot")})
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _stream(self, request: web.Request, prompt: str) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for delta in _calls() if prompt == "call" else ():
            await answer.write(_event(delta))
        async for word in _words(prompt):
            await answer.write(_event({"content": word}))
        if prompt == "fail":
            await answer.write(b"data: " + orjson.dumps({"error": FAILURE}) + b"\n\n")
            return answer
        await answer.write(_event({}, "stop") + b"data: [DONE]\n\n")
        return answer

    async def embeddings(self, request: web.Request) -> web.Response:
        text = str((await request.json())["input"][0])
        async for _ in _words(text.removesuffix("fail").strip()):
            pass
        if text.endswith("fail"):
            return web.json_response({"error": FAILURE}, status=500)
        usage = {"prompt_tokens": 2}
        return web.json_response({"data": [{"index": 0, "embedding": [1.0, 0.0]}], "usage": usage})

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({}, status=503 if self._is_starting() else 200)

    def _is_starting(self) -> bool:
        kind, _, gate = self.start.partition(" ")
        return kind == "endless" or (kind == "until" and not (Path(gate) / "open").exists())

    async def props(self, _request: web.Request) -> web.Response:
        if self.start == "mute":
            return web.Response(status=500, text="no")
        return web.json_response({"media_marker": "<m>"})

    async def apply_template(self, request: web.Request) -> web.Response:
        return web.json_response({"prompt": _prompt(await request.json())})

    async def tokenize(self, _request: web.Request) -> web.Response:
        return web.json_response({"tokens": [1, 2]})

    async def told(self, _request: web.Request) -> web.Response:
        return web.json_response({"cancelled": self.cancelled})


def main(argv: list[str]) -> None:
    """Serve on ``--port``."""
    if os.environ.get("STANDIN_ENGINE") == "refuse":
        sys.exit("error: this model is not to my taste")
    server, app = Server(), web.Application()
    app.router.add_get("/health", server.health)
    app.router.add_get("/props", server.props)
    app.router.add_get("/cancelled", server.told)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/v1/embeddings", server.embeddings)
    app.router.add_post("/apply-template", server.apply_template)
    app.router.add_post("/tokenize", server.tokenize)
    port = int(argv[argv.index("--port") + 1])
    web.run_app(app, host="127.0.0.1", port=port, print=None, handler_cancellation=True)


if __name__ == "__main__":
    main(sys.argv)
