"""The upstream of ``demo_proxy``: OpenAI's events from a process of its own.

    python -m benchmarks.demo_upstream PORT

A token each 100 ms, which is the moment of its sending; to the prompt ``flood``
64 KiB at a time, as fast as they are taken. ``GET /state`` tells how many
answers are under way and when the last one was closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from aiohttp import web

INTERVAL = 0.1
MODEL = "bench"
FLOOD = "flood"
_PIECE = "x" * (64 << 10)


@dataclass
class State:
    """Answers under way, pieces of floods that were taken, when (monotonic) the last one closed."""

    open: int = 0
    flooded: int = 0
    closed: float = 0.0


async def _words(prompt: str) -> AsyncIterator[str]:
    while prompt == FLOOD:
        yield _PIECE
    while True:
        yield str(time.monotonic_ns())
        await asyncio.sleep(INTERVAL)


def _event(text: str) -> bytes:
    event = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_795_000_000,
        "model": MODEL,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


def application() -> web.Application:
    """The upstream, for as long as its callers stay."""
    state = State()

    async def chat(request: web.Request) -> web.StreamResponse:
        prompt = (await request.json())["messages"][-1]["content"]
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        state.open += 1
        try:
            await answer.prepare(request)
            async for word in _words(prompt):
                await answer.write(_event(word))
                state.flooded += prompt == FLOOD
        finally:
            state.open -= 1
            state.closed = time.monotonic()
        return answer

    async def tell(_request: web.Request) -> web.Response:
        return web.json_response(asdict(state))

    async def fine(_request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", fine)
    app.router.add_get("/state", tell)
    return app


if __name__ == "__main__":
    web.run_app(
        application(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        print=None,
        handler_cancellation=True,
        backlog=4096,
    )
