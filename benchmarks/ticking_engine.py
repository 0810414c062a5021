"""A stand-in for llama-server that says what time it is, to all streams, 50 times a second.

    python -m benchmarks.ticking_engine --port 8081

Each token is the nanoseconds of the monotonic clock when it was written: what
reads it knows how long it was on its way. Chunks look as llama-server's do.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

EVERY = 0.02
HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
ABOUT = (
    '"created":1795417157,"id":"chatcmpl-agqFEy2TQGeP2Lr6WaRRBJDHIFINJtfu","model":"random",'
    '"system_fingerprint":"b0-unknown","object":"chat.completion.chunk"'
)


class _Clock:
    """Wakes all streams together, as a batch that was computed does."""

    def __init__(self) -> None:
        self._tick = asyncio.Event()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            tick, self._tick = self._tick, asyncio.Event()
            tick.set()

    async def wait(self) -> None:
        await self._tick.wait()


async def _serve(clock: _Clock, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0
        )
        body = await reader.readexactly(length)
        if head.startswith(b"POST"):
            await _stream(clock, writer, json.loads(body))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _stream(clock: _Clock, writer: asyncio.StreamWriter, asked: dict[str, int]) -> None:
    count = asked.get("max_tokens") or asked.get("n_predict") or 1
    writer.write(HEAD)
    for _ in range(count):
        await clock.wait()
        delta = f'{{"content":"{time.monotonic_ns()} "}}'
        writer.write(_chunk(_event("null", delta)))
        await writer.drain()
    writer.write(_chunk(_event('"length"', "{}") + "data: [DONE]\n\n") + b"0\r\n\r\n")


def _event(finish: str, delta: str) -> str:
    choice = f'{{"finish_reason":{finish},"index":0,"delta":{delta}}}'
    return f'data: {{"choices":[{choice}],{ABOUT}}}\n\n'


def _chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _run(port: int) -> None:
    clock = _Clock()
    ticking = asyncio.create_task(clock.run())
    server = await asyncio.start_server(
        lambda reader, writer: _serve(clock, reader, writer), "127.0.0.1", port, backlog=256
    )
    async with server:
        await ticking


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[sys.argv.index("--port") + 1])))
