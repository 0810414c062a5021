"""Ollama's routes that generate. Source of fields and words: ollama ``docs/api.md``."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from inference import runtime as runtimes
from inference.api import (
    defaults,
    errors,
    facts,
    fields,
    media,
    ollama_chat,
    ollama_generate,
    options,
)
from inference.api.errors import ApiError, Dialect
from inference.api.ollama_chat import Piece
from inference.heartbeat import Answer
from inference.models import LocalModel, public_name
from inference.runtime import Runtime

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
Shape = Callable[[Piece], dict[str, Any]]


@dataclass
class Call:
    """One request that generates, checked so far, and what is told of it at its end."""

    runtime: Runtime
    name: str
    model: LocalModel
    stream: bool
    keep_alive: float | None
    began: float
    pieces: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


async def generate(request: web.Request) -> web.StreamResponse:
    """``POST /api/generate``"""
    document = await fields.json_body(request)
    call = _call(request, document, required=False)
    prompt = ollama_generate.read(document)
    media.check({"prompt": {"multimodal_data": prompt.images}})
    given = options.read(document.get("options"))
    _require(call, document, images=bool(prompt.images), suffix=bool(prompt.suffix))
    prompt.think = _think(call, prompt.think)
    if not prompt.text and not prompt.images:
        return await whole(request, call.runtime, _load(call, {"response": ""}))

    async def pieces() -> AsyncGenerator[Piece]:
        async with call.runtime.engine(call.model, call.keep_alive) as lease:
            call.extra["load_duration"] = _load_duration(call, lease.load_seconds)
            fit = options.for_engine(given, call.model.params, lease.engine.config.context_length)
            context: list[int] = []
            running = ollama_generate.pieces(lease.engine, call.model, prompt, fit, context)
            async with aclosing(running):
                async for piece in running:
                    if piece.finish and context:
                        call.extra["context"] = context
                    yield piece

    return await _answer(request, call, pieces(), _as_response)


async def chat(request: web.Request) -> web.StreamResponse:
    """``POST /api/chat``"""
    document = await fields.json_body(request)
    call = _call(request, document, required=True)
    given = options.read(document.get("options"))
    converted = ollama_chat.messages(fields.typed(document, "messages", list, []))
    tools = fields.typed(document, "tools", list, [])
    media.check({"messages": converted})
    images = ollama_chat.has_images(converted)
    _require(call, document, images=images, tools=bool(tools))
    body = ollama_chat.payload(
        defaults.with_own(call.model, converted),
        {},
        output_format=fields.output_format(document),
        think=_think(call, fields.think(document)),
        logprobs=fields.logprobs(document),
        tools=tools,
    )
    truncate = fields.typed(document, "truncate", bool, True)
    if not converted:
        empty = {"message": {"role": "assistant", "content": ""}}
        return await whole(request, call.runtime, _load(call, empty))

    async def pieces() -> AsyncGenerator[Piece]:
        async with call.runtime.engine(call.model, call.keep_alive) as lease:
            call.extra["load_duration"] = _load_duration(call, lease.load_seconds)
            fit = options.for_engine(given, call.model.params, lease.engine.config.context_length)
            running = ollama_chat.pieces(lease.engine, {**body, **fit}, truncate=truncate)
            async with aclosing(running):
                async for piece in running:
                    yield piece

    return await _answer(request, call, pieces(), _as_message)


def _call(request: web.Request, document: dict[str, Any], *, required: bool) -> Call:
    runtime = runtimes.of(request)
    name = fields.model_name(document, required=required)
    if not name:
        raise ApiError(404, "model '' not found")
    return Call(
        runtime=runtime,
        name=name,
        model=runtime.library.find(name),
        stream=fields.typed(document, "stream", bool, True),
        keep_alive=fields.keep_alive(document),
        began=time.monotonic(),
    )


def _require(
    call: Call,
    document: Mapping[str, Any],
    *,
    images: bool,
    tools: bool = False,
    suffix: bool = False,
) -> None:
    """Refuse what the model cannot do, in Ollama's words."""
    can = facts.capabilities(call.model)
    if "completion" not in can:
        verb = "chat" if "messages" in document else "generate"
        raise ApiError(400, f'"{call.name}" does not support {verb}')
    wanted = {"vision": images, "tools": tools, "insert": suffix}
    for capability, is_wanted in wanted.items():
        if is_wanted and capability not in can:
            raise ApiError(400, f'"{call.name}" does not support {capability}')


def _think(call: Call, wanted: bool | str | None) -> bool | str | None:
    """What to tell the template; a model that can think does unless told otherwise."""
    can = "thinking" in facts.capabilities(call.model)
    if wanted and not can:
        raise ApiError(400, f'"{call.name}" does not support thinking')
    return (True if wanted is None else wanted) if can else None


async def _load(call: Call, empty: dict[str, Any]) -> dict[str, Any]:
    """Load a model, or unload it where it is to be kept for no time."""
    reason = "load"
    if call.keep_alive == 0:
        reason = "unload"
        await call.runtime.pool.unload(call.model.name)
    else:
        async with call.runtime.deadline(), call.runtime.engine(call.model, call.keep_alive):
            pass
    told = {"model": call.name, "created_at": facts.stamp(), **empty}
    return {**told, "done": True, "done_reason": reason}


async def whole(
    request: web.Request, runtime: Runtime, made: Awaitable[Mapping[str, Any]]
) -> web.StreamResponse:
    """One JSON that may take its time."""
    interval = runtime.settings.heartbeat
    async with Answer(request, content_type=JSON, interval=interval) as answer:
        try:
            return await answer.finish(orjson.dumps(await made))
        except ConnectionError:
            raise
        except Exception as error:
            return await failed(answer, runtime, error)


async def _answer(
    request: web.Request, call: Call, pieces: AsyncGenerator[Piece], shape: Shape
) -> web.StreamResponse:
    interval = call.runtime.settings.heartbeat
    kind = NDJSON if call.stream else JSON
    async with Answer(request, content_type=kind, interval=interval) as answer:
        try:
            async with call.runtime.deadline(), aclosing(pieces):
                if call.stream:
                    return await _lines(answer, call, pieces, shape)
                return await answer.finish(orjson.dumps(await _whole(call, pieces, shape)))
        except ConnectionError:
            raise
        except Exception as error:
            return await failed(answer, call.runtime, error)
        finally:
            # Left early: what was written so far was never told.
            _count(call, written=call.pieces)


async def failed(answer: Answer, runtime: Runtime, error: Exception) -> web.StreamResponse:
    """Tell a failure: with its status, or as the last line of an answer that has begun."""
    if not answer.begun:
        raise error
    told = errors.as_api_error(error)
    runtime.failures.append(f"{facts.stamp()} {told.status} {told.message}")
    return await answer.finish(errors.final_event(told, Dialect.OLLAMA))


async def _lines(
    answer: Answer, call: Call, pieces: AsyncIterator[Piece], shape: Shape
) -> web.StreamResponse:
    async for piece in pieces:
        _note(call, piece)
        if piece.finish:
            return await answer.finish(_dumps(_last(call, piece, shape(piece))))
        await answer.send(_dumps(_chunk(call, shape(piece), piece)))
    raise ApiError(500, "the answer ended early")


async def _whole(call: Call, pieces: AsyncIterator[Piece], shape: Shape) -> dict[str, Any]:
    """All pieces as one answer."""
    text, thinking, whole = [], [], Piece()
    async for piece in pieces:
        _note(call, piece)
        text.append(piece.text)
        thinking.append(piece.thinking)
        whole.tool_calls += piece.tool_calls
        whole.logprobs += piece.logprobs
        if piece.finish:
            whole.text, whole.thinking = "".join(text), "".join(thinking)
            found = _last(call, piece, shape(whole))
            return {**found, "logprobs": whole.logprobs} if whole.logprobs else found
    raise ApiError(500, "the answer ended early")


def _note(call: Call, piece: Piece) -> None:
    """Count as the answer comes: a piece is about a token, and the last one knows all of them."""
    if not call.pieces:
        call.runtime.metrics.first_token.observe(time.monotonic() - call.began)
    call.pieces += 1
    if piece.finish:
        call.pieces = 0
        _count(call, read=piece.prompt_tokens, written=piece.tokens)


def _count(call: Call, *, read: int = 0, written: int) -> None:
    call.runtime.metrics.count(public_name(call.model.name), read=read, written=written)


def _as_response(piece: Piece) -> dict[str, Any]:
    found: dict[str, Any] = {"response": piece.text}
    return {**found, "thinking": piece.thinking} if piece.thinking else found


def _as_message(piece: Piece) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": piece.text}
    if piece.thinking:
        message["thinking"] = piece.thinking
    if piece.tool_calls:
        message["tool_calls"] = piece.tool_calls
    return {"message": message}


def _chunk(call: Call, told: dict[str, Any], piece: Piece) -> dict[str, Any]:
    if "message" in told:
        told["message"]["images"] = None  # as the published examples of streams have it
    found = {"model": call.name, "created_at": facts.stamp(), **told, "done": False}
    return {**found, "logprobs": piece.logprobs} if piece.logprobs else found


def _last(call: Call, piece: Piece, told: dict[str, Any]) -> dict[str, Any]:
    """The end of an answer with its figures; those that are zero are left out."""
    timings = piece.timings
    figures = {
        "context": call.extra.get("context"),
        "total_duration": int((time.monotonic() - call.began) * 1e9),
        "load_duration": call.extra.get("load_duration"),
        "prompt_eval_count": piece.prompt_tokens,
        "prompt_eval_duration": int(timings.get("prompt_ms", 0) * 1e6),
        "eval_count": piece.tokens,
        "eval_duration": int(timings.get("predicted_ms", 0) * 1e6),
    }
    return {
        "model": call.name,
        "created_at": facts.stamp(),
        **told,
        "done": True,
        "done_reason": "length" if piece.finish == "length" else "stop",
        **{key: value for key, value in figures.items() if value},
    }


def _load_duration(call: Call, load_seconds: float) -> int:
    """Nanoseconds until the engine was at hand; never zero, as Ollama's."""
    return max(1, int((load_seconds or time.monotonic() - call.began) * 1e9))


def _dumps(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
