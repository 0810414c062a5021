"""Requests to a child.

Every request has its own connection: llama-server closes them after each
stream, after 100 requests and after 5 seconds, so that a pooled one may be
dead just when it is used.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from inference.engine import bounds, drafts, grammars, schemas, slots
from inference.engine.supervisor import Engine
from inference.errors import EngineError

LARGEST_ERROR = 1 << 20
# What llama-server answers, as a mistake of the caller's, where memory is short.
NO_MEMORY = "std::bad_alloc"
READ_BUFFER = 1 << 18


class EngineLost(EngineError):
    """The child ended, or broke its connection, in the midst of a request."""

    status = 503
    default_next_step = "It is being started again: try once more in a few seconds."


class NoFilesLeft(EngineError):
    """As many connections are open as this process may have."""

    status = 503
    default_next_step = "Try again in a few seconds."


class EngineRefused(EngineError):
    """The child answered with an error: ``body`` is its ``error`` object."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message") or f"the engine answered {status}"))
        self.status = status
        self.body = body

    @property
    def kind(self) -> str:
        return str(self.body.get("type", ""))


def new_session() -> aiohttp.ClientSession:
    """A client session for children. It keeps no connection and has no time-out of its own."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        auto_decompress=False,
        read_bufsize=READ_BUFFER,
        trust_env=False,
    )


@asynccontextmanager
async def opened(
    engine: Engine, method: str, path: str, body: bytes | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The raw answer to a request. Raises EngineLost where the child is gone or goes."""
    try:
        async with await _begun(engine, method, path, body) as answer:
            yield answer
    except (aiohttp.ClientError, ConnectionError) as error:
        # Who asks again at once is to wait for the next child.
        await engine.noticed()
        raise EngineLost(f"The engine of {engine.config.name} stopped.") from error


async def _begun(
    engine: Engine, method: str, path: str, body: bytes | None
) -> aiohttp.ClientResponse:
    """An answer's head. A child that had ended unnoticed saw nothing: the next one is asked."""
    try:
        return await _asked(engine, method, path, body)
    except aiohttp.ClientConnectorError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise NoFilesLeft("The server has as many connections open as it may.") from error
        await engine.noticed()
        return await _asked(engine, method, path, body)


async def _asked(
    engine: Engine, method: str, path: str, body: bytes | None
) -> aiohttp.ClientResponse:
    await engine.ready()
    headers = {**engine.headers, "Content-Type": "application/json"}
    return await engine.session.request(method, engine.url + path, data=body, headers=headers)


@asynccontextmanager
async def posted(
    engine: Engine, path: str, payload: Mapping[str, Any]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The raw answer to a POST, which has a slot of its own where it generates.

    Raises EngineLost where the child is gone or goes, TooMuch, ProbabilitiesUnknown and
    GrammarTooLarge.
    """
    payload = bounds.bounded(path, payload, engine.config.context_length)
    drafts.check(engine.config, payload)
    payload = schemas.rooted(payload)
    await grammars.check(payload)
    body = orjson.dumps(payload)
    wanted = slots.request(path, payload)
    if wanted is None:
        async with opened(engine, "POST", path, body) as answer:
            yield answer
        return
    async with engine.slots.taken(wanted) as slot:
        placed = body if slot is None else orjson.dumps({**payload, "id_slot": slot})
        async with opened(engine, "POST", path, placed) as answer:
            yield answer


async def post(engine: Engine, path: str, payload: Mapping[str, Any]) -> Any:
    """The JSON that a child answers. Raises EngineRefused or EngineLost."""
    async with posted(engine, path, payload) as answer:
        if answer.status != 200:
            raise await refusal(answer)
        return orjson.loads(await answer.read())


async def events(
    engine: Engine, path: str, payload: Mapping[str, Any]
) -> AsyncGenerator[dict[str, Any]]:
    """The events of a stream as JSON objects, up to ``[DONE]``.

    Raises EngineRefused, also in mid-stream, or EngineLost.
    """
    async with posted(engine, path, payload) as answer:
        if answer.status != 200:
            raise await refusal(answer)
        async for line in lines(answer.content):
            field, _, data = line.partition(b": ")
            if field not in (b"data", b"error") or data == b"[DONE]":
                continue
            event = orjson.loads(data)
            if event is None:  # the beginning of one of several prompts
                continue
            if field == b"error" or "error" in event:
                failure = event.get("error", event)
                raise _refused(_status(failure), failure)
            yield event


async def lines(stream: aiohttp.StreamReader) -> AsyncGenerator[bytes]:
    """Lines of any length, without their ends and without empty ones."""
    rest = b""
    async for data in stream.iter_any():
        rest += data
        if b"\n" not in data:
            continue
        *whole, rest = rest.split(b"\n")
        for line in whole:
            if line:
                yield line
    if rest:
        yield rest


async def refusal(answer: aiohttp.ClientResponse) -> EngineRefused:
    """The error that an answer tells, whatever it looks like."""
    raw = await answer.content.read(LARGEST_ERROR)
    try:
        body = orjson.loads(raw)
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        error = {"message": raw.decode("utf-8", "replace")[:500], "type": "server_error"}
    return _refused(answer.status, error)


def _refused(status: int, error: Mapping[str, Any]) -> EngineRefused:
    if error.get("message") != NO_MEMORY:
        return EngineRefused(status, error)
    told = "The engine has too little memory for this request: try again, or send a shorter one."
    return EngineRefused(503, {"message": told})


def _status(error: Mapping[str, Any]) -> int:
    code = error.get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 500
