"""Ollama's routes that embed: ``/api/embed``, and ``/api/embeddings`` of older clients."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from inference import runtime as runtimes
from inference.api import facts, fields, ollama
from inference.api.errors import ApiError
from inference.api.vectors import shortened
from inference.engine import client
from inference.engine.client import EngineRefused
from inference.engine.supervisor import Engine
from inference.models import LocalModel, public_name

MOST_INPUTS = 2048
_TOO_LONG = ("exceed_context_size_error", "too large to process")


async def embed(request: web.Request) -> web.StreamResponse:
    """``POST /api/embed``"""
    began = time.monotonic()
    document = await fields.json_body(request)
    name, model, keep_alive = _model(request, document)
    texts = _inputs(document.get("input"))
    dimensions = fields.typed(document, "dimensions", int, 0)
    truncate = fields.typed(document, "truncate", bool, True)
    if not texts:
        return web.json_response({"model": name, "embeddings": []})
    runtime = runtimes.of(request)

    async def told() -> dict[str, Any]:
        async with runtime.deadline(), runtime.engine(model, keep_alive) as lease:
            loaded = lease.load_seconds or time.monotonic() - began
            vectors, tokens = await _embed(lease.engine, texts, truncate=truncate)
        runtime.metrics.count(public_name(model.name), read=tokens)
        return {
            "model": name,
            "embeddings": [shortened(vector, dimensions) for vector in vectors],
            "total_duration": int((time.monotonic() - began) * 1e9),
            "load_duration": max(1, int(loaded * 1e9)),
            "prompt_eval_count": tokens,
        }

    return await ollama.whole(request, runtime, told())


async def embeddings(request: web.Request) -> web.StreamResponse:
    """``POST /api/embeddings``"""
    document = await fields.json_body(request)
    _, model, keep_alive = _model(request, document)
    text = fields.typed(document, "prompt", str, "")
    if not text:
        return web.json_response({"embedding": []})
    runtime = runtimes.of(request)

    async def told() -> dict[str, Any]:
        async with runtime.deadline(), runtime.engine(model, keep_alive) as lease:
            vectors, tokens = await _embed(lease.engine, [text], truncate=True)
        runtime.metrics.count(public_name(model.name), read=tokens)
        return {"embedding": vectors[0]}

    return await ollama.whole(request, runtime, told())


def _model(request: web.Request, document: dict[str, Any]) -> tuple[str, LocalModel, float | None]:
    name = fields.model_name(document)
    model = runtimes.of(request).library.find(name)
    if "rerank" in facts.capabilities(model):
        raise ApiError(400, f'"{name}" does not support embeddings: it reranks, at /v1/rerank')
    return name, model, fields.keep_alive(document)


def _inputs(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if texts is None:
        return []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ApiError(400, "invalid input type")
    if len(texts) > MOST_INPUTS:
        raise ApiError(400, f"a request can have {MOST_INPUTS} inputs")
    return [] if texts == [""] else texts


async def _embed(
    engine: Engine, texts: list[str], *, truncate: bool
) -> tuple[list[list[float]], int]:
    """Vectors and the number of tokens that were read."""
    if not engine.config.embeddings:
        raise ApiError(501, "this server does not support embeddings: EMBEDDINGS is off")
    try:
        found = await client.post(engine, "/v1/embeddings", {"input": texts})
    except EngineRefused as error:
        if not any(mark in f"{error.kind} {error}" for mark in _TOO_LONG):
            raise
        if not truncate:
            limit = longest_text(engine)
            raise ApiError(400, f"the input is longer than {limit} tokens") from None
        cut = [await _cut(engine, text) for text in texts]
        found = await client.post(engine, "/v1/embeddings", {"input": cut})
    ordered = sorted(found["data"], key=lambda item: item.get("index", 0))
    return [item["embedding"] for item in ordered], found["usage"]["prompt_tokens"]


def longest_text(engine: Engine) -> int:
    """Tokens that are embedded at once: llama.cpp pools most models' over one physical batch."""
    config = engine.config
    if config.reads_in_steps:
        return config.context_length
    return min(config.context_length, config.ubatch)


async def _cut(engine: Engine, text: str) -> list[int]:
    """A text's tokens, as many as can be embedded."""
    body = {"content": text, "add_special": True}
    tokens: list[int] = (await client.post(engine, "/tokenize", body))["tokens"]
    return tokens[: longest_text(engine)]
