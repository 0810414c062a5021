"""OpenAI's, Anthropic's and llama.cpp's routes: llama-server's own, passed through.

Mended is what clients stumble over: the model's name, unknown models, the
shape of errors. What llama-server would fetch from elsewhere is refused.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, closing
from typing import Any

import orjson
from aiohttp import web

from inference import runtime as runtimes
from inference.api import defaults, errors, facts, fields, media, several
from inference.api.errors import ApiError
from inference.api.tally import Tally
from inference.api.vectors import packed, shortened
from inference.engine import client
from inference.engine.slots import answers_each
from inference.errors import ModelNotFound
from inference.heartbeat import BLANK, COMMENT, Answer
from inference.models import LocalModel, public_name
from inference.runtime import Runtime

EVENTS = "text/event-stream"
JSON = "application/json; charset=utf-8"
ROUTES = (
    "/v1/chat/completions",
    "/v1/chat/completions/input_tokens",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/responses/input_tokens",
    "/v1/messages",
    "/v1/messages/count_tokens",
    *errors.LLAMA_CPP_ROUTES,
)
# What llama-server answers as a whole, whether a stream is asked for or not.
_WHOLE = frozenset(
    path
    for path in ROUTES
    if path.endswith(("tokens", "embedding", "embeddings", "tokenize", "template"))
    or "rerank" in path
)


async def models(request: web.Request) -> web.Response:
    """``GET /v1/models``, with ``models`` as llama.cpp's clients look for it."""
    names = runtimes.of(request).library.names()
    told = {"object": "list", "data": [_model(*pair) for pair in names]}
    return web.json_response({**told, "models": [_capable(*pair) for pair in names]})


async def model(request: web.Request) -> web.Response:
    """``GET /v1/models/{model}``"""
    name = request.match_info["model"]
    return web.json_response(_model(name, _find(runtimes.of(request), name)))


async def props(request: web.Request) -> web.Response:
    """``GET /props``: what llama.cpp's clients want to know of a model, the default one unless
    ``?model=`` names another."""
    runtime = runtimes.of(request)
    wanted = _find(runtime, request.query.get("model", ""))
    async with runtime.deadline(), runtime.engine(wanted) as lease:
        return web.json_response({**lease.engine.props, "model_path": public_name(wanted.name)})


async def slots(request: web.Request) -> web.Response:
    """``GET /slots``: which slots of a model are busy, as ``/props``; none while it is not loaded.

    It waits for no slot, and llama-server tells no prompts here.
    """
    runtime = runtimes.of(request)
    wanted = _find(runtime, request.query.get("model", ""))
    loaded = runtime.pool.find(wanted.name)
    if loaded is None:
        return web.json_response([])
    path = "/slots?fail_on_no_slot=1" if "fail_on_no_slot" in request.query else "/slots"
    async with runtime.deadline(), client.opened(loaded.engine, "GET", path) as answer:
        if answer.status != 200:
            raise await client.refusal(answer)
        return web.Response(body=await answer.read(), content_type="application/json")


async def refused(_request: web.Request) -> web.Response:
    """``/cors-proxy``, by which llama-server fetches for a page what it may not fetch itself."""
    raise ApiError(403, "this server fetches nothing for others")


async def passed(request: web.Request) -> web.StreamResponse:
    """A request for llama-server itself."""
    runtime = runtimes.of(request)
    document = await fields.json_body(request)
    media.check(document)
    wanted = _find(runtime, fields.model_name(document, required=False))
    _refuse_other_kind(request.path, wanted)
    mended = defaults.applied(request.path, document, wanted)
    shape = _shortening(document) if request.path == "/v1/embeddings" else None
    if shape:
        mended |= {"encoding_format": "float"}
    stream = fields.typed(document, "stream", bool, False) and request.path not in _WHOLE
    is_merged = several.is_meant(request.path, mended, stream=stream)
    parts = (_merged if is_merged else _bytes)(runtime, wanted, request.path, mended)
    same = 1 if is_merged else answers_each(mended)
    tally = Tally(runtime.metrics, public_name(wanted.name), time.monotonic(), same)
    with closing(tally):
        return await _answered(request, parts, tally, shape, stream=stream)


async def _answered(
    request: web.Request,
    parts: AsyncGenerator[bytes],
    tally: Tally,
    shape: Callable[[bytes], bytes] | None,
    *,
    stream: bool,
) -> web.StreamResponse:
    runtime = runtimes.of(request)
    sign, kind = (COMMENT, EVENTS) if stream else (BLANK, JSON)
    interval = runtime.settings.heartbeat
    async with Answer(request, content_type=kind, interval=interval, sign=sign) as answer:
        try:
            async with runtime.deadline(), aclosing(parts):
                if stream:
                    return await _streamed(answer, parts, tally)
                whole = b"".join([part async for part in parts])
                tally.whole(request.path, whole)
                return await answer.finish(shape(whole) if shape else whole)
        except ConnectionError:
            raise
        except Exception as error:
            if not answer.begun:
                raise
            return await _ended(answer, request.path, error, stream=stream)


async def _streamed(
    answer: Answer, parts: AsyncGenerator[bytes], tally: Tally
) -> web.StreamResponse:
    async for part in parts:
        tally.part(part)
        answer.between_lines = part.endswith(b"\n\n")
        await answer.send(part)
    return await answer.finish()


async def _ended(
    answer: Answer, path: str, error: Exception, *, stream: bool
) -> web.StreamResponse:
    told, dialect = errors.as_api_error(error), errors.dialect_of(path)
    if stream:
        return await answer.finish(errors.final_event(told, dialect))
    return await answer.finish(orjson.dumps(errors.document(told, dialect)))


async def _bytes(
    runtime: Runtime, wanted: LocalModel, path: str, body: Mapping[str, Any]
) -> AsyncGenerator[bytes]:
    """The engine's answer as it comes. Raises EngineRefused, EngineLost and the like."""
    async with (
        runtime.engine(wanted) as lease,
        client.posted(lease.engine, path, body) as answer,
    ):
        if answer.status != 200:
            raise await client.refusal(answer)
        async for part in answer.content.iter_any():
            yield part


async def _merged(
    runtime: Runtime, wanted: LocalModel, path: str, body: Mapping[str, Any]
) -> AsyncGenerator[bytes]:
    """As `_bytes`, of several answers together."""
    async with (
        runtime.engine(wanted) as lease,
        aclosing(several.parts(lease.engine, path, body)) as parts,
    ):
        async for part in parts:
            yield part


def _shortening(document: dict[str, Any]) -> Callable[[bytes], bytes] | None:
    """What gives an answer's vectors the ``dimensions`` that are asked for, which llama-server
    does not mind; None where none are."""
    dimensions = fields.typed(document, "dimensions", int, 0)
    if dimensions < 0:
        raise ApiError(400, "dimensions must be a positive number", param="dimensions")
    in_base64 = document.get("encoding_format") == "base64"

    def shape(raw: bytes) -> bytes:
        found = orjson.loads(raw)
        for item in found["data"]:
            vector = shortened(item["embedding"], dimensions)
            item["embedding"] = packed(vector) if in_base64 else vector
        return orjson.dumps(found)

    return shape if dimensions else None


def _find(runtime: Runtime, name: str) -> LocalModel:
    try:
        return runtime.library.find(name)
    except ModelNotFound:
        message = f"The model {name!r} does not exist here."
        raise ApiError(404, message, param="model", code="model_not_found") from None


def _refuse_other_kind(path: str, model: LocalModel) -> None:
    """llama.cpp would call it a flag that is missing, and answer vectors with one score in them."""
    name, ranks = public_name(model.name), "rerank" in facts.capabilities(model)
    if "rerank" in path and not ranks:
        raise ApiError(400, f"{name} does not support rerank: that takes a reranker")
    if "embedding" in path and ranks:
        raise ApiError(400, f"{name} does not support embeddings: it reranks, at /v1/rerank")


def _model(name: str, found: LocalModel) -> dict[str, Any]:
    changed = found.modified.timestamp() if found.modified else found.path.stat().st_mtime
    known = facts.header(found.path)
    return {
        "id": name,
        "object": "model",
        "created": int(changed),
        "owned_by": known.architecture or "library",
    }


def _capable(name: str, found: LocalModel) -> dict[str, Any]:
    sees = "vision" in facts.capabilities(found)
    can = ["completion", "multimodal"] if sees else ["completion"]
    return {"name": name, "model": name, "type": "model", "capabilities": can}
