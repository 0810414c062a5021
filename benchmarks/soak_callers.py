"""Callers of all kinds, for `benchmarks.soak`."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

RUNTIME_PROMPTS = ("Hi", "What is Akash?", "Tell me a joke", "How do I deploy a model? " * 20)
DEMO_PROMPTS = (
    *("Hi", "drip 5", "drip 40", "call", "think", "nothing"),
    *("die", "fail", "fail at once", "refuse", "break", "endless"),
)
CHATS = ("/api/chat", "/v1/chat/completions")
# Longer than any answer takes that ends by itself.
PATIENCE = aiohttp.ClientTimeout(total=60)
_NONSENSE: tuple[tuple[str, str, bytes], ...] = (
    ("POST", "/api/chat", b"{"),
    ("POST", "/api/chat", b"[]"),
    ("POST", "/api/chat", b'{"model": 7}'),
    ("POST", "/api/chat", b'{"model": "nobody", "messages": []}'),
    ("POST", "/api/generate", b'{"model": "nobody", "prompt": "\xff"}'),
    ("POST", "/v1/chat/completions", b'{"model": "nobody", "messages": [{}]}'),
    ("POST", "/v1/chat/completions", b'{"messages": ' + b"[" * 2000),
    ("POST", "/v1/completions", b""),
    ("GET", "/api/chat", b""),
    ("DELETE", "/v1/models", b""),
    ("GET", "/v1/models/nobody", b""),
    ("GET", "/api/nothing/" + "x" * 3000, b""),
)


@dataclass(frozen=True)
class Target:
    """What is called: its process, its engine's (0 for none), and what it is asked."""

    url: str
    model: str
    pid: int
    engine: int
    prompts: tuple[str, ...]


@dataclass
class Calls:
    """What came of all calls so far."""

    made: int = 0
    left: int = 0
    codes: Counter[int] = field(default_factory=Counter)

    def statuses(self) -> str:
        """``200: 4,711, 503: 12`` and so on."""
        return ", ".join(f"{code}: {count:,}" for code, count in sorted(self.codes.items()))


@dataclass(frozen=True)
class _Caller:
    session: aiohttp.ClientSession
    target: Target
    calls: Calls
    chance: random.Random

    def body(self, **more: Any) -> dict[str, Any]:
        prompt = self.chance.choice(self.target.prompts)
        length = self.chance.randrange(1, 80)
        return {
            "model": self.target.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": length,
            "options": {"num_predict": length},
            **more,
        }

    async def reads(self) -> None:
        """A whole answer, or a stream to its end."""
        stream = self.chance.random() < 0.7
        path = self.chance.choice(CHATS)
        async with self.session.post(self.target.url + path, json=self.body(stream=stream)) as got:
            self.calls.codes[got.status] += 1
            await got.read()

    async def hangs_up(self) -> None:
        """A stream that is left in the midst: politely, or with a reset."""
        path = self.chance.choice(CHATS)
        async with self.session.post(self.target.url + path, json=self.body(stream=True)) as got:
            async for _ in got.content.iter_any():
                if self.chance.random() < 0.3:
                    break
            if self.chance.random() < 0.5 and got.connection and got.connection.transport:
                connection = got.connection.transport.get_extra_info("socket")
                _reset_on_close(connection)
            got.close()
            self.calls.left += 1

    async def cannot_wait(self) -> None:
        """Gone before the first token, whether or not a stream was asked for."""
        body = self.body(stream=self.chance.random() < 0.5)
        timeout = aiohttp.ClientTimeout(total=self.chance.uniform(0.01, 0.3))
        self.calls.left += 1
        address = self.target.url + self.chance.choice(CHATS)
        async with self.session.post(address, json=body, timeout=timeout) as got:
            await got.read()

    async def is_killed(self) -> None:
        """A process that ends with SIGKILL while it reads."""
        process = await asyncio.create_subprocess_exec(
            *("curl", "-sN", "-H", "Content-Type: application/json"),
            *("-d", json.dumps(self.body(stream=True)), self.target.url + CHATS[0]),
            stdout=asyncio.subprocess.DEVNULL,
        )
        await asyncio.sleep(self.chance.uniform(0.02, 0.8))
        if process.returncode is None:
            process.kill()
            self.calls.left += 1
        await process.wait()

    async def sends_half(self) -> None:
        """A body that is announced and never comes."""
        self.calls.left += 1
        _, writer = await self._connected(b'Content-Length: 900\r\n\r\n{"model": "')
        await asyncio.sleep(self.chance.uniform(0.05, 1))
        writer.transport.abort()

    async def reads_slowly(self) -> None:
        """A stream of which little is taken, and the rest never."""
        body = json.dumps(self.body(stream=True)).encode()
        reader, writer = await self._connected(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        for _ in range(20):
            if not await reader.read(10):
                break
            await asyncio.sleep(0.1)
        self.calls.left += 1
        writer.transport.abort()

    async def makes_no_sense(self) -> None:
        """What can only be refused."""
        method, path, body = self.chance.choice(_NONSENSE)
        async with self.session.request(method, self.target.url + path, data=body) as got:
            self.calls.codes[got.status] += 1
            await got.read()

    async def _connected(self, rest: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.target.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 12)
        path = self.chance.choice(CHATS).encode()
        writer.write(b"POST %s HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\n" % path)
        writer.write(rest)
        await writer.drain()
        return reader, writer


_KINDS: tuple[tuple[Callable[[_Caller], Awaitable[None]], int], ...] = (
    (_Caller.reads, 8),
    (_Caller.hangs_up, 5),
    (_Caller.cannot_wait, 3),
    (_Caller.is_killed, 1),
    (_Caller.sends_half, 2),
    (_Caller.reads_slowly, 2),
    (_Caller.makes_no_sense, 4),
)


async def wave(target: Target, callers: int, seconds: float, calls: Calls) -> None:
    """So many callers for so long, one call of each after the other."""
    ends = time.monotonic() + seconds
    # Each answer on a connection of its own: what is kept open is then the server's doing.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session:
        each = (_Caller(session, target, calls, random.Random(n)) for n in range(callers))
        await asyncio.gather(*(_until(ends, caller) for caller in each))


async def _until(ends: float, caller: _Caller) -> None:
    kinds, weights = zip(*_KINDS, strict=True)
    while (left := ends - time.monotonic()) > 0:
        caller.calls.made += 1
        (kind,) = caller.chance.choices(kinds, weights)
        try:
            async with asyncio.timeout(left + 1):
                await kind(caller)
        except (aiohttp.ClientError, OSError):
            # It was cut, or the caller's own patience was: both are part of this.
            pass


def _reset_on_close(connection: Any) -> None:
    """Have the kernel send a reset instead of a goodbye: socket(7), SO_LINGER."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
