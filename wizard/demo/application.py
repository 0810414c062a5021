"""The demo API's routes, and what is done to every request of it.

application = DemoApi(django, lambda: Service(upstreams, limits))
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from wizard.demo import answering, errors, models
from wizard.demo.errors import DemoError, MethodNotAllowed, NotOffered
from wizard.demo.exchange import JSON, Application, ClientGone, Exchange, Receive, Send
from wizard.demo.openapi import document as openapi
from wizard.demo.service import Service
from wizard.demo.values import Dialect

Handler = Callable[[Service, Exchange], Awaitable[None]]
Route = tuple[tuple[str, ...], Handler]
_GET = ("GET", "HEAD")
ROUTES: dict[str, Route] = {
    "/api/generate": (("POST",), answering.generate),
    "/api/chat": (("POST",), answering.chat),
    "/api/show": (("POST",), models.show),
    "/api/tags": (_GET, models.tags),
    "/api/version": (_GET, models.version),
    "/v1/chat/completions": (("POST",), answering.chat_completions),
    "/v1/completions": (("POST",), answering.completions),
    "/v1/models": (_GET, models.openai_models),
    "/openapi.json": (_GET, openapi.route),
}
_MODELS = "/v1/models/"
_ONE_MODEL: Route = (_GET, models.openai_model)
# Routes of the dialects that a demo for everybody does not have.
_NOT_OFFERED = frozenset(
    f"/api/{name}"
    for name in ("ps", "embed", "embeddings", "pull", "push", "create", "copy", "delete")
)
_CORS = {"Access-Control-Allow-Origin": "*"}
_EXPOSED = "Retry-After, X-Queue-Place, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Max-Age": "86400",
    "Vary": "Access-Control-Request-Headers",
}
_LONGEST_HEADER_LIST = 2000
_log = logging.getLogger("oneclick.demo")


class DemoApi:
    """An ASGI application that answers the demo API's paths and hands on all others."""

    def __init__(self, django: Application, make_service: Callable[[], Service]) -> None:
        self._django = django
        self._make_service = make_service
        self._service: Service | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_demo(scope["path"]):
            await _serve(self.begin(), Exchange(scope, receive, send))
        else:
            await self._django(scope, receive, send)

    def begin(self) -> Service:
        """The service, made in the loop that it belongs to."""
        self._service = self._service or self._make_service()
        return self._service

    def end_answers(self) -> None:
        """End the answers that still run with a sentence: the site stops."""
        if self._service:
            self._service.end_answers()

    async def close(self) -> None:
        """Let go of everything that is held in the running loop; running answers end."""
        if self._service:
            await self._service.close()


def is_demo(path: str) -> bool:
    """Whether a path is the demo API's."""
    return path in ROUTES or path in _NOT_OFFERED or path.startswith(("/v1/", "/api/blobs/"))


def dialect_of(path: str) -> Dialect:
    """Whose route a path is."""
    return Dialect.OPENAI if path.startswith("/v1") else Dialect.OLLAMA


async def _serve(service: Service, exchange: Exchange) -> None:
    began = time.monotonic()
    exchange.extra |= {**_CORS, "Access-Control-Expose-Headers": _EXPOSED}
    exchange.extra["X-Content-Type-Options"] = "nosniff"
    try:
        with contextlib.suppress(ClientGone):
            await _guarded(service, exchange)
    finally:
        service.log(exchange, time.monotonic() - began)


async def _guarded(service: Service, exchange: Exchange) -> None:
    try:
        if exchange.method == "OPTIONS":
            await _preflight(exchange)
            return
        await _handler(exchange)(service, exchange)
    except DemoError as error:
        await tell(exchange, error)
    except ClientGone:
        raise
    except Exception:
        _log.exception("a request failed")
        await tell(exchange, DemoError("internal error; the server's log says more"))


def _handler(exchange: Exchange) -> Handler:
    path = exchange.path
    route = _ONE_MODEL if path.startswith(_MODELS) else ROUTES.get(path)
    if route is None:
        raise NotOffered(f"{path[:100]} is not offered by this demo")
    methods, handler = route
    if exchange.method not in methods:
        allowed = ", ".join(methods)
        raise MethodNotAllowed(f"use {allowed} here", headers={"Allow": allowed})
    return handler


async def tell(exchange: Exchange, error: DemoError) -> None:
    """Tell a failure: with its status, or as the last words of a stream that has begun."""
    dialect = dialect_of(exchange.path)
    if exchange.begun and exchange.content_type != JSON:
        await exchange.end(errors.last_words(error, dialect))
        return
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    await exchange.answer(errors.document(error, dialect), errors.status_of(error), headers)


async def _preflight(exchange: Exchange) -> None:
    """Any site's page may call, with any header: there is no credential to misuse."""
    wanted = exchange.headers.get("access-control-request-headers", "")[:_LONGEST_HEADER_LIST]
    allowed = {"Access-Control-Allow-Headers": wanted} if wanted else {}
    await exchange.answer(b"", 204, {**_PREFLIGHT, **allowed})
