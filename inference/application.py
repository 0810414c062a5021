"""The routes, and what is done to every request: key, origin, errors, counts, log."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from inference import auth, status
from inference import runtime as runtimes
from inference.api import errors, facts, ollama, ollama_embed, ollama_models, openai
from inference.api.errors import ApiError
from inference.errors import InferenceError
from inference.openapi import document
from inference.runtime import Runtime

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger("inference.requests")
# What a request is called in the log and in its answer.
IDENTIFIER = web.RequestKey("identifier", str)
_PREFLIGHT_SECONDS = "86400"
_REFUSED = ("/api/create", "/api/copy", "/api/push")


def build(runtime: Runtime) -> web.Application:
    """The whole application for one runtime."""
    app = web.Application(middlewares=[_around], client_max_size=runtime.settings.max_body_bytes)
    app[runtimes.KEY] = runtime
    app.on_response_prepare.append(_headers)
    add = app.router
    add.add_get("/", status.home)
    add.add_get("/static/{name}", status.static)
    add.add_get("/status", status.status)
    add.add_get("/healthz", status.alive)
    add.add_get("/health", status.ready)
    add.add_get("/v1/health", status.ready)
    add.add_get("/readyz", status.ready)
    add.add_get("/metrics", status.prometheus)
    add.add_get("/openapi.json", document.route)
    add.add_get("/api/version", ollama_models.version)
    add.add_get("/api/tags", ollama_models.tags)
    add.add_get("/api/ps", ollama_models.ps)
    add.add_post("/api/show", ollama_models.show)
    add.add_post("/api/generate", ollama.generate)
    add.add_post("/api/chat", ollama.chat)
    add.add_post("/api/embed", ollama_embed.embed)
    add.add_post("/api/embeddings", ollama_embed.embeddings)
    add.add_post("/api/pull", ollama_models.pull)
    add.add_delete("/api/delete", ollama_models.delete)
    for path in _REFUSED:
        add.add_post(path, ollama_models.refused)
    add.add_route("*", "/api/blobs/{digest}", ollama_models.refused)
    add.add_get("/v1/models", openai.models)
    add.add_get("/models", openai.models)
    add.add_get("/props", openai.props)
    add.add_get("/slots", openai.slots)
    add.add_get("/cors-proxy", openai.refused)
    add.add_post("/cors-proxy", openai.refused)
    add.add_get("/v1/models/{model:.+}", openai.model)
    for path in openai.ROUTES:
        add.add_post(path, openai.passed)
    return app


@web.middleware
async def _around(request: web.Request, handler: Handler) -> web.StreamResponse:
    runtime, began = runtimes.of(request), time.monotonic()
    request[IDENTIFIER] = secrets.token_hex(8)
    code = 499
    try:
        answer = await _guarded(request, handler)
        code = answer.status
        return answer
    except ConnectionError:  # nobody is there to be told anything
        return web.Response(status=code)
    finally:
        if code == 499:
            runtime.metrics.cancelled += 1
        _note(request, runtime, code, time.monotonic() - began)


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method == "OPTIONS" and "Origin" in request.headers:
        return web.Response()
    try:
        _check_key(request)
        return await handler(request)
    except ConnectionError:
        raise
    except Exception as error:
        return _failure(request, error)


def _check_key(request: web.Request) -> None:
    if auth.is_open(request.method, request.path):
        return
    hashes = runtimes.of(request).settings.api_key_hashes
    if not auth.is_known(auth.key_of(request.headers), hashes):
        message = "This endpoint needs its key: send it as “Authorization: Bearer KEY”."
        raise ApiError(401, message, code="invalid_api_key")


def _failure(request: web.Request, error: Exception) -> web.Response:
    told = errors.as_api_error(error)
    if isinstance(error, web.HTTPMethodNotAllowed):
        told = ApiError(405, f"method {request.method} is not allowed here")
    if isinstance(error, web.HTTPNotFound):
        told = ApiError(404, f"there is no route {request.path[:200]}")
    if told.status >= 500 and told.status != 501:  # what is not offered is no failure
        runtimes.of(request).failures.append(f"{facts.stamp()} {told.status} {told.message}")
    if told.status == 500 and not isinstance(error, ApiError | InferenceError):
        _log.error("a request failed", exc_info=error)
    answer = errors.response(told, errors.dialect_of(request.path))
    if isinstance(error, web.HTTPMethodNotAllowed):
        answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return answer


def _note(request: web.Request, runtime: Runtime, code: int, seconds: float) -> None:
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "other"
    runtime.metrics.requests[route, code] += 1
    if request.method == "POST":
        runtime.metrics.duration.observe(seconds)
    fields = {
        "id": request[IDENTIFIER],
        "method": request.method,
        "route": route,
        "status": code,
        "milliseconds": round(seconds * 1000, 1),
    }
    # Asked every second by some: what people ask would drown in it.
    level = logging.DEBUG if route in auth.PROBES else logging.INFO
    _log.log(level, "request", extra={"fields": fields})


async def _headers(request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers["X-Request-ID"] = request[IDENTIFIER]
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers.pop("Server", None)
    origin = request.headers.get("Origin")
    allowed = runtimes.of(request).settings.cors_origins
    if not origin or not allowed:
        return
    if "*" not in allowed and origin.lower() not in allowed:
        return
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Vary"] = "Origin, Access-Control-Request-Headers"
    # For pages that send cookies by habit. None opens anything here: a key does, in a header.
    answer.headers["Access-Control-Allow-Credentials"] = "true"
    answer.headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After"
    if request.method == "OPTIONS":
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
        # Each client has headers of its own, and none of them opens anything but the key.
        # “*” would not do: https://fetch.spec.whatwg.org/ leaves Authorization out of it.
        wanted = request.headers.get("Access-Control-Request-Headers", "Authorization")
        answer.headers["Access-Control-Allow-Headers"] = wanted
        answer.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
