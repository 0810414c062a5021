"""Ollama's routes about models, and those that change them, which an operator must allow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiohttp import web

from inference import runtime as runtimes
from inference.api import facts, fields
from inference.api.errors import ApiError
from inference.api.ollama import NDJSON, failed, whole
from inference.engine.pool import Loaded
from inference.heartbeat import Answer
from inference.models import public_name
from inference.pull.progress import Progress, Stage
from inference.runtime import Runtime

# The Ollama whose API this is: clients compare it with what they need.
API_VERSION = "0.33.0"
FOR_GOOD = timedelta(days=365 * 100)
_STATUS = {
    Stage.WAITING: "waiting for another download",
    Stage.RESOLVING: "pulling manifest",
    Stage.VERIFYING: "verifying sha256 digest",
    Stage.READY: "writing manifest",
}


async def version(_request: web.Request) -> web.Response:
    """``GET /api/version``"""
    return web.json_response({"version": API_VERSION})


async def tags(request: web.Request) -> web.Response:
    """``GET /api/tags``"""
    found = [
        {
            **facts.summary(name, model),
            "modified_at": facts.modified_at(model),
            "capabilities": facts.capabilities(model),
        }
        for name, model in runtimes.of(request).library.names()
    ]
    return _json({"models": found})


async def ps(request: web.Request) -> web.Response:
    """``GET /api/ps``"""
    runtime = runtimes.of(request)
    return _json({"models": [_running(runtime, loaded) for loaded in runtime.pool.loaded()]})


async def show(request: web.Request) -> web.Response:
    """``POST /api/show``"""
    document = await fields.json_body(request)
    name = fields.model_name(document)
    model = runtimes.of(request).library.find(name)
    verbose = fields.typed(document, "verbose", bool, False)
    return _json(await asyncio.to_thread(facts.show, name, model, verbose=verbose))


async def pull(request: web.Request) -> web.StreamResponse:
    """``POST /api/pull``"""
    runtime = _allowed(request)
    document = await fields.json_body(request)
    name = fields.model_name(document)
    stream = fields.typed(document, "stream", bool, True)
    if not stream:
        return await whole(request, runtime, _pulled(runtime, name))
    interval = runtime.settings.heartbeat
    async with Answer(request, content_type=NDJSON, interval=interval) as answer:
        try:
            async with aclosing(_progress(runtime, name)) as lines:
                async for line in lines:
                    await answer.send(orjson.dumps(line) + b"\n")
            return await answer.finish(b'{"status":"success"}\n')
        except ConnectionError:
            raise
        except Exception as error:
            return await failed(answer, runtime, error)


async def delete(request: web.Request) -> web.Response:
    """``DELETE /api/delete``"""
    runtime = _allowed(request)
    name = fields.model_name(await fields.json_body(request))
    model = runtime.library.find(name, exactly=True)
    await runtime.pool.unload(model.name)
    await runtime.library.remove(name)
    return web.Response()


async def refused(request: web.Request) -> web.Response:
    """Routes that make or publish models: this server only serves them."""
    raise ApiError(501, f"{request.path} is not offered by this server: it serves models only")


async def _pulled(runtime: Runtime, name: str) -> dict[str, Any]:
    await runtime.library.pull(name, lambda _progress: None)
    return {"status": "success"}


async def _progress(runtime: Runtime, name: str) -> AsyncGenerator[dict[str, Any]]:
    """Ollama's lines for a download, each state told once."""
    queue: asyncio.Queue[Progress | None] = asyncio.Queue()
    task = asyncio.create_task(runtime.library.pull(name, queue.put_nowait))
    task.add_done_callback(lambda _task: queue.put_nowait(None))
    told: list[dict[str, Any]] = []
    try:
        while progress := await queue.get():
            lines = [line for line in _lines(progress) if line not in told]
            for line in lines:
                yield line
            told = _lines(progress)
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _lines(progress: Progress) -> list[dict[str, Any]]:
    files = [
        {
            "status": f"pulling {file.digest.partition(':')[2][:12]}",
            "digest": file.digest,
            "total": file.size,
            "completed": file.done,
        }
        for file in progress.files
    ]
    if progress.stage is Stage.DOWNLOADING:
        return files
    return [*files, {"status": _STATUS[progress.stage]}]


def _running(runtime: Runtime, loaded: Loaded) -> dict[str, Any]:
    left = loaded.expires - time.monotonic()
    ends = timedelta(seconds=left) if left < FOR_GOOD.total_seconds() else FOR_GOOD
    config = loaded.engine.config
    return {
        **facts.summary(public_name(loaded.model.name), loaded.model),
        "expires_at": facts.stamp(datetime.now(UTC) + ends),
        "size": config.memory,
        "size_vram": config.memory if runtime.pool.on_gpu and config.gpu_layers != 0 else 0,
        "context_length": config.context_length,
    }


def _allowed(request: web.Request) -> Runtime:
    runtime = runtimes.of(request)
    if not runtime.settings.allow_pull:
        raise ApiError(403, "this server does not let callers change its models (ALLOW_PULL)")
    return runtime


def _json(document: dict[str, Any]) -> web.Response:
    return web.Response(
        body=orjson.dumps(document), content_type="application/json", charset="utf-8"
    )
